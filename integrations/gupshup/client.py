"""Gupshup's partner API for one app (partner-docs.gupshup.io/reference)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from arriwa.common.http import HttpSession
from integrations.base.client import Reply, exchange
from integrations.base.errors import ConfigurationError, MalformedReply, OutcomeUnknown, Rejected, RemoteFault
from integrations.gupshup.answers import error_of, read_error
from integrations.gupshup.config import GupshupSettings
from integrations.gupshup.reading import as_dict, as_list, as_text

#: Seconds to connect and to read.
SEND_TIMEOUT = (3.05, 10.0)
READ_TIMEOUT = (3.05, 30.0)


@dataclass(frozen=True, slots=True)
class SentMessage:
    """Proof of a send: accepted, not yet delivered. The wamid comes with the first status."""

    gs_id: str
    #: WhatsApp's form of the phone, which may differ from the dialled one; "" for a user id.
    wa_id: str
    user_id: str
    #: The platform's word for the state, "accepted" when it says none.
    status: str
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A hook subscription of the app; `tag` is unique in it."""

    id: str
    tag: str
    url: str
    version: int
    active: bool
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AppDetails:
    """State of the app at Gupshup; `phone` in digits, "" while there is none."""

    live: bool
    stopped: bool
    phone: str
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    """`reason` is Gupshup's own text when the app is not healthy."""

    healthy: bool
    reason: str
    answer: Any


@dataclass(frozen=True, slots=True)
class WabaInfo:
    """State of the WhatsApp account; values are Meta's words, "" when not told."""

    waba_id: str
    phone: str
    account_status: str
    docker_status: str
    can_send_message: str
    phone_quality: str
    messaging_limit: str
    throughput: str
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    """`status` in upper case, such as APPROVED; `external_id` is Meta's."""

    id: str
    name: str
    language: str
    category: str
    status: str
    external_id: str
    answer: dict[str, Any]


class GupshupClient:
    """Calls for one app. Every method raises the errors of `answers.error_of`, Unreachable and, where a
    call is not safe to repeat, OutcomeUnknown and MalformedReply."""

    def __init__(
        self, *, base_url: str, settings: GupshupSettings, session: HttpSession | None = None
    ) -> None:
        """`base_url`: the operator's, such as https://partner.gupshup.io."""
        self._app = f"{base_url.rstrip('/')}/partner/app/{quote(settings.app_id, safe='')}"
        self._session = session
        # The old app tokens (sk_…) go bare, universal ones as Bearer (partner-docs, "Universal tokens").
        bare = settings.token.startswith("sk_")
        self._headers = {"Authorization": settings.token if bare else f"Bearer {settings.token}"}

    def send_message(self, body: Mapping[str, Any]) -> SentMessage:
        """Sends what `payloads.message_body` made. Never repeats: there is no idempotency key.

        Raises OutcomeUnknown when no answer came, MalformedReply when a success names no message.
        """
        reply = self._call("POST", "/v3/message", timeout=SEND_TIMEOUT, json=body)
        answer = as_dict(reply.json)
        message, contact = _first(answer, "messages"), _first(answer, "contacts")
        gs_id = as_text(message.get("id"))
        if not gs_id:
            raise MalformedReply(
                "Gupshup's answer names no message, so it may or may not have been sent.",
                status=reply.status,
                answer=reply.json if reply.json is not None else reply.text,
            )
        return SentMessage(
            gs_id=gs_id,
            wa_id=as_text(contact.get("wa_id")),
            user_id=as_text(contact.get("user_id")),
            status=as_text(message.get("message_status")) or "accepted",
            answer=answer,
        )

    def subscription_list(self) -> tuple[Subscription, ...]:
        """All subscriptions of the app, also those that are not ours. 5 calls a minute."""
        answer = self._read("/subscription")
        return tuple(_subscription(as_dict(item)) for item in as_list(answer.get("subscriptions")))

    def subscription_create(
        self,
        *,
        url: str,
        tag: str,
        modes: Sequence[str],
        headers: Mapping[str, str],
        version: int = 3,
    ) -> Subscription:
        """Makes Gupshup call `url` with `headers` for the events in `modes`. 5 calls a minute.

        Raises Rejected when the tag is taken: delete that subscription first (also to change its secret).
        """
        form = {
            "modes": ",".join(modes),
            "tag": tag,
            "url": url,
            "version": str(version),
            "showOnUI": "false",
            "meta": json.dumps({"headers": dict(headers)}),
        }
        reply = self._call("POST", "/subscription", timeout=READ_TIMEOUT, data=form)
        subscription = _subscription(as_dict(as_dict(reply.json).get("subscription")))
        if not subscription.id:
            raise MalformedReply(
                "Gupshup's answer names no subscription; list them to see.",
                status=reply.status,
                answer=reply.json,
            )
        return subscription

    def subscription_delete(self, subscription_id: str) -> None:
        """Deletes one subscription and leaves all others alone. An id that is gone raises Rejected."""
        if not subscription_id:
            # The path without an id deletes all of them.
            raise ConfigurationError("Name the subscription that is to be deleted.")
        self._call("DELETE", f"/subscription/{quote(subscription_id, safe='')}", timeout=READ_TIMEOUT)

    def app_details(self) -> AppDetails:
        """Whether the app is live, and its number (digits)."""
        details = as_dict(self._read("/details").get("appDetails"))
        return AppDetails(
            live=_flag(details.get("live")),
            stopped=_flag(details.get("stopped")),
            phone=as_text(details.get("phone")),
            answer=details,
        )

    def health(self) -> Health:
        """Gupshup answers an unhealthy app with 400 and the reason; that is a result here, not an error."""
        try:
            answer = self._read("/health")
        except Rejected as error:
            if error.status != 400:
                raise
            return Health(False, read_error(error.answer)[1], error.answer)
        healthy = _flag(answer.get("healthy"))
        return Health(healthy, "" if healthy else as_text(answer.get("message")), answer)

    def waba_info(self) -> WabaInfo:
        """State, quality and limits of the number's WhatsApp account."""
        info = as_dict(self._read("/waba/info").get("wabaInfo"))
        return WabaInfo(
            waba_id=as_text(info.get("wabaId")),
            phone=as_text(info.get("phone")),
            account_status=as_text(info.get("accountStatus")),
            docker_status=as_text(info.get("dockerStatus")),
            can_send_message=as_text(info.get("canSendMessage")),
            phone_quality=as_text(info.get("phoneQuality")),
            messaging_limit=as_text(info.get("messagingLimit")),
            throughput=as_text(info.get("throughput")),
            answer=info,
        )

    def template_list(self) -> tuple[TemplateInfo, ...]:
        """All templates of the app in all languages. 10 calls a minute."""
        items = [as_dict(item) for item in as_list(self._read("/templates").get("templates"))]
        return tuple(
            TemplateInfo(
                id=as_text(item.get("id")),
                name=as_text(item.get("elementName")),
                language=as_text(item.get("languageCode")),
                category=as_text(item.get("category")),
                status=as_text(item.get("status")).upper(),
                external_id=as_text(item.get("externalId")),
                answer=item,
            )
            for item in items
        )

    def _read(self, path: str) -> dict[str, Any]:
        """A GET, safe to repeat: a lost or unreadable answer is a RemoteFault here."""
        try:
            reply = self._call("GET", path, timeout=READ_TIMEOUT)
        except OutcomeUnknown as error:
            raise RemoteFault("Gupshup did not answer in time. It is tried again by itself.") from error
        if not isinstance(reply.json, dict):
            raise RemoteFault(
                "Gupshup's answer cannot be read. It is tried again by itself.",
                status=reply.status,
                answer=reply.text,
            )
        return reply.json

    def _call(self, method: str, path: str, *, timeout: tuple[float, float], **kwargs: Any) -> Reply:
        url = f"{self._app}{path}"
        reply = exchange(method, url, session=self._session, timeout=timeout, headers=self._headers, **kwargs)
        error = error_of(reply)
        if error is not None:
            raise error
        return reply


def _first(answer: dict[str, Any], key: str) -> dict[str, Any]:
    items = as_list(answer.get(key))
    return as_dict(items[0]) if items else {}


def _flag(value: Any) -> bool:
    """Gupshup writes some flags as text."""
    return value is True or as_text(value).lower() == "true"


def _subscription(item: dict[str, Any]) -> Subscription:
    version = as_text(item.get("version"))
    return Subscription(
        id=as_text(item.get("id")),
        tag=as_text(item.get("tag")),
        url=as_text(item.get("url")),
        version=int(version) if version.isdigit() else 0,
        active=_flag(item.get("active")),
        answer=item,
    )
