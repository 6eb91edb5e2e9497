"""Ad accounts, pixels, WhatsApp accounts and catalogs as a person's token sees them.

Each function answers None when the node is not of its kind or out of the token's reach. Source:
reference/meta.md 1.1, 4, 6, 7.4.
"""

from __future__ import annotations

from typing import Any

from sandbox import meta_nodes
from sandbox.facebook_access import ADS, CATALOGS, EVENTS, WHATSAPP, Access, listed
from sandbox.facebook_people import dataset_of
from sandbox.meta_graph import Call, GraphError

# --- advertising --------------------------------------------------------------------------------


def _ad_account_settings(access: Access, number: str) -> dict[str, Any]:
    known = access.directory.asset("ad_accounts", number) or {}
    return {**known, "ad_account_id": number, "ads": access.directory.ads(number)}


def ad_account_row(access: Access, number: str) -> dict[str, Any]:
    return meta_nodes.ad_account_node(_ad_account_settings(access, number), number)


def _in_ad_account(call: Call, access: Access, number: str) -> None:
    """Makes the call one about that ad account; writing needs ads_management for it."""
    if call.method != "GET":
        access.need("ads_management")
        if number not in access.reach("ad_accounts", "ads_management"):
            raise GraphError(
                "(#200) Ad account owner has NOT grant ads_management permission", 200, status=403
            )
    call.settings = _ad_account_settings(access, number)
    call.account = str(call.settings.get("account") or call.settings["business_id"])


def ad_account(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any] | None:
    digits = node.removeprefix("act_")
    if node == digits or digits not in access.directory.seen_by(access.token.person, "ad_accounts"):
        return None
    access.need(*ADS)
    if digits not in access.reach("ad_accounts", *ADS):
        raise GraphError(
            "(#200) Ad account owner has NOT grant ads_management or ads_read permission", 200, status=403
        )
    _in_ad_account(call, access, digits)
    return meta_nodes.ad_account(call, edge)


def audience(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any] | None:
    found = call.held.audiences.get(node)
    if found is None or found.ad_account_id not in access.reach("ad_accounts", *ADS):
        return None
    _in_ad_account(call, access, found.ad_account_id)
    return meta_nodes.audience(call, found, edge)


def ad(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any] | None:
    for one in access.reach("ad_accounts", *ADS):
        call.settings = _ad_account_settings(access, one)
        answer = meta_nodes.ad_or_part(call, node, edge)
        if answer is not None:
            return answer
    return None


def pixel(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any] | None:
    if node not in access.pixels():
        return None
    known = access.directory.asset("pixels", node) or {}
    call.account = str(known.get("account") or known["business_id"])
    if edge == ["events"] and call.method == "POST":
        access.need("ads_management")
        return meta_nodes.events(call, node, waba_id="", clicked=lambda click: True)
    access.need(*ADS)
    return meta_nodes.read(call, edge, {"id": node, "name": known.get("name", node)}, "AdsPixel")


# --- WhatsApp and commerce ----------------------------------------------------------------------


def _in_waba(call: Call, access: Access, waba_id: str) -> dict[str, Any]:
    known = access.directory.asset("wabas", waba_id) or {}
    call.account = str(known.get("account") or known["business_id"])
    return known


def dataset(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any] | None:
    """The messaging dataset of a WABA, once it was made."""
    waba_id = next((one for one, made in call.held.datasets.items() if made == node), "")
    if waba_id not in access.directory.seen_by(access.token.person, "wabas"):
        return None
    access.need(WHATSAPP)
    access.need(EVENTS, code=10)
    if waba_id not in access.reach("wabas", EVENTS):
        return None
    _in_waba(call, access, waba_id)
    if edge == ["events"] and call.method == "POST":
        return meta_nodes.events(
            call, node, waba_id=waba_id, clicked=lambda click: click.get("waba_id") == waba_id
        )
    return meta_nodes.read(call, edge, {"id": node, "name": f"Dataset {node}"}, "AdsPixel")


def waba_row(access: Access, waba_id: str) -> dict[str, Any]:
    known = access.directory.asset("wabas", waba_id) or {}
    owner = access.directory.business(str(known.get("business_id"))) or {}
    return {
        "id": waba_id,
        "name": known.get("name", waba_id),
        "currency": "USD",
        "timezone_id": "1",
        "account_review_status": "APPROVED",
        "message_template_namespace": f"ns_{waba_id}",
        "owner_business_info": {"id": str(known.get("business_id")), "name": owner.get("name", "")},
    }


def waba(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any] | None:
    if node not in access.directory.seen_by(access.token.person, "wabas"):
        return None
    access.need(WHATSAPP)
    if node not in access.reach("wabas", WHATSAPP):
        return None
    known = _in_waba(call, access, node)
    if edge == ["dataset"] and call.method in ("GET", "POST"):
        access.need(EVENTS)
        return meta_nodes.dataset(call, node, dataset_of(node, known), call.text("dataset_name"))
    if edge == ["phone_numbers"] and call.method == "GET":
        return listed(call, _number_rows(known), "WhatsAppBusinessPhoneNumber", "id,display_phone_number")
    if edge == ["product_catalogs"]:
        return _linked_catalogs(call, access, node)
    return meta_nodes.read(call, edge, waba_row(access, node), "WhatsAppBusinessAccount")


def _number_rows(known: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": str(one["number_id"]),
            "display_phone_number": f"+{one['number']}",
            "verified_name": one.get("name", known.get("name")),
            "status": "CONNECTED",
            "quality_rating": "GREEN",
            "code_verification_status": "VERIFIED",
        }
        for one in known.get("numbers", ())
    ]


def number(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any] | None:
    for waba_id in access.reach("wabas", WHATSAPP):
        for row in _number_rows(access.directory.asset("wabas", waba_id) or {}):
            if row["id"] == node:
                return meta_nodes.read(call, edge, row, "WhatsAppBusinessPhoneNumber")
    return None


def _linked_catalogs(call: Call, access: Access, waba_id: str) -> dict[str, Any]:
    """GET, POST and DELETE /{waba}/product_catalogs: one catalog per WABA."""
    linked = access.directory.catalog_of(waba_id)
    if call.method == "GET":
        return listed(call, [catalog_row(access, linked)] if linked else [], "ProductCatalog")
    access.need(CATALOGS)
    wanted = call.text("catalog_id", required=True)
    if wanted not in access.reach("catalogs", CATALOGS):
        call.missing(wanted)
    if call.method == "POST":
        if linked not in ("", wanted):
            raise GraphError("(#100) The WhatsApp Business Account is connected to another catalog", 100)
        access.directory.linked[waba_id] = wanted
    elif linked != wanted:
        raise GraphError("(#100) The catalog is not connected to the WhatsApp Business Account", 100)
    else:
        access.directory.linked[waba_id] = ""
    return {"success": True}


def catalog_row(access: Access, catalog_id: str) -> dict[str, Any]:
    known = access.directory.asset("catalogs", catalog_id) or {}
    count = len(known.get("products", ()))
    return {
        "id": catalog_id,
        "name": known.get("name", catalog_id),
        "vertical": "commerce",
        "product_count": count,
    }


def catalog(call: Call, access: Access, node: str, edge: list[str]) -> dict[str, Any] | None:
    if node not in access.reach("catalogs", CATALOGS):
        return None
    if edge == ["products"] and call.method == "GET":
        products = (access.directory.asset("catalogs", node) or {}).get("products", ())
        rows = [{"id": f"{node}{number:06}", **one} for number, one in enumerate(products, 1)]
        return listed(call, rows, "ProductItem", "id,retailer_id,name")
    return meta_nodes.read(call, edge, catalog_row(access, node), "ProductCatalog")


#: In the order in which a node is looked up.
KINDS = (ad_account, audience, pixel, dataset, waba, number, catalog, ad)
