"""The fake Kommo, mounted at /kommo: paths /kommo/{subdomain}/api/v4/...

Source: reference/crm_pay_audiences.md, part A. Two calls are the sandbox's own and are not recorded:
POST /kommo/_settings {"lag": s, "rate": per second} and POST /kommo/_manager {"subdomain", "lead_id",
"status_id"?, "price"?}, by which a person at the account changes a deal.
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
    if scheme.lower() != "bearer" or not secrets.compare_digest(
        token.strip().encode(), str(account.settings["token"]).encode()
    ):
        raise Problem(401, "Unauthorized", "The token is missing, revoked or of another account")
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
    return web.json_response({"lag": held.lag, "rate": held.rate})


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
    "_manager": _manager,
}
