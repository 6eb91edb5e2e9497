"""A person's token: made long-lived, looked into, taken back (brief T1, T3; reference meta 7.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from arriwa.common.http import HttpSession
from integrations.base.errors import CredentialRefused, MalformedReply, OutcomeUnknown, Rejected, RemoteFault
from integrations.meta.graph import Credential, GraphToken, graph_request, graph_url

#: The person has removed the app: nothing is left to take back.
_REMOVED = "190/458"
_PERMISSION = re.compile(r"[a-z_]+")


@dataclass(frozen=True, slots=True)
class LongToken:
    """A long-lived token; `expires_in` is None where Meta names no end."""

    token: str = field(repr=False)
    expires_in: timedelta | None


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What a token opens. Times are UTC, None is never."""

    is_valid: bool
    #: App-scoped id of the person, as in `signed_request`; "" for a token that says nothing any more.
    user_id: str
    scopes: tuple[str, ...]
    #: Scope -> ids that were ticked; a scope without an entry is granted for all.
    granular: Mapping[str, tuple[str, ...]]
    expires_at: datetime | None
    #: The person's data may be read until then, whatever the token's own end.
    data_access_expires_at: datetime | None
    #: Meta's code of why the token is dead, such as "190/460"; "" for a valid one.
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the person answered, over all consents so far."""

    granted: tuple[str, ...]
    declined: tuple[str, ...]


class LoginClient:
    """Calls about people's tokens, on behalf of the app. No secret is ever part of a URL."""

    def __init__(
        self, base_url: str, app_id: str, app_secret: str, *, session: HttpSession | None = None
    ) -> None:
        """`base_url`: https://graph.facebook.com or the operator's own."""
        self._base_url = base_url
        self._app_id = app_id
        self._app_secret = app_secret
        self._session = session

    def exchange(self, token: str) -> LongToken:
        """A new long-lived token (about 60 days) for a valid one; each call gives another.

        Raises CredentialRefused for a dead token or a wrong app, and the transient errors of `graph_request`.
        """
        form = {
            "grant_type": "fb_exchange_token",
            "client_id": self._app_id,
            "client_secret": self._app_secret,
            "fb_exchange_token": token,
        }
        answer = self._ask("POST", "oauth", "access_token", data=form, credential=self._app())
        long_token = answer.get("access_token")
        if not isinstance(long_token, str) or not long_token:
            raise MalformedReply("Meta exchanged a token and named no new one.")
        seconds = answer.get("expires_in")
        life = timedelta(seconds=seconds) if isinstance(seconds, int) and seconds > 0 else None
        return LongToken(long_token, life)

    def debug(self, token: str) -> TokenInfo:
        """What `token` opens; a dead one is an answer with `is_valid` False, not an error.

        Raises CredentialRefused for a wrong app id or secret, Rejected ("app_id") for a token that was
        given to another app, and the transient errors of `graph_request`.
        """
        # A POST that stands for a GET: the token is in the body.
        form = {"method": "GET", "input_token": token}
        data = self._ask("POST", "debug_token", data=form, credential=self._app()).get("data")
        if not isinstance(data, dict):
            raise MalformedReply("Meta looked into a token and told nothing.")
        if data.get("is_valid") is not True:
            return _dead(data)
        if str(data.get("app_id")) != self._app_id:
            raise Rejected("The token was given to another app: sign in again here.", platform_code="app_id")
        return TokenInfo(
            is_valid=True,
            user_id=str(data.get("user_id") or ""),
            scopes=_texts(data.get("scopes")),
            granular=_granular(data.get("granular_scopes")),
            expires_at=_time(data.get("expires_at")),
            data_access_expires_at=_time(data.get("data_access_expires_at")),
        )

    def permissions(self, token: str) -> Permissions:
        """Every permission that the person was asked for, granted or declined.

        Raises CredentialRefused for a dead token, and the transient errors of `graph_request`.
        """
        data = self._ask("GET", "me", "permissions", credential=self._person(token)).get("data")
        if not isinstance(data, list):
            raise MalformedReply("Meta's list of permissions cannot be read.")
        found: dict[str, list[str]] = {"granted": [], "declined": []}
        for row in data:
            if isinstance(row, dict) and row.get("status") in found:
                found[row["status"]].append(str(row.get("permission")))
        return Permissions(tuple(found["granted"]), tuple(found["declined"]))

    def revoke(self, token: str, permission: str | None = None) -> None:
        """Takes one permission back, or all with the app itself. Repeating it changes nothing.

        Raises CredentialRefused for a token that is dead for another reason, Rejected for a permission
        that was not granted.
        """
        if permission is not None and not _PERMISSION.fullmatch(permission):
            raise Rejected("Meta knows no such permission.", platform_code="permission")
        path = ("me", "permissions", permission) if permission else ("me", "permissions")
        try:
            self._ask("DELETE", *path, credential=self._person(token))
        except CredentialRefused as error:
            if error.platform_code != _REMOVED:
                raise

    def _app(self) -> GraphToken:
        return GraphToken(f"{self._app_id}|{self._app_secret}")

    def _person(self, token: str) -> GraphToken:
        return GraphToken(token, self._app_secret)

    def _ask(
        self, method: str, *path: str, credential: Credential, data: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            reply = graph_request(
                method,
                graph_url(self._base_url, *path),
                settings=credential,
                session=self._session,
                data=data,
            )
        except OutcomeUnknown:
            # Every call here may be repeated without harm. The cause, which knows the request, is not kept.
            fault = RemoteFault("Meta did not answer in time.")
        else:
            answer: dict[str, Any] = reply.json
            return answer
        raise fault


def _dead(data: Mapping[str, Any]) -> TokenInfo:
    error = data.get("error")
    error = error if isinstance(error, dict) else {}
    code, subcode = error.get("code") or 190, error.get("subcode") or error.get("error_subcode")
    return TokenInfo(
        is_valid=False,
        user_id=str(data.get("user_id") or ""),
        scopes=(),
        granular={},
        expires_at=_time(data.get("expires_at")),
        data_access_expires_at=_time(data.get("data_access_expires_at")),
        reason=f"{code}/{subcode}" if subcode else str(code),
    )


def _granular(rows: object) -> dict[str, tuple[str, ...]]:
    """Only scopes with targets: one without is granted for all."""
    return {
        str(row["scope"]): _texts(row["target_ids"])
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and row.get("scope") and row.get("target_ids")
    }


def _texts(values: object) -> tuple[str, ...]:
    return tuple(str(value) for value in values) if isinstance(values, list) else ()


def _time(seconds: object) -> datetime | None:
    """Unix seconds as UTC; 0 is never."""
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and seconds > 0 else None
