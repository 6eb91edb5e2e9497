"""The calls that bring one deal and its contact in line with the mirror (L11, L17, L18, L20, L21)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from arriwa.common.money import minor_to_major
from integrations.kommo import payloads
from integrations.kommo.client import KommoClient
from integrations.kommo.config import KommoSettings
from integrations.kommo.tokens import TokenKeeper
from integrations.models import DealMirror, Delivery

CREATES = ("contact", "deal")


@dataclass(slots=True)
class Person:
    """Who the contact is; lives only as long as the call."""

    name: str
    phone: str


@dataclass(slots=True)
class Sync:
    """What one run has to bring about for one deal."""

    mirror: DealMirror
    settings: KommoSettings
    #: Renews the token of an account that was connected by signing in.
    keeper: TokenKeeper | None
    person: Person
    #: The deal's name; its end makes it findable after a lost answer.
    name: str
    #: attribute -> value that the CRM does not show yet
    changes: dict[str, Any]
    #: attribute (and "contact", "deal") -> its delivery
    deliveries: dict[str, Delivery]
    #: The create was sent before and its answer lost: look it up first.
    in_doubt: bool = False
    contact_id: str = ""
    deal_id: str = ""
    #: attribute -> proof
    done: dict[str, dict[str, Any]] = field(default_factory=dict)


def deal_sync(client: KommoClient, sync: Sync) -> None:
    """Looks up, creates, patches; what was done before an error stays noted in `sync.done`.

    Raises the errors of `KommoClient`.
    """
    if not sync.deal_id and sync.in_doubt:
        _adopt(client, sync)
    if not sync.deal_id:
        _create(client, sync)
    _patch_deal(client, sync)
    _patch_contact(client, sync)


def _adopt(client: KommoClient, sync: Sync) -> None:
    """Looks for a deal that a lost answer may have made, by its name: the person may have no phone."""
    for lead in client.lead_search(sync.name):
        if lead.name == sync.name and lead.contact_ids:
            sync.contact_id, sync.deal_id = str(lead.contact_ids[0]), str(lead.id)
            proof = {"deal_id": lead.id, "contact_id": lead.contact_ids[0], "adopted_from": "search"}
            sync.done["contact"] = sync.done["deal"] = proof
            return


def _create(client: KommoClient, sync: Sync) -> None:
    contact_id = _known_contact(client, sync)
    stage = sync.changes.get("stage", sync.mirror.desired.get("stage", "new"))
    tags = [name[4:] for name, value in sync.changes.items() if name.startswith("tag:") and value]
    contact_fields = {} if contact_id else _fields(sync, "contacts")
    lead_fields = _fields(sync, "leads")
    body = payloads.complex_body(
        name=sync.name,
        pipeline_id=sync.settings.pipeline(),
        status_id=sync.settings.stage(stage),
        request_id=str(sync.mirror.id),
        contact_name=sync.person.name,
        phone=sync.person.phone or None,
        contact_id=contact_id,
        price=_price(sync.changes.get("price")),
        lead_fields={ref: value for ref, value in lead_fields.values()},
        contact_fields={ref: value for ref, value in contact_fields.values()},
        tags=tags,
    )
    made = client.lead_complex_create(body)
    sync.contact_id, sync.deal_id = str(made.contact_id), str(made.lead_id)
    proof = {
        "deal_id": made.lead_id,
        "contact_id": made.contact_id,
        "merged": made.merged,
        "request_id": made.request_id,
    }
    told = [*CREATES, *lead_fields, *contact_fields]
    told += [f"tag:{tag}" for tag in tags] + [n for n in ("stage", "price") if n in sync.changes]
    for name in told:
        sync.done[name] = proof


def _known_contact(client: KommoClient, sync: Sync) -> int | None:
    if not sync.person.phone:
        return None
    found = payloads.exact_matches(client.contact_search(sync.person.phone), sync.person.phone)
    return found[0].id if found else None


def _patch_deal(client: KommoClient, sync: Sync) -> None:
    left = {n: v for n, v in sync.changes.items() if n not in sync.done}
    fields = {n: pair for n, pair in _fields(sync, "leads").items() if n in left}
    tags = {n: v for n, v in left.items() if n.startswith("tag:")}
    names = [*fields, *tags, *(n for n in ("stage", "price") if n in left)]
    if not names:
        return
    stage = left.get("stage")
    body = payloads.lead_patch_body(
        status_id=sync.settings.stage(stage) if stage else None,
        pipeline_id=sync.settings.pipeline() if stage else None,
        price=_price(left.get("price")),
        fields={ref: value for ref, value in fields.values()},
        tags_to_add=[n[4:] for n, v in tags.items() if v],
        tags_to_delete=[n[4:] for n, v in tags.items() if not v],
    )
    patched = client.lead_patch(int(sync.deal_id), body)
    proof = {
        "deal_id": patched.id,
        "updated_at": patched.updated_at,
        "request_id": patched.request_id,
    }
    for name in names:
        sync.done[name] = proof


def _patch_contact(client: KommoClient, sync: Sync) -> None:
    fields = {n: p for n, p in _fields(sync, "contacts").items() if n not in sync.done}
    if not fields:
        return
    body = payloads.contact_patch_body(fields={ref: value for ref, value in fields.values()})
    patched = client.contact_patch(int(sync.contact_id), body)
    proof = {
        "contact_id": patched.id,
        "updated_at": patched.updated_at,
        "request_id": patched.request_id,
    }
    for name in fields:
        sync.done[name] = proof


def _fields(sync: Sync, entity: str) -> dict[str, tuple[int, Any]]:
    """attribute -> (field id, value) of the entity's changed fields."""
    found = {}
    for name, value in sync.changes.items():
        if name.startswith("field:"):
            ref = sync.settings.field(name[6:])
            if ref.entity == entity:
                found[name] = (ref.field_id, value)
    return found


def deal_name(person: str, conversation: UUID) -> str:
    """A name that people know and that is found again: "Ana · WhatsApp 1f3a9c02"."""
    return f"{person or 'Lead'} · WhatsApp {conversation.hex[:8]}"


def _price(value: Any) -> int | None:
    """Whole units of the account's currency from [minor units, currency]."""
    return None if value is None else int(minor_to_major(value[0], value[1]))
