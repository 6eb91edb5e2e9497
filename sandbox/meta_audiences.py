"""Custom audiences of the fake Graph: make, list, read, change. Source: reference/meta.md 4."""

from __future__ import annotations

from typing import Any

from sandbox.meta_graph import Audience, Call, GraphError, page, parse_fields, select
from sandbox.meta_members import require_terms

FILE_SOURCES = ("USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED")
CHANGEABLE = ("name", "description", "customer_file_source", "retention_days", "audience_labels")
#: Smallest seed of a lookalike; an account may set `lookalike_min` to try one with few leads.
LOOKALIKE_SEED = 100


def create(call: Call) -> dict[str, Any]:
    """POST /act_{id}/customaudiences."""
    require_terms(call)
    name = call.text("name", required=True)
    subtype = call.text("subtype") or "CUSTOM"
    if subtype == "CUSTOM":
        if call.params.get("customer_file_source") not in FILE_SOURCES:
            raise GraphError(f"(#100) param customer_file_source must be one of {FILE_SOURCES}")
    elif subtype == "LOOKALIKE":
        _check_lookalike(call)
    else:
        raise GraphError("(#100) param subtype must be CUSTOM or LOOKALIKE in this sandbox")
    now = int(call.world.now())
    call.held.last_id += 1
    audience = Audience(
        id=f"2386{call.held.last_id}",
        account=call.account,
        ad_account_id=str(call.settings["ad_account_id"]),
        settings={
            **{key: call.params[key] for key in CHANGEABLE if key in call.params},
            "name": name,
            "subtype": subtype,
        },
        created=now,
        updated=now,
    )
    for key in ("lookalike_spec", "origin_audience_id"):
        if subtype == "LOOKALIKE":
            audience.settings[key] = call.params.get(key)
    call.held.audiences[audience.id] = audience
    return {"id": audience.id}


def _check_lookalike(call: Call) -> None:
    seed = find(call, call.text("origin_audience_id", required=True))
    if seed is None:
        raise GraphError("(#100) The origin audience does not exist in this ad account")
    spec = call.params.get("lookalike_spec")
    if (
        not isinstance(spec, dict)
        or not (spec.get("type") in ("similarity", "reach") or 0.01 <= spec.get("ratio", 0) <= 0.2)
        or not (spec.get("country") or spec.get("location_spec"))
    ):
        raise GraphError("(#100) param lookalike_spec needs type or ratio, and country or location_spec")
    if len(seed.members) < int(call.settings.get("lookalike_min", LOOKALIKE_SEED)):
        raise GraphError("(#2654) The source audience has too few people", 2654)


def find(call: Call, audience_id: str) -> Audience | None:
    """The audience, when it is of this token's ad account."""
    audience = call.held.audiences.get(audience_id)
    return audience if audience is not None and _is_ours(call, audience) else None


def _is_ours(call: Call, audience: Audience) -> bool:
    number = str(call.settings["ad_account_id"])
    return (audience.account, audience.ad_account_id) == (call.account, number)


def listing(call: Call) -> dict[str, Any]:
    """GET /act_{id}/customaudiences; `filtering` takes name with EQUAL or CONTAIN."""
    fields = parse_fields(call.text("fields"))
    rows = []
    for audience in reversed(call.held.audiences.values()):
        if _is_ours(call, audience) and _kept(call, audience):
            rows.append(select(node(audience), fields, "CustomAudience"))
    return page(call, rows)


def _kept(call: Call, audience: Audience) -> bool:
    for rule in call.params.get("filtering") or []:
        operator, value = rule.get("operator"), str(rule.get("value"))
        if rule.get("field") != "name" or operator not in ("EQUAL", "CONTAIN"):
            raise GraphError("(#100) param filtering takes name with EQUAL or CONTAIN in this sandbox")
        name = audience.settings["name"]
        if (name != value) if operator == "EQUAL" else (value not in name):
            return False
    return True


def node(audience: Audience) -> dict[str, Any]:
    """The readable fields of an audience."""
    size = len(audience.members)
    return {
        "id": audience.id,
        "account_id": audience.ad_account_id,
        "description": None,
        "retention_days": None,
        "customer_file_source": None,
        "audience_labels": None,
        "lookalike_spec": None,
        **{key: value for key, value in audience.settings.items() if key != "origin_audience_id"},
        "operation_status": {"code": 200, "description": "Normal"}
        if audience.history
        else {"code": 410, "description": "No file has been uploaded"},
        "delivery_status": {"code": 200, "description": "Ready"}
        if size >= 100
        else {"code": 300, "description": "Audience too small"},
        # Meta hides the size of small audiences.
        "approximate_count_lower_bound": size if size >= 100 else -1,
        "approximate_count_upper_bound": size if size >= 100 else -1,
        "time_created": audience.created,
        "time_updated": audience.updated,
        "time_content_updated": audience.updated,
    }


def one(call: Call, audience: Audience) -> dict[str, Any]:
    """GET, POST or DELETE /{audience id}."""
    if call.method == "GET":
        return select(node(audience), parse_fields(call.text("fields")), "CustomAudience")
    require_terms(call)
    if call.method == "DELETE":
        if any(a.settings.get("origin_audience_id") == audience.id for a in call.held.audiences.values()):
            raise GraphError("(#2656) Delete the lookalikes of this audience first", 2656)
        del call.held.audiences[audience.id]
    else:
        audience.settings.update({key: call.params[key] for key in CHANGEABLE if key in call.params})
        audience.updated = int(call.world.now())
    return {"success": True}
