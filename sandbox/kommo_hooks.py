"""Kommo's general webhooks: form bodies with PHP brackets and the field names of API v2.

Source: reference/crm_pay_audiences.md A6. No event id and no signature, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from sandbox.core import World
from sandbox.kommo_account import Account, Entity

_VERBS = ("add", "update", "delete", "restore", "status", "responsible", "note")
SETTINGS = frozenset(
    [f"{verb}_{kind}" for verb in _VERBS for kind in ("lead", "contact", "company")]
    + [f"{verb}_{kind}" for verb in ("add", "update", "delete") for kind in ("task", "unsorted", "talk")]
    + ["add_message"]
)
#: entity kind -> its word in the settings
WORDS = {"leads": "lead", "contacts": "contact"}


def announce(
    world: World, account: Account, changes: Sequence[tuple[str, Entity, Entity | None]], now: int
) -> None:
    """Posts the changes of one request to every destination that asked for them.

    A change is (add or update, the entity, what it was before or None). A lead whose stage changed is
    told as `status` and as `update`.
    """
    for hook in account.webhooks:
        tree: dict[str, Any] = {}
        told = set()
        for action, entity, before in changes:
            for name in _actions(action, entity, before):
                if f"{name}_{WORDS[entity.kind]}" in hook["settings"]:
                    rows = tree.setdefault(entity.kind, {}).setdefault(name, [])
                    rows.append(_row(account, entity, before if name == "status" else None, now))
                    told.add(f"{name}_{WORDS[entity.kind]}")
        if tree:
            tree["account"] = {
                "id": account.id,
                "subdomain": account.subdomain,
                "_links": {"self": f"https://{account.subdomain}.kommo.com"},
            }
            world.spawn(
                world.send_hook(
                    "kommo",
                    hook["destination"],
                    urlencode(brackets(tree)).encode(),
                    {
                        "Content-Type": "application/x-www-form-urlencoded",
                        "User-Agent": "amoCRM-Webhooks/3.0",
                    },
                    kind=min(told, key=lambda word: not word.startswith("status")),
                )
            )


def _actions(action: str, entity: Entity, before: Entity | None) -> list[str]:
    moved = before is not None and entity.kind == "leads" and entity.status_id != before.status_id
    return ["status", action] if moved else [action]


def _row(account: Account, entity: Entity, before: Entity | None, now: int) -> dict[str, Any]:
    row: dict[str, Any] = {"id": entity.id, "name": entity.name}
    if entity.kind == "leads":
        row |= {"status_id": entity.status_id, "price": entity.price, "pipeline_id": entity.pipeline_id}
        if before is not None:
            row |= {"old_status_id": before.status_id, "old_pipeline_id": before.pipeline_id}
    row |= {
        "responsible_user_id": entity.responsible_user_id,
        "last_modified": entity.updated_at,
        "modified_user_id": entity.updated_by,
        "created_user_id": entity.updated_by,
        "date_create": entity.created_at,
        "account_id": account.id,
        "created_at": entity.created_at,
        "updated_at": entity.updated_at,
    }
    if entity.tags:
        row["tags"] = [{"id": number, "name": name} for number, name in entity.tags.items()]
    fields = account.fields[entity.kind]
    if entity.values:
        row["custom_fields"] = [
            {"id": number, "name": fields[number]["name"], "values": [_old_value(v) for v in values]}
            for number, values in entity.values.items()
        ]
    return row


def _old_value(value: dict[str, Any]) -> dict[str, Any]:
    return {"value": value["value"]} | ({"enum": value["enum_id"]} if "enum_id" in value else {})


def brackets(tree: Any, prefix: str = "") -> list[tuple[str, str]]:
    """{"a": [{"b": 1}]} -> [("a[0][b]", "1")]: everything becomes text."""
    if isinstance(tree, dict):
        items = list(tree.items())
    elif isinstance(tree, list):
        items = list(enumerate(tree))
    else:
        return [(prefix, str(tree))]
    return [
        pair for key, value in items for pair in brackets(value, f"{prefix}[{key}]" if prefix else str(key))
    ]
