"""The fake Graph API, mounted at /graph: Conversions API, custom audiences, ad metadata, tokens.

Source: reference/meta.md 1-5, 7.3. Paths are /v26.0/...; any version of the form vNN.N is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from sandbox import meta_audiences, meta_members
from sandbox.core import Handler, World, platform_middleware
from sandbox.meta_events import check_batch, check_event
from sandbox.meta_graph import (
    Call,
    GraphError,
    Held,
    authenticate,
    page,
    parse_fields,
    read_params,
    select,
    trace_id,
)
from sandbox.meta_tokens import SCOPES, add_usage, debug_token, user_id

_held: WeakKeyDictionary[World, Held] = WeakKeyDictionary()


def create(world: World) -> web.Application:
    """The application of the fake Graph; its state is emptied at each reset of the world."""

    def reset() -> None:
        _held[world] = Held()

    async def serve(request: web.Request) -> web.StreamResponse:
        return await _serve(world, request)

    world.on_reset(reset)
    world.on_state("meta", lambda: state(world))
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


async def _serve(world: World, request: web.Request) -> web.Response:
    version, *path = [part for part in request.match_info["path"].split("/") if part] or [""]
    if not re.fullmatch(r"v\d+\.\d+", version):
        raise GraphError(f"Unknown path components: /{request.match_info['path']}", 2500)
    params = await read_params(request)
    if path == ["debug_token"]:
        return web.json_response(debug_token(world, params))
    account, settings = authenticate(world, request, params)
    if not path:
        raise GraphError("Unsupported get request", 100, 33, kind="GraphMethodException")
    method = request.method
    # The Graph lets a POST stand for another method; big removals need it.
    if method == "POST" and str(params.get("method", "")).upper() in ("DELETE", "GET"):
        method = str(params["method"]).upper()
    call = Call(
        world=world,
        held=_held[world],
        method=method,
        path=path,
        params={key: value for key, value in params.items() if key != "method"},
        account=account,
        settings=settings,
        base=str(request.url.with_query(None)),
        trace=request["trace"],
        headers={"facebook-api-version": version},
    )
    answer = _route(call)
    return web.json_response(answer, headers=call.headers)


def _route(call: Call) -> dict[str, Any]:
    node, *edge = call.path
    settings = call.settings
    datasets = {str(settings.get(key)) for key in ("dataset_id", "good_pixel_id", "noise_pixel_id")}
    if node == "me":
        return _me(call, edge)
    if node == f"act_{settings['ad_account_id']}":
        add_usage(call)
        return _ad_account(call, edge)
    audience = meta_audiences.find(call, node)
    if audience is not None:
        add_usage(call)
        if not edge:
            return meta_audiences.one(call, audience)
        if edge == ["users"] and call.method in ("POST", "DELETE"):
            return meta_members.change_members(call, audience)
        _no_edge(call, "CustomAudience")
    if node in datasets:
        if edge == ["events"] and call.method == "POST":
            return _events(call, node)
        return _read(call, edge, {"id": node, "name": f"Dataset {node}"}, "AdsPixel")
    if node == str(settings["waba_id"]):
        if edge == ["dataset"] and call.method in ("GET", "POST"):
            return _dataset(call, node)
        return _read(call, edge, {"id": node, "name": call.account}, "WhatsAppBusinessAccount")
    for ad in settings.get("ads", []):
        if ad["id"] == node:
            add_usage(call)
            shown = ("id", "name", "account_id", "campaign", "adset", "creative")
            fields = {"status": "ACTIVE", **{key: ad[key] for key in shown}}
            return _read(call, edge, fields, "Adgroup")
    for key in ("campaign", "adset", "creative"):
        for ad in settings.get("ads", []):
            if ad[key]["id"] == node:
                return _read(call, edge, ad[key], key.title())
    if not re.fullmatch(r"(act_)?\d+", node):
        raise GraphError(f"(#803) Some of the aliases you requested do not exist: {node}", 803, status=404)
    call.missing(node)


def _read(call: Call, edge: list[str], node: dict[str, Any], kind: str) -> dict[str, Any]:
    if edge:
        _no_edge(call, kind)
    if call.method != "GET":
        call.missing(node["id"])
    return select(node, parse_fields(call.text("fields")), kind)


def _no_edge(call: Call, kind: str) -> Any:
    if call.method != "GET":
        call.missing(call.path[0])
    raise GraphError(f"(#100) Tried accessing nonexisting field ({call.path[1]}) on node type ({kind})")


def _events(call: Call, dataset: str) -> dict[str, Any]:
    """POST /{dataset}/events: all events are taken, or none."""
    events = check_batch(call.params.get("data"))
    now = call.world.now()
    # A click on another advertiser's ad is no click for this dataset.
    clicks = {
        clid
        for event in events
        if isinstance(user := event.get("user_data"), dict)
        and (clid := str(user.get("ctwa_clid") or "")) in call.world.clicks
        and call.world.clicks[clid].get("account", call.account) == call.account
    }
    for event in events:
        check_event(
            event,
            messaging=dataset == str(call.settings["dataset_id"]),
            waba_id=str(call.settings["waba_id"]),
            clicks=clicks,
            now=now,
        )
    for event in events:
        key = (dataset, event["event_name"], event.get("event_id", ""))
        entry = call.held.events.setdefault(
            key,
            {"account": call.account, "count": 0, "fbtrace_ids": [], "at": now, "event": event, "changed": 0},
        )
        entry["count"] += 1
        entry["fbtrace_ids"].append(call.trace)
        # A repeat under the same key must say the same; how many did not is kept.
        entry["changed"] += event != entry["event"]
        if code := call.params.get("test_event_code"):
            entry["test_event_code"] = code
    return {"events_received": len(events), "messages": [], "fbtrace_id": call.trace}


def _dataset(call: Call, waba: str) -> dict[str, Any]:
    """Create-or-get of the WABA's one messaging dataset; GET lists nothing before the first POST."""
    dataset = str(call.settings["dataset_id"])
    if call.method == "POST":
        call.held.datasets[waba] = dataset
        return {"id": dataset}
    if waba not in call.held.datasets:
        return {"data": []}
    return {"data": [{"id": dataset, "name": call.settings.get("dataset_name", f"Dataset {dataset}")}]}


def _ad_account(call: Call, edge: list[str]) -> dict[str, Any]:
    routes: dict[tuple[str, str], Callable[[Call], dict[str, Any]]] = {
        ("GET", "customaudiences"): meta_audiences.listing,
        ("POST", "customaudiences"): meta_audiences.create,
        ("DELETE", "usersofanyaudience"): meta_members.erase,
        ("GET", "ads"): _ads,
    }
    if len(edge) == 1 and (call.method, edge[0]) in routes:
        return routes[call.method, edge[0]](call)
    number = str(call.settings["ad_account_id"])
    accepted = {"custom_audience_tos": int(bool(call.settings.get("custom_audience_tos", True)))}
    account = {
        "id": f"act_{number}",
        "account_id": number,
        "name": call.account,
        "account_status": 1,
        "currency": call.settings.get("currency", "USD"),
        "timezone_name": call.settings.get("timezone_name", "Asia/Almaty"),
        "tos_accepted": accepted,
        "user_tos_accepted": accepted,
    }
    return _read(call, edge, account, "AdAccount")


def _ads(call: Call) -> dict[str, Any]:
    fields = parse_fields(call.text("fields"))
    return page(call, [select(ad, fields, "Adgroup") for ad in call.settings.get("ads", [])])


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
    return _read(call, edge, user | {"client_business_id": str(call.settings["business_id"])}, "User")
