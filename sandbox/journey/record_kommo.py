"""The ledger against the sandbox's record of Kommo: contact, deal, stages, fields, tags. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox.journey import expected
from sandbox.journey.compare import Row
from sandbox.journey.record import Lead, both_ways, differs, of_platform

Card = Mapping[str, Any]


def problems_of_kommo(
    rows: Sequence[Row], account: Mapping[str, Any], stages: Mapping[int, str], lead: Lead
) -> list[str]:
    """Each change by what it said and when; the card at the end; stages and tags in their order.

    `account` is the state of the account's subdomain; `stages` maps status ids to names.
    """
    contacts = [one for one in account["contacts"] if lead.digits in _phones(one)]
    wanted = {one["id"] for one in contacts}
    deals = [
        one
        for one in account["leads"]
        if wanted & {contact["id"] for contact in one["_embedded"]["contacts"]}
    ]
    if (len(contacts), len(deals)) != (1, 1):
        return [f"Kommo has {len(contacts)} contacts and {len(deals)} deals of the lead, not one and one"]
    contact, deal = contacts[0], deals[0]
    codes = {
        one["id"]: one["code"].lower() for kind in account["fields"].values() for one in kind if one["code"]
    }
    told = of_platform(rows, "kommo")
    made = [f"create contact at {contact['created_at']}", f"create deal at {deal['created_at']}"]
    changes = [*made, *_changes(deal, stages, codes), *_changes(contact, stages, codes)]
    problems = both_ways("change", (_said(row, deal["created_at"]) for row in told), changes)
    for row in told:
        proof = row["proof"]
        if "deal_id" in proof:
            problems += differs(row, "deal", proof["deal_id"], deal["id"])
        if "contact_id" in proof:
            problems += differs(row, "contact", proof["contact_id"], contact["id"])
        if not {"deal_id", "contact_id"} & set(proof):
            problems.append(f"No proof: kommo {row['title']} names neither deal nor contact")
    return problems + _card(contact, deal, stages)


def _phones(contact: Card) -> set[str]:
    return {
        "".join(sign for sign in str(value["value"]) if sign.isdigit())
        for field in contact["custom_fields_values"] or ()
        if field["field_code"] == "PHONE"
        for value in field["values"]
    }


def _said(row: Row, created: int) -> str:
    """A ledger line in the words of `_changes`; what went with the create has the create's time."""
    return f"{row['title']} at {row['proof'].get('updated_at', created)}"


def _changes(entity: Card, stages: Mapping[int, str], codes: Mapping[int, str]) -> Iterator[str]:
    """What the log tells, in the ledger's words: "stage Новый at 1795475655"."""
    for entry in entity["log"]:
        change, at = entry["change"], entry["at"]
        if "status_id" in change:
            yield f"stage {stages.get(change['status_id'], change['status_id'])} at {at}"
        if "price" in change:
            yield f"price at {at}"
        added = [*change.get("tags_to_add", ()), *change.get("_embedded", {}).get("tags", ())]
        for tag in added:
            yield f"set tag {tag['name']} at {at}"
        for tag in change.get("tags_to_delete", ()):
            yield f"remove tag {tag['name']} at {at}"
        for field in change.get("custom_fields_values", ()):
            if "field_id" in field:
                yield f"field {codes.get(field['field_id'], field['field_id'])} at {at}"


def _card(contact: Card, deal: Card, stages: Mapping[int, str]) -> list[str]:
    """What people see in the CRM at the end, and the order of stages and tags."""
    problems = []
    went = tuple(stages.get(one["status_id"], str(one["status_id"])) for one in deal["stages"])
    if went != expected.STAGES:
        problems.append(f"Kommo: the deal went {' → '.join(went)}, not {' → '.join(expected.STAGES)}")
    fields = {
        one["field_code"]: one["values"][0]["value"]
        for entity in (contact, deal)
        for one in entity["custom_fields_values"] or ()
        if one["field_code"] != "PHONE"
    }
    if fields != expected.CRM_FIELDS:
        problems.append(f"Kommo: the card's fields are {fields}, not {expected.CRM_FIELDS}")
    if deal["price"] != expected.CRM_PRICE:
        problems.append(f"Kommo: the deal's price is {deal['price']}, not {expected.CRM_PRICE}")
    if left := [tag["name"] for tag in deal["_embedded"]["tags"]]:
        problems.append(f"Kommo: the deal still has the tags {', '.join(left)}")
    moves = tuple(_tag_moves(deal))
    if moves != expected.CRM_TAGS:
        problems.append(f"Kommo: the tags went {', '.join(moves)}, not {', '.join(expected.CRM_TAGS)}")
    return problems


def _tag_moves(deal: Card) -> Iterator[str]:
    """Removals first within one change: they make room for the tag that comes."""
    for entry in deal["log"]:
        yield from (f"remove {tag['name']}" for tag in entry["change"].get("tags_to_delete", ()))
        yield from (f"set {tag['name']}" for tag in entry["change"].get("tags_to_add", ()))
