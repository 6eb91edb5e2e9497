"""Kommo's API v4 (brief L15-L21)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from arriwa.common.http import HttpSession
from integrations.base.client import Reply, exchange
from integrations.base.errors import MalformedReply, OutcomeUnknown, RemoteFault
from integrations.kommo import API_PATH
from integrations.kommo.config import KommoSettings, account_url
from integrations.kommo.errors import raise_for_kommo, request_id_of
from integrations.kommo.payloads import Contact, Lead, parse_contact, parse_lead, phone_query

T = TypeVar("T")
PAGE_SIZE = 250
#: A search that matches more contacts than this is no search.
MAX_PAGES = 20
#: The gateway gave up; the request behind it may still be done.
_GATEWAY_LOST = (502, 504)


@dataclass(frozen=True, slots=True)
class Account:
    """The account behind a token."""

    id: int
    name: str
    subdomain: str
    currency: str


@dataclass(frozen=True, slots=True)
class Status:
    """A stage of a pipeline; `type` 1 is the fixed Incoming stage, which cannot be written."""

    id: int
    name: str
    type: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline with its stages in order."""

    id: int
    name: str
    is_main: bool
    statuses: tuple[Status, ...]


@dataclass(frozen=True, slots=True)
class CustomField:
    """A custom field of `entity` leads or contacts."""

    id: int
    entity: str
    name: str
    code: str
    type: str


@dataclass(frozen=True, slots=True)
class Created:
    """Kommo's proof of a new deal. `merged`: its duplicate control returned an existing one."""

    lead_id: int
    contact_id: int
    merged: bool
    #: Our own request ids as Kommo echoes them.
    echo: tuple[str, ...]
    #: X-Request-Id of the answer.
    request_id: str


@dataclass(frozen=True, slots=True)
class Patched:
    """Kommo's proof of a change. `updated_at` in unix seconds."""

    id: int
    updated_at: int
    request_id: str


class KommoClient:
    """One account with one token."""

    def __init__(
        self,
        *,
        base_url: str,
        settings: KommoSettings,
        session: HttpSession | None = None,
        renew: Callable[[str], str] | None = None,
    ) -> None:
        """`base_url`: the operator's template, such as https://{subdomain}.kommo.com.

        `renew`: gives the token that follows a refused one; it is asked once per request.
        """
        # The subdomain is one DNS label (KommoSettings), so it cannot lead to a host outside the template.
        self._root = account_url(base_url, subdomain=settings.subdomain, host=settings.host) + API_PATH
        self._token = settings.token
        self._session = session
        self._renew = renew

    def account(self) -> Account:
        """The account that the token opens; its id must be the connection's."""
        reply = self._read("/account")
        return _parsed(
            reply,
            lambda body: Account(
                int(body["id"]),
                str(body.get("name") or ""),
                str(body.get("subdomain") or ""),
                str(body.get("currency") or ""),
            ),
        )

    def pipelines(self) -> tuple[Pipeline, ...]:
        """All pipelines with their stages."""
        return _parsed(self._read("/leads/pipelines"), _pipelines)

    def statuses_create(self, pipeline_id: int, names: Sequence[str]) -> tuple[Status, ...]:
        """Makes stages at the end of a pipeline, before won and lost; an administrator's token is needed.

        Kommo lets two stages have one name: look at `pipelines` first.
        """
        bodies = [{"name": name, "sort": 1000 + 10 * n} for n, name in enumerate(names)]
        reply = self._send("POST", f"/leads/pipelines/{int(pipeline_id)}/statuses", bodies)
        return _parsed(reply, lambda body: tuple(map(_status, body["_embedded"]["statuses"])))

    def custom_fields_list(self, entity: str) -> tuple[CustomField, ...]:
        """All custom fields of `entity`: leads or contacts."""
        return tuple(self._pages(f"/{entity}/custom_fields", "custom_fields", _field_of(entity)))

    def custom_fields_create(
        self, entity: str, bodies: Sequence[Mapping[str, Any]]
    ) -> tuple[CustomField, ...]:
        """Creates fields from `payloads.custom_field_body`; an administrator's token is needed."""
        reply = self._send("POST", f"/{entity}/custom_fields", list(bodies))
        make = _field_of(entity)
        fields = _parsed(reply, lambda body: tuple(map(make, body["_embedded"]["custom_fields"])))
        if len(fields) != len(bodies):
            raise MalformedReply(f"Kommo created {len(fields)} of {len(bodies)} fields.", status=reply.status)
        return fields

    def contact_search(self, digits: str) -> tuple[Contact, ...]:
        """Contacts that the full-text search finds by the number's end, with their deals' ids.

        Choose among them by `payloads.exact_matches`. A contact made some seconds ago may be missing.
        """
        query = phone_query(digits)
        if not query:
            return ()
        params = {"query": query, "with": "leads"}
        return tuple(self._pages("/contacts", "contacts", parse_contact, params))

    def lead_complex_create(self, body: Sequence[Mapping[str, Any]]) -> Created:
        """Creates one deal with its contact. `body` from `payloads.complex_body`.

        Not safe to repeat: after OutcomeUnknown or MalformedReply search by phone, 10 to 30 s later.
        Raises OutcomeUnknown also for 502 and 504, behind which the deal may have been made.
        """
        reply = self._send("POST", "/leads/complex", list(body), creates=True)
        found = _parsed(reply, lambda items: [_created(item, request_id_of(reply)) for item in items])
        if len(found) != 1:
            raise MalformedReply(f"Kommo named {len(found)} deals for one.", status=reply.status)
        return found[0]

    def lead_search(self, text: str) -> tuple[Lead, ...]:
        """Deals that the full-text search finds, with their contacts' ids; a new one may be missing yet."""
        params = {"query": text, "with": "contacts"}
        return tuple(self._pages("/leads", "leads", parse_lead, params))

    def lead_patch(self, lead_id: int, body: Mapping[str, Any]) -> Patched:
        """Changes a deal. `body` from `payloads.lead_patch_body`; repeating it changes nothing more."""
        return self._patch(f"/leads/{int(lead_id)}", body)

    def contact_patch(self, contact_id: int, body: Mapping[str, Any]) -> Patched:
        """Changes a contact. `body` from `payloads.contact_patch_body`."""
        return self._patch(f"/contacts/{int(contact_id)}", body)

    def lead_get(self, lead_id: int) -> Lead | None:
        """The deal with its contacts' ids and tags; None when it is gone."""
        reply = self._read(f"/leads/{int(lead_id)}", {"with": "contacts"}, missing=(204, 404))
        return None if reply.status in (204, 404) else _parsed(reply, parse_lead)

    def _patch(self, path: str, body: Mapping[str, Any]) -> Patched:
        reply = self._send("PATCH", path, dict(body))
        return _parsed(
            reply,
            lambda item: Patched(int(item["id"]), int(item.get("updated_at") or 0), request_id_of(reply)),
        )

    def _send(self, method: str, path: str, body: object, *, creates: bool = False) -> Reply:
        reply = self._exchange(method, path, json=body)
        if creates and reply.status in _GATEWAY_LOST:
            raise OutcomeUnknown(
                f"Kommo's gateway answered {reply.status}, so the deal may have been made.",
                status=reply.status,
            )
        raise_for_kommo(reply)
        return reply

    def _read(
        self, path: str, params: Mapping[str, Any] | None = None, missing: tuple[int, ...] = ()
    ) -> Reply:
        try:
            reply = self._exchange("GET", path, params=params)
        except OutcomeUnknown as error:
            # A read changes nothing, so there is no outcome to resolve.
            raise RemoteFault("Kommo did not answer a read in time.") from error
        if reply.status not in missing:
            raise_for_kommo(reply)
        return reply

    def _exchange(self, method: str, path: str, **kwargs: Any) -> Reply:
        reply = self._once(method, path, **kwargs)
        if reply.status == 401 and self._renew is not None:
            # A refused request did nothing, so it may be made again.
            self._token = self._renew(self._token)
            reply = self._once(method, path, **kwargs)
        return reply

    def _once(self, method: str, path: str, **kwargs: Any) -> Reply:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        return exchange(method, self._root + path, session=self._session, headers=headers, **kwargs)

    def _pages(
        self,
        path: str,
        name: str,
        make: Callable[[Mapping[str, Any]], T],
        params: Mapping[str, Any] | None = None,
    ) -> list[T]:
        # Pages are counted: the answer's own link is not followed, since the token would go with it.
        found: list[T] = []
        for page in range(1, MAX_PAGES + 1):
            reply = self._read(path, {**(params or {}), "limit": PAGE_SIZE, "page": page})
            if reply.status == 204:
                break
            found += _parsed(reply, lambda body: [make(item) for item in body["_embedded"][name]])
            if not _parsed(reply, lambda body: (body.get("_links") or {}).get("next")):
                break
        return found


def _parsed(reply: Reply, read: Callable[[Any], T]) -> T:
    try:
        return read(reply.json)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedReply(status=reply.status, request_id=request_id_of(reply)) from error


def _created(item: Mapping[str, Any], request_id: str) -> Created:
    echo = item.get("request_id") or ()
    return Created(
        lead_id=int(item["id"]),
        contact_id=int(item["contact_id"]),
        merged=bool(item.get("merged")),
        echo=(echo,) if isinstance(echo, str) else tuple(str(part) for part in echo),
        request_id=request_id,
    )


def _field_of(entity: str) -> Callable[[Mapping[str, Any]], CustomField]:
    def make(item: Mapping[str, Any]) -> CustomField:
        return CustomField(
            int(item["id"]),
            entity,
            str(item.get("name") or ""),
            str(item.get("code") or ""),
            str(item.get("type") or ""),
        )

    return make


def _status(item: Mapping[str, Any]) -> Status:
    return Status(int(item["id"]), str(item.get("name") or ""), int(item.get("type") or 0))


def _pipelines(body: Any) -> tuple[Pipeline, ...]:
    return tuple(
        Pipeline(
            id=int(item["id"]),
            name=str(item.get("name") or ""),
            is_main=bool(item.get("is_main")),
            statuses=tuple(
                _status(stage)
                for stage in sorted(item["_embedded"]["statuses"], key=lambda stage: stage.get("sort") or 0)
            ),
        )
        for item in body["_embedded"]["pipelines"]
    )
