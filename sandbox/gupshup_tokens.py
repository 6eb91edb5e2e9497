"""Tokens of the fake Gupshup: universal ones and those that they replace (gupshup_whatsapp.md 1.1)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.core import World
from sandbox.gupshup_answers import Denied, Limits, form_of, success

DAY = 86400.0
UNIVERSAL_LIFE = 60 * DAY
APP_LIFE = DAY
LOGIN_LIFE = DAY
#: Active at a time: universal tokens of an admin, app tokens of an app.
MOST_ACTIVE = 3


@dataclass
class Token:
    """`owner`: the partner's id, or the app's."""

    id: str
    kind: str
    owner: str
    name: str
    value: str
    expires_at: float
    revoked: bool = False


class Tokens:
    """All tokens; times are the sandbox clock's."""

    def __init__(self, world: World, partner: dict[str, str], limits: Limits) -> None:
        self.world, self.partner, self.limits = world, partner, limits
        world.on_reset(self._reset)

    def _reset(self) -> None:
        self.rows: list[Token] = []

    def active(self, kind: str, owner: str) -> list[Token]:
        """Tokens that still open something."""
        now = self.world.now()
        return [
            one
            for one in self.rows
            if (one.kind, one.owner) == (kind, owner) and not one.revoked and one.expires_at > now
        ]

    # --- who calls ------------------------------------------------------------------------------

    def need_partner(self, request: web.Request) -> None:
        """A universal token or a login's; 401 without."""
        if not self.is_partner(request):
            raise Denied(401, {"message": "Authentication Failed"})

    def is_partner(self, request: web.Request) -> bool:
        """Whether the call carries a token of the partner."""
        bearer = request.headers.get("Authorization", "")
        bare = request.headers.get("token") or bearer
        partner = self.partner["partner_id"]
        universal = {one.value for one in self.active("ut", partner)}
        login = {one.value for one in self.active("login", partner)}
        return (bearer.startswith("Bearer ") and bearer.removeprefix("Bearer ") in universal) or bare in login

    def is_app(self, request: web.Request, settings: dict[str, Any]) -> bool:
        """Whether the call carries a token of the app: static and bare, or a universal one as Bearer."""
        given = request.headers.get("Authorization", "")
        value = given.removeprefix("Bearer ")
        if settings.get("token") and secrets.compare_digest(value.encode(), settings["token"].encode()):
            return True
        active = {one.value for one in self.active("uat", settings["app_id"])}
        return given.startswith("Bearer ") and value in active

    # --- universal tokens -----------------------------------------------------------------------

    async def mint_universal(self, request: web.Request) -> web.Response:
        """POST /partner/{partner_id}/auth/token: email, clientSecret, name[, expiry]."""
        form = await self._credentials(request)
        self.limits.count("ut", self.partner["partner_id"])
        return self._mint("ut", self.partner["partner_id"], form, shortest=60.0, longest=UNIVERSAL_LIFE)

    async def list_universal(self, request: web.Request) -> web.Response:
        """GET /partner/{partner_id}/auth/tokens?status=&name=: a plain array without the tokens."""
        self.need_partner(request)
        self.limits.count("ut_list", self.partner["partner_id"])
        return web.json_response(self._listed("ut", self.partner["partner_id"], request))

    async def revoke_universal(self, request: web.Request) -> web.Response:
        """POST /partner/{partner_id}/auth/revoke: exactly one of id, name, token."""
        form = await form_of(request)
        if not self.is_partner(request):
            form = await self._credentials(request)
        given = [name for name in ("id", "name", "token") if form.get(name)]
        if len(given) != 1:
            raise Denied(400, "Exactly one of id, name or token is required")
        field = "value" if given[0] == "token" else given[0]
        for one in self.active("ut", self.partner["partner_id"]):
            if getattr(one, field) == form[given[0]]:
                one.revoked = True
                return success()
        raise Denied(404, "Token not found")

    async def _credentials(self, request: web.Request) -> dict[str, str]:
        form = await form_of(request)
        known = self.partner
        right = (request.match_info.get("partner_id"), form.get("email"), form.get("clientSecret"))
        if right != (known["partner_id"], known["email"], known["client_secret"]):
            raise Denied(401, "Invalid email or client secret")
        return form

    # --- universal app tokens -------------------------------------------------------------------

    async def mint_app(self, request: web.Request, settings: dict[str, Any]) -> web.Response:
        """POST /partner/app/{app_id}/token with the partner's token: name[, expiry]."""
        self.need_partner(request)
        self.limits.count("uat", settings["app_id"])
        form = await form_of(request)
        return self._mint("uat", settings["app_id"], form, shortest=3600.0, longest=APP_LIFE)

    async def list_app(self, request: web.Request, settings: dict[str, Any]) -> web.Response:
        """GET /partner/app/{app_id}/tokens?status=ACTIVE."""
        self.need_partner(request)
        return web.json_response(self._listed("uat", settings["app_id"], request))

    async def revoke_app(self, request: web.Request, settings: dict[str, Any]) -> web.Response:
        """POST /partner/app/{app_id}/token/revoke: id; 410 once it has ended."""
        self.need_partner(request)
        wanted = (await form_of(request)).get("id", "")
        one = next((t for t in self.rows if t.id == wanted and t.owner == settings["app_id"]), None)
        if one is None:
            raise Denied(404, "Token not found")
        if one not in self.active("uat", settings["app_id"]):
            raise Denied(410, "Token already expired")
        one.revoked = True
        return success()

    # --- the tokens that end on 31 March 2027 ---------------------------------------------------

    async def login(self, request: web.Request) -> web.Response:
        """POST /partner/account/login: email, password (the client secret)."""
        form = await form_of(request)
        self.limits.count("login", form.get("email", ""))
        known = self.partner
        if (form.get("email"), form.get("password")) != (known["email"], known["client_secret"]):
            raise Denied(401, "Invalid email or password")
        one = self._new("login", known["partner_id"], "login", self.world.now() + LOGIN_LIFE)
        return web.json_response({"token": one.value, "id": known["partner_id"], "email": known["email"]})

    async def static_app(self, request: web.Request, settings: dict[str, Any]) -> web.Response:
        """GET /partner/app/{app_id}/token: the app's static token, always the same."""
        self.need_partner(request)
        self.limits.count("app_token", settings["app_id"])
        token = {
            "token": settings["token"],
            "authoriserId": self.partner["partner_id"],
            "requestorId": self.partner["partner_id"],
            "createdOn": int(self.world.now() * 1000),
            "expiresOn": 0,
            "active": True,
        }
        return success(token=token)

    # --- rows -----------------------------------------------------------------------------------

    def _mint(
        self, kind: str, owner: str, form: dict[str, str], *, shortest: float, longest: float
    ) -> web.Response:
        name, now = form.get("name", "").strip(), self.world.now()
        if not name:
            raise Denied(400, "name is required")
        active = self.active(kind, owner)
        if any(one.name == name for one in active):
            raise Denied(409, "An active token with this name already exists")
        if len(active) >= MOST_ACTIVE:
            raise Denied(409, f"Maximum of {MOST_ACTIVE} active tokens reached")
        try:
            ends = int(form["expiry"]) / 1000 if form.get("expiry") else now + longest
        except ValueError as error:
            raise Denied(400, "expiry must be epoch milliseconds") from error
        if not now + shortest <= ends <= now + longest:
            raise Denied(400, "expiry is out of range")
        return web.json_response(self._row(self._new(kind, owner, name, ends), whole=True))

    def _new(self, kind: str, owner: str, name: str, ends: float) -> Token:
        one = Token(f"{kind}_{secrets.token_hex(6)}", kind, owner, name, "eyJ" + secrets.token_hex(24), ends)
        self.rows.append(one)
        return one

    def _listed(self, kind: str, owner: str, request: web.Request) -> list[dict[str, Any]]:
        active = self.active(kind, owner)
        rows = [one for one in self.rows if (one.kind, one.owner) == (kind, owner)]
        if request.query.get("status", "").upper() == "ACTIVE":
            rows = active
        if request.query.get("name"):
            rows = [one for one in rows if one.name == request.query["name"]]
        return [self._row(one) for one in rows]

    def _row(self, one: Token, *, whole: bool = False) -> dict[str, Any]:
        ended = one.expires_at <= self.world.now()
        status = "REVOKED" if one.revoked else "EXPIRED" if ended else "ACTIVE"
        row = {"id": one.id, "name": one.name, "expiredOn": int(one.expires_at * 1000), "status": status}
        return {**row, "token": one.value} if whole else row
