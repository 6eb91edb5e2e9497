"""Nodes of the fake Graph that accounts' tokens and people's tokens read and write alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from sandbox import meta_audiences, meta_members
from sandbox.meta_events import check_batch, check_event
from sandbox.meta_graph import Audience, Call, GraphError, page, parse_fields, select
from sandbox.meta_tokens import add_usage

#: Whether a click (an entry of `World.clicks`) is one on an ad for this dataset's number.
Clicked = Callable[[dict[str, Any]], bool]


def read(call: Call, edge: list[str], node: dict[str, Any], kind: str) -> dict[str, Any]:
    """GET of a node's own fields; nothing else is possible with it."""
    if edge:
        no_edge(call, kind)
    if call.method != "GET":
        call.missing(node["id"])
    return select(node, parse_fields(call.text("fields")), kind)


def no_edge(call: Call, kind: str) -> NoReturn:
    """The answer to an edge that the node does not have."""
    if call.method != "GET":
        call.missing(call.path[0])
    raise GraphError(f"(#100) Tried accessing nonexisting field ({call.path[1]}) on node type ({kind})")


def unknown(call: Call, node: str) -> NoReturn:
    """The answer to an id that is not there, or to what is no id at all."""
    if not node.removeprefix("act_").isdecimal():
        raise GraphError(f"(#803) Some of the aliases you requested do not exist: {node}", 803, status=404)
    call.missing(node)


def events(call: Call, target: str, *, waba_id: str, clicked: Clicked) -> dict[str, Any]:
    """POST /{dataset}/events: all events are taken, or none. `waba_id` is "" for a pixel."""
    given = check_batch(call.params.get("data"))
    now = call.world.now()
    # A click on another advertiser's ad is no click for this dataset.
    clicks = {
        clid
        for event in given
        if isinstance(user := event.get("user_data"), dict)
        and (clid := str(user.get("ctwa_clid") or "")) in call.world.clicks
        and clicked(call.world.clicks[clid])
    }
    for event in given:
        check_event(event, messaging=bool(waba_id), waba_id=waba_id, clicks=clicks, now=now)
    for event in given:
        key = (target, event["event_name"], event.get("event_id", ""))
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
    return {"events_received": len(given), "messages": [], "fbtrace_id": call.trace}


def dataset(call: Call, waba: str, dataset_id: str, name: str = "") -> dict[str, Any]:
    """Create-or-get of the WABA's one messaging dataset; GET lists nothing before the first POST."""
    if call.method == "POST":
        call.held.datasets[waba] = dataset_id
        return {"id": dataset_id}
    if waba not in call.held.datasets:
        return {"data": []}
    return {"data": [{"id": dataset_id, "name": name or f"Dataset {dataset_id}"}]}


def ad_account(call: Call, edge: list[str]) -> dict[str, Any]:
    """An ad account with its audiences and ads; `call.settings` says which."""
    add_usage(call)
    routes: dict[tuple[str, str], Callable[[Call], dict[str, Any]]] = {
        ("GET", "customaudiences"): meta_audiences.listing,
        ("POST", "customaudiences"): meta_audiences.create,
        ("DELETE", "usersofanyaudience"): meta_members.erase,
        ("GET", "ads"): _ads,
    }
    if len(edge) == 1 and (call.method, edge[0]) in routes:
        return routes[call.method, edge[0]](call)
    return read(call, edge, ad_account_node(call.settings, call.account), "AdAccount")


def ad_account_node(settings: dict[str, Any], name: str) -> dict[str, Any]:
    """The readable fields of an ad account."""
    number = str(settings["ad_account_id"])
    accepted = {"custom_audience_tos": int(bool(settings.get("custom_audience_tos", True)))}
    return {
        "id": f"act_{number}",
        "account_id": number,
        "name": settings.get("name", name),
        "account_status": settings.get("account_status", 1),
        "currency": settings.get("currency", "USD"),
        "timezone_name": settings.get("timezone_name", "Asia/Almaty"),
        "tos_accepted": accepted,
        "user_tos_accepted": accepted,
    }


def _ads(call: Call) -> dict[str, Any]:
    fields = parse_fields(call.text("fields"))
    return page(call, [select(ad, fields, "Adgroup") for ad in call.settings.get("ads", [])])


def audience(call: Call, found: Audience, edge: list[str]) -> dict[str, Any]:
    """An audience of the ad account in `call.settings`, and its members."""
    add_usage(call)
    if not edge:
        return meta_audiences.one(call, found)
    if edge == ["users"] and call.method in ("POST", "DELETE"):
        return meta_members.change_members(call, found)
    no_edge(call, "CustomAudience")


def ad_or_part(call: Call, node: str, edge: list[str]) -> dict[str, Any] | None:
    """An ad of `call.settings`, its campaign, ad set or creative; None when no ad has that id."""
    for ad in call.settings.get("ads", []):
        if ad["id"] == node:
            add_usage(call)
            shown = ("id", "name", "account_id", "campaign", "adset", "creative")
            fields = {"status": "ACTIVE", **{key: ad[key] for key in shown}}
            return read(call, edge, fields, "Adgroup")
    for key in ("campaign", "adset", "creative"):
        for ad in call.settings.get("ads", []):
            if ad[key]["id"] == node:
                return read(call, edge, ad[key], key.title())
    return None
