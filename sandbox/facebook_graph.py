"""What a person's token opens in the fake Graph: only with the scope that it needs, only what was ticked.

Source: reference/meta.md 7.2-7.4. Lists are paged by cursors like all others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox import facebook_assets as assets
from sandbox import meta_nodes
from sandbox.facebook_access import ADS, CATALOGS, WHATSAPP, Access, listed
from sandbox.meta_graph import Call


def route(call: Call, access: Access) -> dict[str, Any]:
    """The answer to a call with a person's token. Raises GraphError as the Graph refuses."""
    node, *edge = call.path
    if access.token.page_id:
        return _page_token(call, access, node, edge)
    if node == "me":
        return _me(call, access, edge)
    if node in access.reach("businesses", "business_management"):
        return _business(call, access, node, edge)
    for serve in (*assets.KINDS, _page):
        answer = serve(call, access, node, edge)
        if answer is not None:
            return answer
    if node in access.directory.people[access.token.person]["businesses"]:
        access.need("business_management")
    meta_nodes.unknown(call, node)


# --- the person ---------------------------------------------------------------------------------


def _me(call: Call, access: Access, edge: list[str]) -> dict[str, Any]:
    if edge[:1] == ["permissions"]:
        return _permissions(call, access, edge[1:])
    if edge == ["accounts"] and call.method == "GET":
        access.need("pages_show_list", code=10)
        rows = [_page_row(access, one) for one in access.reach("pages", "pages_show_list")]
        return listed(
            call, [row for row in rows if row["tasks"]], "Page", "id,name,access_token,tasks,category"
        )
    if edge == ["businesses"] and call.method == "GET":
        access.need("business_management")
        ids = access.reach("businesses", "business_management")
        return listed(call, [_business_row(access, one) for one in ids], "Business")
    person = access.directory.people[access.token.person]
    shown = {key: person.get(key) for key in ("id", "name", "first_name", "last_name", "email")}
    if "email" not in access.granted:
        shown["email"] = None
    call.params.setdefault("fields", "id,name")
    return meta_nodes.read(call, edge, shown, "User")


def _permissions(call: Call, access: Access, rest: list[str]) -> dict[str, Any]:
    login, token = access.login, access.token
    if call.method == "DELETE" and not rest:
        login.app_remove(token.app_id, token.person)
        return {"success": True}
    if call.method == "DELETE" and len(rest) == 1:
        login.permission_revoke(token, rest[0])
        return {"success": True}
    if call.method != "GET" or rest:
        call.missing("me")
    consent = login.consent_of(login.apps[token.app_id], token.person)
    rows = [{"permission": one, "status": "granted"} for one in consent.granted]
    return {"data": rows + [{"permission": one, "status": "declined"} for one in sorted(consent.declined)]}


def _page_row(access: Access, page_id: str) -> dict[str, Any]:
    """A Page as one of its people sees it; its token, from a long-lived one, does not expire."""
    person = access.directory.people[access.token.person]
    known = access.directory.asset("pages", page_id) or {}
    token = access.login.page_token(access.token, page_id)
    return {
        "id": page_id,
        "name": known.get("name", page_id),
        "category": known.get("category"),
        "access_token": token.value,
        "tasks": person["pages"].get(page_id, []),
    }


def _page_token(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any]:
    if node not in ("me", access.token.page_id):
        meta_nodes.unknown(call, node)
    row = _page_row(access, access.token.page_id)
    return meta_nodes.read(call, edge, {key: row[key] for key in ("id", "name", "category")}, "Page")


def _page(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any] | None:
    if node not in access.reach("pages", "pages_show_list"):
        return None
    row = _page_row(access, node)
    if "whatsapp_number" in call.text("fields"):
        access.need("pages_read_engagement", code=10)
        number = (access.directory.asset("pages", node) or {}).get("whatsapp_number", "")
        row |= {"whatsapp_number": number or None, "has_whatsapp_number": bool(number)}
    return meta_nodes.read(call, edge, row, "Page")


# --- businesses ---------------------------------------------------------------------------------


def _business_row(access: Access, business_id: str) -> dict[str, Any]:
    known = access.directory.business(business_id) or {}
    return {
        "id": business_id,
        "name": known.get("name", business_id),
        "verification_status": known.get("verification_status", "not_verified"),
    }


#: edge without owned_/client_ -> (kind, scopes of which one is needed besides business_management)
_EDGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "pages": ("pages", ("pages_show_list",)),
    "ad_accounts": ("ad_accounts", ADS),
    "pixels": ("pixels", ADS),
    "product_catalogs": ("catalogs", (CATALOGS,)),
    "whatsapp_business_accounts": ("wabas", (WHATSAPP,)),
}


def _business(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any]:
    if edge == ["adspixels"] and call.method == "POST":
        return _pixel_create(call, access, node)
    side, _, name = edge[0].partition("_") if len(edge) == 1 else ("", "", "")
    if side not in ("owned", "client") or name not in _EDGES or call.method != "GET":
        return meta_nodes.read(call, edge, _business_row(access, node), "Business")
    kind, scopes = _EDGES[name]
    access.need(*scopes)
    business = access.directory.business(node) or {}
    ticked = access.pixels() if kind == "pixels" else access.reach(kind, *scopes)
    ids = [one for one in business[side].get(kind, ()) if one in ticked]
    rows: dict[str, Callable[[Access, str], dict[str, Any]]] = {
        "pages": lambda access, one: {"id": one, **_named(access, "pages", one), "category": None},
        "ad_accounts": assets.ad_account_row,
        "pixels": lambda access, one: {"id": one, **_named(access, "pixels", one)},
        "catalogs": assets.catalog_row,
        "wabas": assets.waba_row,
    }
    default = "id,account_id" if kind == "ad_accounts" else "id,name"
    return listed(call, [rows[kind](access, one) for one in ids], name.title().replace("_", ""), default)


def _named(access: Access, kind: str, asset_id: str) -> dict[str, Any]:
    return {"name": (access.directory.asset(kind, asset_id) or {}).get("name", asset_id)}


def _pixel_create(call: Call, access: Access, business_id: str) -> dict[str, Any]:
    access.need("ads_management")
    pixel = access.directory.make_asset("pixels", call.text("name", required=True), {})
    owned = access.directory.businesses.setdefault(
        business_id, {"name": business_id, "owned": {}, "client": {}}
    )["owned"]
    owned.setdefault("pixels", []).append(pixel)
    return {"id": pixel}
