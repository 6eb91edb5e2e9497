"""The fake Graph API, mounted at /graph: Conversions API, custom audiences, ad metadata, tokens.

Source: reference/meta.md 1-5, 7.3. Paths are /v26.0/...; any version of the form vNN.N is taken.
"""

from __future__ import annotations

import re
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from sandbox import facebook_graph, facebook_tokens, meta_audiences, meta_nodes
from sandbox.core import Handler, World, platform_middleware
from sandbox.facebook_access import Access
from sandbox.facebook_login import Login
from sandbox.meta_graph import (
    Call,
    GraphError,
    Held,
    authenticate,
    read_params,
    token_of,
    trace_id,
)
from sandbox.meta_tokens import SCOPES, debug_token, user_id

_held: WeakKeyDictionary[World, Held] = WeakKeyDictionary()


def create(world: World, login: Login) -> web.Application:
    """The application of the fake Graph; its state is emptied at each reset of the world."""

    def reset() -> None:
        _held[world] = Held()

    async def serve(request: web.Request) -> web.StreamResponse:
        return await _serve(world, login, request)

    world.on_reset(reset)
    world.on_state("meta", lambda: state(world) | login.state())
    app = web.Application(middlewares=[platform_middleware(world, "meta"), _graph_errors])
    app.router.add_route("*", "/{path:.*}", serve)
    return app


def state(world: World) -> dict[str, Any]:
    """Events by key with how often each came, audiences with members and history, erasures."""
    held = _held[world]
    return {
        "events": [
            {"dataset_id": dataset, "event_name": name, "event_id": event_id, **entry}
            for (dataset, name, event_id), entry in held.events.items()
        ],
        "audiences": [
            {
                "account": a.account,
                "ad_account_id": a.ad_account_id,
                "id": a.id,
                "name": a.settings["name"],
                "subtype": a.settings["subtype"],
                "members": sorted(a.members),
                "history": list(a.history),
            }
            for a in held.audiences.values()
        ],
        "erasures": list(held.erasures),
        "datasets": dict(held.datasets),
    }


@web.middleware
async def _graph_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    trace = request["trace"] = trace_id()
    headers = {"x-fb-trace-id": trace, "x-fb-request-id": trace}
    try:
        response = await handler(request)
    except GraphError as error:
        response = web.json_response(error.body(trace), status=error.status)
        if error.status == 401:
            headers["WWW-Authenticate"] = f'OAuth "Facebook Platform" "invalid_token" "{error.message}"'
    response.headers.update(headers)
    return response


async def _serve(world: World, login: Login, request: web.Request) -> web.Response:
    version, *path = [part for part in request.match_info["path"].split("/") if part] or [""]
    if not re.fullmatch(r"v\d+\.\d+", version):
        raise GraphError(f"Unknown path components: /{request.match_info['path']}", 2500)
    params = await read_params(request)
    if path == ["oauth", "access_token"]:
        return web.json_response(facebook_tokens.access_token(login, params))
    token = token_of(request, params)
    if path == ["debug_token"]:
        return web.json_response(_debug_token(world, login, token, params))
    call = Call(
        world=world,
        held=_held[world],
        method=_method(request, params),
        path=path,
        params={key: value for key, value in params.items() if key != "method"},
        account="",
        settings={},
        base=str(request.url.with_query(None)),
        trace=request["trace"],
        headers={"facebook-api-version": version},
    )
    proof = params.get("appsecret_proof")
    person = login.authenticate(token, proof) if token in login.tokens else None
    if person is None:
        call.account, call.settings = authenticate(world, token, proof)
    if not path:
        raise GraphError("Unsupported get request", 100, 33, kind="GraphMethodException")
    answer = facebook_graph.route(call, Access.of(login, person)) if person else _route(call)
    return web.json_response(answer, headers=call.headers)


def _method(request: web.Request, params: dict[str, Any]) -> str:
    """The Graph lets a POST stand for another method; big removals need it."""
    instead = str(params.get("method", "")).upper()
    return instead if request.method == "POST" and instead in ("DELETE", "GET") else request.method


def _debug_token(world: World, login: Login, asking: str, params: dict[str, Any]) -> dict[str, Any]:
    looked_at = str(params.get("input_token") or "")
    if looked_at in login.tokens:
        return facebook_tokens.debug(login, asking, looked_at)
    if facebook_tokens.app_of(login, asking) is None:
        return debug_token(world, asking, looked_at)
    error = {"code": 190, "message": "Invalid OAuth access token."}
    return {"data": {"error": error, "is_valid": False, "scopes": []}}


def _route(call: Call) -> dict[str, Any]:
    """The answer to a call with an account's token."""
    node, *edge = call.path
    settings = call.settings
    messaging = str(settings.get("dataset_id"))
    if node == "me":
        return _me(call, edge)
    if node == f"act_{settings['ad_account_id']}":
        return meta_nodes.ad_account(call, edge)
    audience = meta_audiences.find(call, node)
    if audience is not None:
        return meta_nodes.audience(call, audience, edge)
    if node in {messaging, str(settings.get("good_pixel_id")), str(settings.get("noise_pixel_id"))}:
        if edge == ["events"] and call.method == "POST":
            waba_id = str(settings["waba_id"]) if node == messaging else ""
            return meta_nodes.events(
                call,
                node,
                waba_id=waba_id,
                clicked=lambda one: one.get("account", call.account) == call.account,
            )
        return meta_nodes.read(call, edge, {"id": node, "name": f"Dataset {node}"}, "AdsPixel")
    if node == str(settings["waba_id"]):
        if edge == ["dataset"] and call.method in ("GET", "POST"):
            return meta_nodes.dataset(call, node, messaging, settings.get("dataset_name", ""))
        return meta_nodes.read(call, edge, {"id": node, "name": call.account}, "WhatsAppBusinessAccount")
    answer = meta_nodes.ad_or_part(call, node, edge)
    if answer is None:
        meta_nodes.unknown(call, node)
    return answer


def _me(call: Call, edge: list[str]) -> dict[str, Any]:
    scopes = call.settings.get("scopes", SCOPES)
    if edge == ["permissions"] and call.method == "GET":
        return {"data": [{"permission": scope, "status": "granted"} for scope in scopes]}
    user = {
        "id": user_id(call.settings),
        "name": call.account.title(),
        "email": f"{call.account}@example.com",
    }
    call.params.setdefault("fields", "id,name")
    return meta_nodes.read(
        call, edge, user | {"client_business_id": str(call.settings["business_id"])}, "User"
    )
