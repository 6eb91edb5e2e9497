"""The fake Kommo's sign-in for integrations: its page, codes, and pairs of tokens.

Source: reference/crm_pay_audiences.md A2. A code is good once and for 20 minutes, a refresh token once;
whoever uses either again is refused, as there. The integration is the sandbox's own: CLIENT_ID,
CLIENT_SECRET and SANDBOX_KOMMO_REDIRECT_URI, which a real one has in its settings at Kommo.
"""

from __future__ import annotations

import base64
import html
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from sandbox.core import World

CLIENT_ID = "7d0e0000-0000-4000-8000-000000000001"
CLIENT_SECRET = "sandbox-kommo-client-secret"
CODE_SECONDS = 1200
TOKEN_SECONDS = 86400


def redirect_uri() -> str:
    """Where an owner goes back to, as registered; "" when nothing is."""
    return os.environ.get("SANDBOX_KOMMO_REDIRECT_URI", "")


@dataclass
class Grants:
    """Codes and tokens that were given out, by themselves."""

    seconds: int = TOKEN_SECONDS
    #: code -> (subdomain, when it ends); a used one stays with the end 0
    codes: dict[str, tuple[str, float]] = field(default_factory=dict)
    #: access token -> (subdomain, when it ends)
    access: dict[str, tuple[str, float]] = field(default_factory=dict)
    #: refresh token -> subdomain; "" once it was used
    refresh: dict[str, str] = field(default_factory=dict)

    def opens(self, token: str, subdomain: str, now: float) -> bool:
        """Whether the access token is good for the account."""
        found, ends = self.access.get(token, ("", 0.0))
        return found == subdomain and ends > now

    def revoke(self, subdomain: str) -> None:
        """An administrator takes the integration's access back."""
        self.access = {t: one for t, one in self.access.items() if one[0] != subdomain}
        self.refresh = {t: "" if one == subdomain else one for t, one in self.refresh.items()}

    def pair(self, subdomain: str, now: float) -> dict[str, Any]:
        """A new pair for the account; the access token looks like Kommo's, with its end in it."""
        claims = {"exp": int(now) + self.seconds, "jti": secrets.token_hex(12)}
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        access, refresh = (
            f"eyJ0eXAiOiJKV1QifQ.{body}.{secrets.token_hex(8)}",
            f"def502{secrets.token_hex(32)}",
        )
        self.access[access] = (subdomain, now + self.seconds)
        self.refresh[refresh] = subdomain
        return {
            "token_type": "Bearer",
            "expires_in": self.seconds,
            "server_time": int(now),
            "access_token": access,
            "refresh_token": refresh,
        }


class Signin:
    """The page on which an administrator lets an integration in, and the token endpoint."""

    def __init__(self, world: World, grants: Callable[[], Grants]) -> None:
        """`grants` tells those since the last reset."""
        self.world, self._grants = world, grants

    async def page(self, request: web.Request) -> web.Response:
        """GET /oauth?client_id=&state=: asks which account, and whether."""
        problem = self._problem(request.query.get("client_id", ""))
        if problem:
            return web.Response(text=problem, status=400)
        subdomains = [one["kommo"]["subdomain"] for one in self.world.accounts.values() if "kommo" in one]
        options = "".join(f"<option>{html.escape(name)}</option>" for name in subdomains)
        asked = {name: html.escape(request.query.get(name, "")) for name in ("client_id", "state")}
        kept = "".join(f'<input type=hidden name={name} value="{asked[name]}">' for name in asked)
        text = (
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
            'content="width=device-width"><title>Kommo (sandbox)</title><main><h1>Kommo (sandbox)</h1>'
            "<p>Arriwa asks for access to your account.</p><form method=post>"
            f"{kept}<p><label>Account <select name=subdomain>{options}</select></label></p>"
            "<p><button name=decision value=allow>Allow</button> "
            "<button name=decision value=deny>Deny</button></p></form></main></html>"
        )
        return web.Response(text=text, content_type="text/html")

    async def decide(self, request: web.Request) -> web.Response:
        """POST of the page: back to the integration with a code, or with an error."""
        form = await request.post()
        given = {key: str(value) for key, value in form.items()}
        problem = self._problem(given.get("client_id", ""))
        subdomain = given.get("subdomain", "")
        if problem or self.world.account_by("kommo", subdomain=subdomain) is None:
            return web.Response(text=problem or "There is no such account.", status=400)
        answer = {"state": given.get("state", ""), "client_id": CLIENT_ID}
        if given.get("decision") == "allow":
            code = f"def501{secrets.token_hex(24)}"
            self._grants().codes[code] = (subdomain, self.world.now() + CODE_SECONDS)
            answer |= {"code": code, "referer": f"{subdomain}.kommo.com", "platform": "2"}
        else:
            answer |= {"error": "access_denied"}
        raise web.HTTPFound(f"{redirect_uri()}?{urlencode(answer)}")

    def _problem(self, client_id: str) -> str:
        if client_id != CLIENT_ID:
            return "There is no such integration."
        return (
            "" if redirect_uri() else "The integration has no redirect URI: set SANDBOX_KOMMO_REDIRECT_URI."
        )

    async def token(self, request: web.Request) -> web.Response:
        """POST /{subdomain}/oauth2/access_token."""
        try:
            asked = json.loads(await request.read())
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            return _refused(400, "The body is no JSON object")
        grants, now = self._grants(), self.world.now()
        subdomain = request.match_info["subdomain"]
        known = (CLIENT_ID, CLIENT_SECRET, redirect_uri())
        if tuple(asked.get(name) for name in ("client_id", "client_secret", "redirect_uri")) != known:
            return _refused(401, "Client authentication failed")
        if asked.get("grant_type") == "authorization_code":
            code = str(asked.get("code"))
            wanted, ends = grants.codes.get(code, ("", 0.0))
            if wanted != subdomain or ends <= now:
                return _refused(400, "Authorization code has expired or was used")
            grants.codes[code] = (subdomain, 0.0)
        elif asked.get("grant_type") == "refresh_token":
            token = str(asked.get("refresh_token"))
            if grants.refresh.get(token) != subdomain:
                return _refused(401, "Token has been revoked")
            grants.refresh[token] = ""
        else:
            return _refused(400, "The grant type is not supported")
        return web.json_response(grants.pair(subdomain, now))


def _refused(status: int, hint: str) -> web.Response:
    body = {
        "title": "Authorization error",
        "type": "https://developers.amocrm.ru/v3/errors/OAuthProblemJson",
        "status": status,
        "hint": hint,
        "detail": "The authorization server refuses the request",
    }
    return web.Response(text=json.dumps(body), status=status, content_type="application/problem+json")
