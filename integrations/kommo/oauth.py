"""Kommo's OAuth: where the owner is sent, what comes back, and pairs of tokens.

Source: developers.kommo.com/docs/oauth-20 and /reference/get-token. A code is good for 20 minutes and once,
an access token for a day; every refresh gives a new pair and kills the refresh token that it was made with.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from arriwa.common.http import HttpSession
from integrations.base.client import Reply, exchange, raise_for_transient
from integrations.base.errors import CredentialRefused, MalformedReply, Rejected
from integrations.kommo.config import account_url
from integrations.kommo.errors import request_id_of

PATH = "/oauth2/access_token"


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token with its refresh token. `expires_at`: when the access token ends, real time."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime

    def secrets(self) -> dict[str, str]:
        """As a connection keeps it."""
        return {"token": self.access, "refresh_token": self.refresh}


@dataclass(frozen=True, slots=True)
class Integration:
    """Our integration at Kommo. `redirect_uri` must be the registered one to the letter."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str


def authorize_url(base: str, *, client_id: str, state: str) -> str:
    """Where the owner lets the integration in; he comes back with `code`, `referer` and `state`."""
    return f"{base}?{urlencode({'client_id': client_id, 'state': state, 'mode': 'popup'})}"


def token_expiry(token: str) -> datetime | None:
    """When a token ends, read from its claim `exp`; None when it says nothing.

    The signature is not checked: only Kommo can, and the answer decides no access.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (binascii.Error, ValueError, KeyError, TypeError, OverflowError, OSError):
        return None


class TokenClient:
    """The token endpoint of one account's host."""

    def __init__(
        self,
        *,
        base_url: str,
        subdomain: str,
        host: str = "",
        integration: Integration,
        session: HttpSession | None = None,
    ) -> None:
        """`base_url`: the operator's template. Raises ConfigurationError for a host that is not Kommo's."""
        self._url = account_url(base_url, subdomain=subdomain, host=host) + PATH
        self._integration = integration
        self._session = session

    def exchange(self, code: str, *, now: datetime) -> TokenPair:
        """The first pair, for a code from the callback. `now`: real time.

        Raises Rejected when the code is used or too old, OutcomeUnknown when no answer came (start anew), and
        Unreachable, Throttled, RemoteFault, MalformedReply.
        """
        reply = self._post({"grant_type": "authorization_code", "code": code})
        if 400 <= reply.status < 500 and reply.status != 429:
            raise Rejected(
                "Kommo does not take this sign-in any more: start connecting once more.",
                status=reply.status,
                request_id=request_id_of(reply),
            )
        return _pair(reply, now)

    def refresh(self, refresh_token: str, *, now: datetime) -> TokenPair:
        """The next pair; the refresh token is dead afterwards, also when the answer is lost.

        Raises CredentialRefused when Kommo no longer takes it, else as `exchange`.
        """
        reply = self._post({"grant_type": "refresh_token", "refresh_token": refresh_token})
        if reply.status in (400, 401, 403):
            raise CredentialRefused(
                "Kommo no longer renews the access: connect the account once more.",
                status=reply.status,
                request_id=request_id_of(reply),
            )
        return _pair(reply, now)

    def _post(self, grant: Mapping[str, str]) -> Reply:
        body = {
            "client_id": self._integration.client_id,
            "client_secret": self._integration.client_secret,
            "redirect_uri": self._integration.redirect_uri,
            **grant,
        }
        return exchange("POST", self._url, session=self._session, json=body)


def _pair(reply: Reply, now: datetime) -> TokenPair:
    raise_for_transient(reply)
    if reply.status >= 300:
        raise Rejected(f"Kommo refused the token request ({reply.status}).", status=reply.status)
    body: Any = reply.json
    try:
        access, refresh = body["access_token"], body["refresh_token"]
        seconds = int(body["expires_in"])
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedReply("Kommo's tokens cannot be read.", status=reply.status) from error
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        raise MalformedReply("Kommo's tokens cannot be read.", status=reply.status)
    return TokenPair(access, refresh, now + timedelta(seconds=seconds))
