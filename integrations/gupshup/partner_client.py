"""Gupshup's partner API beyond one app: tokens, and making apps (reference 1.1, 1.2).

Which calls take which token is told by partner-docs' pages of each call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from arriwa.common.http import HttpSession
from integrations.base.client import Reply, exchange
from integrations.base.errors import MalformedReply, OutcomeUnknown, RemoteFault
from integrations.gupshup.answers import error_of
from integrations.gupshup.reading import as_dict, as_list, as_text

TIMEOUT = (3.05, 30.0)


@dataclass(frozen=True, slots=True)
class PartnerCredentials:
    """Our account in the partner portal."""

    partner_id: str
    email: str
    client_secret: str = field(repr=False)
    #: Legacy: a login's token and static app tokens, until 31 March 2027.
    universal: bool = True


@dataclass(frozen=True, slots=True)
class Minted:
    """A token as it was just given out; `expires_at` is None for one that does not end."""

    id: str
    name: str
    token: str = field(repr=False)
    expires_at: datetime | None


class PartnerClient:
    """Raises the errors of `answers.error_of`, Unreachable, OutcomeUnknown and MalformedReply."""

    def __init__(
        self, *, base_url: str, credentials: PartnerCredentials, session: HttpSession | None = None
    ) -> None:
        """`base_url`: the operator's, such as https://partner.gupshup.io."""
        self._base, self._own, self._session = base_url.rstrip("/"), credentials, session

    # --- our own token --------------------------------------------------------------------------

    def universal_mint(self, name: str) -> Minted:
        """A universal token for 60 days. Rejected with status 409: the name, or all three, are in use."""
        form = {"email": self._own.email, "clientSecret": self._own.client_secret, "name": name}
        return _minted(self._call("POST", f"/partner/{self._partner}/auth/token", data=form))

    def universal_revoke(self, name: str) -> None:
        """Ends our token of that name. An unknown one raises Rejected with status 404."""
        form = {"email": self._own.email, "clientSecret": self._own.client_secret, "name": name}
        self._call("POST", f"/partner/{self._partner}/auth/revoke", data=form)

    def login(self, lasts_until: datetime) -> Minted:
        """The legacy partner token; the answer names no end, so the caller says how long it counts."""
        form = {"email": self._own.email, "password": self._own.client_secret}
        token = as_text(as_dict(self._call("POST", "/partner/account/login", data=form).json).get("token"))
        if not token:
            raise MalformedReply("Gupshup's answer to the login names no token.")
        return Minted("", "login", token, lasts_until)

    # --- tokens of apps -------------------------------------------------------------------------

    def app_mint(self, partner_token: str, app_id: str, name: str) -> Minted:
        """A universal app token for 24 hours. Rejected with status 409: name, or all three, are in use."""
        path = f"{_app(app_id)}/token"
        return _minted(self._call("POST", path, token=partner_token, data={"name": name}))

    def app_static(self, partner_token: str, app_id: str) -> Minted:
        """The app's legacy token, always the same; it does not end."""
        reply = self._call("GET", f"{_app(app_id)}/token", token=partner_token)
        token = as_text(as_dict(as_dict(reply.json).get("token")).get("token"))
        if not token:
            raise MalformedReply("Gupshup's answer names no app token.")
        return Minted("", "static", token, None)

    def app_tokens(self, partner_token: str, app_id: str) -> list[tuple[str, str]]:
        """(id, name) of the app's active tokens."""
        reply = self._call("GET", f"{_app(app_id)}/tokens", token=partner_token, params={"status": "ACTIVE"})
        rows = [as_dict(row) for row in as_list(reply.json)]
        return [(as_text(row.get("id")), as_text(row.get("name"))) for row in rows]

    def app_revoke(self, partner_token: str, app_id: str, token_id: str) -> None:
        """Ends one token of the app. Rejected with status 410: it has ended already."""
        form = {"id": token_id}
        self._call("POST", f"{_app(app_id)}/token/revoke", token=partner_token, data=form)

    # --- apps -----------------------------------------------------------------------------------

    def app_create(self, partner_token: str, name: str) -> str:
        """The new app's id. Rejected with status 409: somebody at Gupshup has that name."""
        form = {"name": name, "templateMessaging": "true", "disableOptinPrefUrl": "true"}
        answer = as_dict(self._call("POST", "/partner/app", token=partner_token, data=form).json)
        app_id = as_text(answer.get("appId"))
        if not app_id:
            raise MalformedReply("Gupshup's answer names no app; the next attempt looks for it.")
        return app_id

    def app_list(self, partner_token: str) -> Mapping[str, str]:
        """Name -> id of all our apps."""
        reply = self._call("GET", "/partner/account/api/partnerApps", token=partner_token)
        rows = [as_dict(row) for row in as_list(as_dict(reply.json).get("partnerAppsList"))]
        return {as_text(row.get("name")): as_text(row.get("id")) for row in rows}

    def app_region(self, partner_token: str, app_id: str, region: str) -> None:
        """Where the app's data is kept; only before it has a number."""
        self._call("PUT", _app(app_id), token=partner_token, data={"storageRegion": region})

    # --------------------------------------------------------------------------------------------

    @property
    def _partner(self) -> str:
        return quote(self._own.partner_id, safe="")

    def _call(self, method: str, path: str, *, token: str = "", **kwargs: Any) -> Reply:
        headers = {}
        if token:
            headers = {"Authorization": f"Bearer {token}"} if self._own.universal else {"token": token}
        try:
            reply = exchange(
                method,
                self._base + path,
                session=self._session,
                timeout=TIMEOUT,
                headers=headers,
                **kwargs,
            )
        except OutcomeUnknown as unknown:
            if method == "GET":
                raise RemoteFault("Gupshup did not answer in time. It is tried again by itself.") from unknown
            raise
        error = error_of(reply)
        if error is not None:
            raise error
        return reply


def _app(app_id: str) -> str:
    return f"/partner/app/{quote(app_id, safe='')}"


def _minted(reply: Reply) -> Minted:
    answer = as_dict(reply.json)
    token, ends = as_text(answer.get("token")), answer.get("expiredOn")
    if not token or not isinstance(ends, int | float):
        raise MalformedReply("Gupshup's answer names no token or no end of it.", status=reply.status)
    return Minted(
        as_text(answer.get("id")),
        as_text(answer.get("name")),
        token,
        datetime.fromtimestamp(ends / 1000, UTC),
    )
