"""The fake Kommo, mounted at /kommo: paths /kommo/{subdomain}/api/v4/...

Source: reference/crm_pay_audiences.md, part A. Three calls are the sandbox's own and are not recorded:
POST /kommo/_settings {"lag": s, "rate": per second, "token_seconds"}; POST /kommo/_state {"subdomain",
"state"} with a state of STATES; and POST /kommo/_manager {"subdomain", "lead_id", "status_id"?, "price"?}, by
which a person at the account changes a deal.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from sandbox.core import Handler, World, platform_middleware
from sandbox.kommo_account import MANAGER, Account, Invalid
from sandbox.kommo_api import route
from sandbox.kommo_call import Call, Problem
from sandbox.kommo_changes import change
from sandbox.kommo_hooks import announce
from sandbox.kommo_oauth import Grants, Signin
from sandbox.kommo_read import told

#: Requests per second and integration (reference A7).
RATE = 7.0


@dataclass
class Held:
    """All that the fake Kommo keeps."""

    accounts: dict[str, Account] = field(default_factory=dict)
    lag: float = field(default_factory=lambda: float(os.environ.get("SANDBOX_KOMMO_LAG", "1.0")))
    rate: float = RATE
    windows: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    grants: Grants = field(default_factory=Grants)
    #: subdomain -> one of STATES
    states: dict[str, str] = field(default_factory=dict)

    def account(self, world: World, subdomain: str) -> Account | None:
        """The account of a subdomain; made when first asked for. Its settings are those of now."""
        found = world.account_by("kommo", subdomain=subdomain)
        if found is None:
            return None
        if subdomain not in self.accounts:
            self.accounts[subdomain] = Account(*found)
        self.accounts[subdomain].settings = found[1]
        return self.accounts[subdomain]


_held: WeakKeyDictionary[World, Held] = WeakKeyDictionary()


def create(world: World) -> web.Application:
    """The application of the fake Kommo; its state is emptied at each reset of the world."""

    def reset() -> None:
        _held[world] = Held()

    async def serve(request: web.Request) -> web.StreamResponse:
        return await _serve(world, _held[world], request)

    @web.middleware
    async def own_calls(request: web.Request, handler: Handler) -> web.StreamResponse:
        call = _OWN.get(request.path.rpartition("/")[2])
        if call is None or request.method != "POST":
            return await handler(request)
        return await call(world, _held[world], await request.json())

    world.on_reset(reset)
    world.on_state("kommo", lambda: state(world))
    app = web.Application(middlewares=[own_calls, platform_middleware(world, "kommo"), _problems])
    signin = Signin(world, lambda: _held[world].grants)
    app.router.add_get("/oauth", signin.page)
    app.router.add_post("/oauth", signin.decide)
    app.router.add_post("/{subdomain}/oauth2/access_token", signin.token)
    app.router.add_route("*", "/{subdomain}/{path:.*}", serve)
    app.router.add_route("*", "/{path:.*}", serve)
    return app


def state(world: World) -> dict[str, Any]:
    """By subdomain: leads with stages and log, contacts with log, notes, custom fields, webhooks."""
    answer = {}
    for subdomain, account in _held[world].accounts.items():
        answer[subdomain] = {
            "leads": [told(account, lead) for lead in account.leads.values()],
            "contacts": [told(account, contact) for contact in account.contacts.values()],
            "notes": list(account.notes),
            "fields": {kind: list(rows.values()) for kind, rows in account.fields.items()},
            "webhooks": list(account.webhooks),
            "pipelines": {str(number): account.statuses(number) for number in account.pipelines},
        }
    return answer


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except Problem as problem:
        text = json.dumps(problem.body())
        response = web.Response(text=text, status=problem.status, content_type="application/problem+json")
    response.headers["X-Request-Id"] = secrets.token_hex(16)
    return response


async def _serve(world: World, held: Held, request: web.Request) -> web.Response:
    subdomain = request.match_info.get("subdomain", "")
    account = held.account(world, subdomain)
    version, _, path = request.match_info["path"].partition("api/v4/")
    if account is None or version:
        raise Problem(404, "Not Found", "The account or the page does not exist")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not _known(world, held, account, token.strip()):
        raise Problem(401, "Unauthorized", "The token is missing, revoked or of another account")
    _refuse_state(held.states.get(subdomain, ""), request.method, path)
    _throttle(held, token)
    call = Call(
        world=world,
        account=account,
        method=request.method,
        path=path.strip("/").split("/"),
        query={key: request.query.getall(key) for key in request.query},
        body=await _body(request),
        now=int(world.now()),
        lag=held.lag,
        base=str(request.url.with_query(None)),
    )
    status, answer = route(call)
    if answer is None:
        return web.Response(status=status)
    return web.Response(text=json.dumps(answer), status=status, content_type="application/hal+json")


def _known(world: World, held: Held, account: Account, token: str) -> bool:
    if held.states.get(account.subdomain) == "revoked":
        return False
    kept = str(account.settings["token"])
    same = secrets.compare_digest(token.encode(), kept.encode())
    return same or held.grants.opens(token, account.subdomain, world.now())


#: What an account may be in: working, unpaid (402), its user no administrator, blocked, access taken back.
STATES = ("", "unpaid", "no_admin", "blocked", "revoked")


def _refuse_state(state: str, method: str, path: str) -> None:
    if state == "unpaid":
        raise Problem(402, "Payment Required", "The account is not paid")
    if state == "blocked":
        raise Problem(403, "Forbidden", "Account blocked: too many requests")
    if state == "no_admin" and method != "GET" and ("custom_fields" in path or "pipelines" in path):
        raise Problem(403, "Forbidden", "Access denied: administrator rights are needed")


def _throttle(held: Held, token: str) -> None:
    window, now = held.windows[token], time.monotonic()
    while window and window[0] <= now - 1:
        window.popleft()
    if len(window) >= held.rate:
        raise Problem(429, "Too Many Requests", f"More than {held.rate:g} requests per second")
    window.append(now)


async def _body(request: web.Request) -> Any:
    raw = await request.read()
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise Problem(400, "Bad Request", "Syntax error: the body is no JSON") from None


# --- the sandbox's own calls ----------------------------------------------------------------------


async def _settings(world: World, held: Held, body: dict[str, Any]) -> web.Response:
    held.lag = float(body.get("lag", held.lag))
    held.rate = float(body.get("rate", held.rate))
    held.grants.seconds = int(body.get("token_seconds", held.grants.seconds))
    return web.json_response({"lag": held.lag, "rate": held.rate, "token_seconds": held.grants.seconds})


async def _state(world: World, held: Held, body: dict[str, Any]) -> web.Response:
    subdomain, wanted = str(body.get("subdomain")), str(body.get("state", ""))
    if held.account(world, subdomain) is None or wanted not in STATES:
        return web.json_response({"error": f"name an account and one of {', '.join(STATES[1:])}"}, status=400)
    held.states[subdomain] = wanted
    if wanted == "revoked":
        held.grants.revoke(subdomain)
    return web.json_response({subdomain: wanted})


async def _manager(world: World, held: Held, body: dict[str, Any]) -> web.Response:
    account = held.account(world, str(body.get("subdomain")))
    lead = account.leads.get(int(body.get("lead_id", 0))) if account else None
    if account is None or lead is None:
        return web.json_response({"error": "no such account or lead"}, status=404)
    asked: dict[str, Any] = {
        key: body[key] for key in ("status_id", "price", "name", "tags_to_add") if key in body
    }
    now = int(world.now())
    try:
        before = change(account, lead, asked, now, held.lag, by=MANAGER)
    except Invalid as error:
        return web.json_response({"error": error.errors}, status=400)
    announce(world, account, [("update", lead, before)], now)
    return web.json_response(told(account, lead))


_OWN: dict[str, Callable[[World, Held, dict[str, Any]], Awaitable[web.Response]]] = {
    "_settings": _settings,
    "_state": _state,
    "_manager": _manager,
}
