"""What the fake Kommo answers to GET. Source: reference/crm_pay_audiences.md A4."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sandbox.kommo_account import ADMIN, PIPELINE, Account, Entity
from sandbox.kommo_call import Answer, Call, href, page
from sandbox.kommo_search import matches


def shown(account: Account, entity: Entity, with_: str = "") -> dict[str, Any]:
    """An entity as GET answers it."""
    fields = account.fields[entity.kind]
    answer: dict[str, Any] = {"id": entity.id, "name": entity.name}
    if entity.kind == "leads":
        answer |= {"price": entity.price, "status_id": entity.status_id, "pipeline_id": entity.pipeline_id}
        answer |= {"loss_reason_id": None, "closed_at": entity.closed_at, "is_deleted": False}
    else:
        answer |= {"first_name": entity.first_name, "last_name": entity.last_name}
    values = [
        {
            "field_id": number,
            "field_name": fields[number]["name"],
            "field_code": fields[number]["code"],
            "field_type": fields[number]["type"],
            "values": values,
        }
        for number, values in entity.values.items()
    ]
    embedded: dict[str, Any] = {"tags": [{"id": n, "name": t, "color": None} for n, t in entity.tags.items()]}
    embedded["companies"] = []
    if "contacts" in with_.split(",") and entity.kind == "leads":
        embedded["contacts"] = [{"id": n, "is_main": not i} for i, n in enumerate(entity.contacts)]
    if "leads" in with_.split(",") and entity.kind == "contacts":
        embedded["leads"] = [{"id": lead.id} for lead in account.leads.values() if entity.id in lead.contacts]
    return answer | {
        "responsible_user_id": entity.responsible_user_id,
        "group_id": 0,
        "created_by": ADMIN,
        "updated_by": entity.updated_by,
        "created_at": entity.created_at,
        "updated_at": entity.updated_at,
        "custom_fields_values": values or None,
        "account_id": account.id,
        "_links": {"self": {"href": href(account, entity.kind, entity.id)}},
        "_embedded": embedded,
    }


def told(account: Account, entity: Entity) -> dict[str, Any]:
    """An entity as the sandbox's own record tells it: with stages, change log and contacts."""
    answer = shown(account, entity, "contacts,leads")
    return answer | {"request_ids": entity.request_ids, "stages": entity.stages, "log": entity.log}


def listing(kind: str) -> Callable[[Call], Answer]:
    """GET of a list: page, limit, query, with, filter[id], filter[updated_at], order[updated_at]."""

    def handler(call: Call) -> Answer:
        rows = list(call.account.entities(kind).values())
        if query := call.first("query"):
            rows = [row for row in rows if matches(row, query)]
        ids = [int(n) for key in call.query for n in call.query[key] if re.match(r"filter\[id\]", key)]
        if ids:
            rows = [row for row in rows if row.id in ids]
        if since := call.first("filter[updated_at][from]"):
            rows = [row for row in rows if row.updated_at >= int(since)]
        if until := call.first("filter[updated_at][to]"):
            rows = [row for row in rows if row.updated_at <= int(until)]
        if order := call.first("order[updated_at]"):
            rows.sort(key=lambda row: (row.updated_at, row.id), reverse=order == "desc")
        return page(call, kind, [shown(call.account, row, call.first("with")) for row in rows])

    return handler


def one(kind: str) -> Callable[[Call], Answer]:
    """GET of one entity; 204 for an unknown id."""

    def handler(call: Call) -> Answer:
        entity = call.account.entities(kind).get(int(call.path[1]))
        # Kommo answers an unknown id with no content.
        return (200, shown(call.account, entity, call.first("with"))) if entity else (204, None)

    return handler


def account(call: Call) -> Answer:
    """GET /account."""
    account = call.account
    return 200, {
        "id": account.id,
        "name": account.name,
        "subdomain": account.subdomain,
        "current_user_id": ADMIN,
        "country": "KZ",
        "currency": "USD",
        "currency_symbol": "$",
        "created_at": 1_700_000_000,
        "_links": {"self": {"href": call.base}},
    }


def _pipeline(account: Account, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": account.pipelines[number][0],
        "sort": 1,
        "is_main": number == PIPELINE,
        "is_unsorted_on": True,
        "is_archive": False,
        "account_id": account.id,
        "_embedded": {"statuses": account.statuses(number)},
    }


def pipelines(call: Call) -> Answer:
    """GET /leads/pipelines: all of them with their stages."""
    rows = [_pipeline(call.account, number) for number in call.account.pipelines]
    links = {"self": {"href": call.base}}
    return 200, {"_total_items": len(rows), "_links": links, "_embedded": {"pipelines": rows}}


def one_pipeline(call: Call) -> Answer:
    """GET /leads/pipelines/{id}."""
    number = int(call.path[2])
    return (200, _pipeline(call.account, number)) if number in call.account.pipelines else (204, None)


def statuses(call: Call) -> Answer:
    """GET /leads/pipelines/{id}/statuses."""
    if int(call.path[2]) not in call.account.pipelines:
        return 204, None
    rows = call.account.statuses(int(call.path[2]))
    return 200, {"_total_items": len(rows), "_embedded": {"statuses": rows}}


def users(call: Call) -> Answer:
    """GET /users."""
    return page(call, "users", [{"id": ADMIN, "name": "Admin", "email": "admin@example.com", "lang": "en"}])


def fields(kind: str) -> Callable[[Call], Answer]:
    """GET of custom fields."""

    def handler(call: Call) -> Answer:
        rows = list(call.account.fields[kind].values())
        return page(call, "custom_fields", rows, _total_items=len(rows))

    return handler


def tags(kind: str) -> Callable[[Call], Answer]:
    """GET of tags."""

    def handler(call: Call) -> Answer:
        rows = [{"id": number, "name": name} for name, number in call.account.tags[kind].items()]
        return page(call, "tags", rows)

    return handler


def notes(kind: str) -> Callable[[Call], Answer]:
    """GET of notes."""

    def handler(call: Call) -> Answer:
        wanted = int(call.path[1]) if call.path[1].isdigit() else None
        rows = [
            n for n in call.account.notes if n["entity_type"] == kind and wanted in (None, n["entity_id"])
        ]
        return page(call, "notes", rows)

    return handler
