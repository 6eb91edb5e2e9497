"""What the fake Kommo does on POST and PATCH. Source: reference/crm_pay_audiences.md A4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.kommo_account import ADMIN, Account, Entity, Invalid
from sandbox.kommo_call import MAX_WRITE, Answer, Call, Problem, each, elements, href, refusal
from sandbox.kommo_changes import build, build_complex, change, check_change, keep
from sandbox.kommo_hooks import announce

MAX_COMPLEX = 50
NOTE_TYPES = ("common", "call_in", "call_out", "service_message", "extended_service_message", "geolocation")


def complex_add(call: Call) -> Answer:
    """POST /leads/complex: leads with their contacts; the answer is a bare array, `merged` always false."""
    account = call.account
    batch = elements(call, MAX_COMPLEX)
    built = each(batch, lambda asked: build_complex(account, asked, call.now))
    answers, changes = [], []
    for asked, (lead, people) in zip(batch, built, strict=True):
        for person in people:
            if isinstance(person, Entity):
                keep(account, person, asked["_embedded"]["contacts"][0], call.lag)
                changes.append(("add", person, None))
            lead.contacts.append(person.id if isinstance(person, Entity) else person)
        keep(account, lead, asked, call.lag)
        changes.append(("add", lead, None))
        answers.append(
            {
                "id": lead.id,
                "contact_id": lead.contacts[0] if lead.contacts else None,
                "company_id": None,
                "request_id": list(lead.request_ids),
                "merged": False,
            }
        )
    announce(call.world, account, changes, call.now)
    return 200, answers


def add(kind: str) -> Callable[[Call], Answer]:
    """POST /leads or /contacts."""

    def handler(call: Call) -> Answer:
        account = call.account
        batch = elements(call, MAX_WRITE)
        built = each(batch, lambda asked: build(account, kind, asked, call.now))
        rows = []
        for number, (asked, entity) in enumerate(zip(batch, built, strict=True)):
            linked = (asked.get("_embedded") or {}).get("contacts") or []
            entity.contacts = [row["id"] for row in linked if row.get("id") in account.contacts]
            keep(account, entity, asked, call.lag)
            request_id = str(asked.get("request_id", number))
            rows.append({"id": entity.id, "request_id": request_id, **_self(account, kind, entity.id)})
        announce(call.world, account, [("add", entity, None) for entity in built], call.now)
        return 200, {"_links": {"self": {"href": call.base}}, "_embedded": {kind: rows}}

    return handler


def _self(account: Account, kind: str, number: int) -> dict[str, Any]:
    return {"_links": {"self": {"href": href(account, kind, number)}}}


def patch_one(kind: str) -> Callable[[Call], Answer]:
    """PATCH of one entity by its id in the path."""

    def handler(call: Call) -> Answer:
        entity = call.account.entities(kind).get(int(call.path[1]))
        if entity is None:
            raise Problem(404, "Not Found", "Element not found")
        if not isinstance(call.body, dict):
            raise Problem(400, "Bad Request", "The body must be an object")
        [before] = each([call.body], lambda asked: change(call.account, entity, asked, call.now, call.lag))
        announce(call.world, call.account, [("update", entity, before)], call.now)
        return 200, {"id": entity.id, "updated_at": entity.updated_at, **_self(call.account, kind, entity.id)}

    return handler


def patch_many(kind: str) -> Callable[[Call], Answer]:
    """PATCH of a batch: one bad element refuses it whole."""

    def handler(call: Call) -> Answer:
        account, known = call.account, call.account.entities(kind)
        batch = elements(call, MAX_WRITE)

        def check(asked: dict[str, Any]) -> None:
            if asked.get("id") not in known:
                raise Invalid("NotSupportedChoice", "id", "Element not found")
            check_change(account, kind, asked, known[asked["id"]].pipeline_id)

        each(batch, check)
        rows, changes = [], []
        for asked in batch:
            entity = known[asked["id"]]
            changes.append(("update", entity, change(account, entity, asked, call.now, call.lag)))
            rows.append({"id": entity.id, "updated_at": call.now, **_self(account, kind, entity.id)})
        announce(call.world, account, changes, call.now)
        return 200, {"_links": {"self": {"href": call.base}}, "_embedded": {kind: rows}}

    return handler


def add_fields(kind: str) -> Callable[[Call], Answer]:
    """POST of custom fields."""

    def handler(call: Call) -> Answer:
        rows = each(elements(call, MAX_WRITE), lambda asked: call.account.add_field(kind, asked))
        return 200, {"_total_items": len(rows), "_embedded": {"custom_fields": rows}}

    return handler


def patch_fields(kind: str) -> Callable[[Call], Answer]:
    """PATCH of one custom field, or of a batch."""

    def handler(call: Call) -> Answer:
        if call.path[-1].isdigit():
            number = int(call.path[-1])
            return 200, each([call.body], lambda asked: call.account.change_field(kind, number, asked))[0]
        batch = elements(call, MAX_WRITE)
        rows = each(batch, lambda asked: call.account.change_field(kind, asked.get("id", 0), asked))
        return 200, {"_total_items": len(rows), "_embedded": {"custom_fields": rows}}

    return handler


def add_statuses(call: Call) -> Answer:
    """POST /leads/pipelines/{id}/statuses."""
    pipeline = int(call.path[2])
    if pipeline not in call.account.pipelines:
        raise Problem(404, "Not Found", "The pipeline does not exist")
    batch = elements(call, MAX_WRITE)
    try:
        rows = call.account.add_statuses(pipeline, batch)
    except Invalid as error:
        raise refusal([("0", error)]) from error
    return 200, {"_total_items": len(rows), "_embedded": {"statuses": rows}}


def add_pipelines(call: Call) -> Answer:
    """POST /leads/pipelines."""
    made = each(elements(call, MAX_WRITE), call.account.add_pipeline)
    rows = [{"id": number, "name": call.account.pipelines[number][0]} for number in made]
    return 200, {"_total_items": len(rows), "_embedded": {"pipelines": rows}}


def add_notes(kind: str) -> Callable[[Call], Answer]:
    """POST of notes, to entities named in the body or to the one in the path."""

    def handler(call: Call) -> Answer:
        account = call.account
        fixed = int(call.path[1]) if call.path[1].isdigit() else None

        def check(asked: dict[str, Any]) -> dict[str, Any]:
            number = asked.get("entity_id", fixed) if fixed is None else fixed
            if number not in account.entities(kind):
                raise Invalid("NotSupportedChoice", "entity_id", "Element not found")
            if asked.get("note_type") not in NOTE_TYPES:
                raise Invalid(
                    "NotSupportedChoice", "note_type", "The value you selected is not a valid choice."
                )
            params = asked.get("params")
            if asked["note_type"] == "common" and not (isinstance(params, dict) and params.get("text")):
                raise Invalid("NotBlank", "params.text", "This value should not be blank.")
            return {
                "entity_id": number,
                "entity_type": kind,
                "note_type": asked["note_type"],
                "params": params,
            }

        batch = elements(call, MAX_WRITE)
        rows = []
        for number, note in enumerate(each(batch, check)):
            note = {"id": account.next_id("notes"), **note, "created_at": call.now, "created_by": ADMIN}
            account.notes.append(note)
            request_id = str(batch[number].get("request_id", number))
            rows.append({"id": note["id"], "entity_id": note["entity_id"], "request_id": request_id})
        return 200, {"_links": {"self": {"href": call.base}}, "_embedded": {"notes": rows}}

    return handler
