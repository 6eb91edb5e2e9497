"""How leads and contacts of a fake Kommo account are made and changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sandbox.kommo_account import (
    ADMIN,
    LOST,
    PIPELINE,
    WON,
    Account,
    Entity,
    Invalid,
)
from sandbox.kommo_search import put_in_index


def build(account: Account, kind: str, asked: dict[str, Any], now: int) -> Entity:
    """A new entity, checked but not yet kept. Raises Invalid.

    Tags are taken from `_embedded.tags`; `tags_to_add` does nothing when an entity is made
    (reference A4 marks it as unsure, so that nobody may lean on it).
    """
    _check_plain(asked)
    entity = Entity(id=0, kind=kind, name=str(asked.get("name") or ""), created_at=now, updated_at=now)
    embedded = asked.get("_embedded") or {}
    _plain(entity, asked)
    entity.values = {
        key: values
        for key, values in account.read_values(kind, asked.get("custom_fields_values") or []).items()
        if values
    }
    entity.tags = account.tag(kind, embedded.get("tags") or [], "_embedded.tags")
    if kind == "leads":
        entity.pipeline_id, status = account.check_stage(asked)
        rows = account.statuses(entity.pipeline_id)
        # Metadata sends a lead to Incoming, whatever status is asked for.
        first = rows[0]["id"] if "metadata" in embedded else rows[1]["id"]
        entity.status_id = first if "metadata" in embedded or status is None else status
    elif not entity.name:
        entity.name = f"{entity.first_name} {entity.last_name}".strip()
    if asked.get("request_id") is not None:
        entity.request_ids.append(str(asked["request_id"]))
    return entity


def keep(account: Account, entity: Entity, asked: dict[str, Any], lag: float) -> Entity:
    """Gives the entity its id and keeps it."""
    entity.id = account.next_id(entity.kind)
    if entity.kind == "leads":
        entity.name = entity.name or f"Lead #{entity.id}"
        _stage(entity, entity.status_id, 0, entity.created_at, ADMIN)
    _log(entity, "add", asked, entity.created_at, ADMIN)
    account.entities(entity.kind)[entity.id] = entity
    put_in_index(entity, lag)
    return entity


def build_complex(account: Account, asked: dict[str, Any], now: int) -> tuple[Entity, list[Entity | int]]:
    """A lead and its contact, new or known by id, checked but not kept. Raises Invalid."""
    lead = build(account, "leads", asked, now)
    contacts = (asked.get("_embedded") or {}).get("contacts") or []
    if len(contacts) > 1:
        raise Invalid("TooMany", "_embedded.contacts", "At most one contact per lead")
    people: list[Entity | int] = []
    for contact in contacts:
        if "id" in contact:
            if contact["id"] not in account.contacts:
                raise Invalid("NotSupportedChoice", "_embedded.contacts.0.id", "Contact does not exist")
            people.append(int(contact["id"]))
            continue
        try:
            people.append(build(account, "contacts", contact, now))
        except Invalid as error:
            for one in error.errors:
                one["path"] = f"_embedded.contacts.0.{one['path']}"
            raise
    return lead, people


def change(
    account: Account, entity: Entity, asked: dict[str, Any], now: int, lag: float, by: int = ADMIN
) -> Entity:
    """Changes an entity by a PATCH body and answers what it was before. Raises Invalid, changing nothing."""
    plan = check_change(account, entity.kind, asked, entity.pipeline_id)
    before = replace(entity, tags=dict(entity.tags), values=dict(entity.values))
    _plain(entity, asked)
    if asked.get("name"):
        entity.name = str(asked["name"])
    elif asked.get("first_name") or asked.get("last_name"):
        entity.name = f"{entity.first_name} {entity.last_name}".strip()
    for key, value in plan.values.items():
        if value:
            entity.values[key] = value
        else:
            entity.values.pop(key, None)
    # `_embedded.tags` is the whole new set; tags_to_* change the set that is there.
    tags = entity.tags if plan.replaced is None else plan.replaced
    entity.tags = {key: name for key, name in (tags | plan.added).items() if key not in plan.deleted}
    entity.pipeline_id = plan.pipeline
    if plan.status is not None and plan.status != entity.status_id:
        _stage(entity, plan.status, entity.status_id, now, by)
    entity.updated_at, entity.updated_by = now, by
    _log(entity, "update", asked, now, by)
    put_in_index(entity, lag)
    return before


@dataclass
class Plan:
    """A checked PATCH body."""

    values: dict[int, list[dict[str, Any]] | None]
    pipeline: int
    status: int | None
    replaced: dict[int, str] | None
    added: dict[int, str]
    deleted: dict[int, str]


def check_change(account: Account, kind: str, asked: dict[str, Any], at: int = PIPELINE) -> Plan:
    """Reads a PATCH body for an entity in pipeline `at`. Raises Invalid."""
    _check_plain(asked)
    pipeline, status = account.check_stage(asked, at) if kind == "leads" else (at, None)
    embedded = asked.get("_embedded") or {}
    return Plan(
        values=account.read_values(kind, asked.get("custom_fields_values") or []),
        pipeline=pipeline,
        status=status,
        replaced=account.tag(kind, embedded["tags"] or [], "_embedded.tags") if "tags" in embedded else None,
        added=account.tag(kind, asked.get("tags_to_add") or [], "tags_to_add"),
        deleted=account.tag(kind, asked.get("tags_to_delete") or [], "tags_to_delete"),
    )


_PLAIN = {"price": int, "responsible_user_id": int, "first_name": str, "last_name": str, "name": str}


def _check_plain(asked: dict[str, Any]) -> None:
    for key, kind in _PLAIN.items():
        value = asked.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise Invalid("InvalidType", key, f"This value should be of type {kind.__name__}.")


def _plain(entity: Entity, asked: dict[str, Any]) -> None:
    for key in ("price", "responsible_user_id", "first_name", "last_name"):
        if asked.get(key) is not None:
            setattr(entity, key, asked[key])


def _stage(entity: Entity, status: int, old: int, now: int, by: int) -> None:
    entity.status_id = status
    entity.closed_at = now if status in (WON, LOST) else None
    entity.stages.append({"status_id": status, "old_status_id": old, "at": now, "by": by})


def _log(entity: Entity, action: str, asked: dict[str, Any], now: int, by: int) -> None:
    entity.log.append({"at": now, "by": by, "action": action, "change": asked})
