"""Fact → Kommo's request body, and Kommo's entities as typed data (brief L15-L21). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.base.errors import Rejected

_NOT_DIGITS = re.compile(r"\D", re.ASCII)
#: Full-text search finds a number by its end, however its start was written.
QUERY_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact with its phones as people wrote them."""

    id: int
    name: str
    phones: tuple[str, ...]
    lead_ids: tuple[int, ...]
    updated_at: int


@dataclass(frozen=True, slots=True)
class Lead:
    """A deal. `price` in whole units of the account's currency, times in unix seconds."""

    id: int
    name: str
    price: int
    status_id: int
    pipeline_id: int
    contact_ids: tuple[int, ...]
    tags: tuple[str, ...]
    updated_at: int


def parse_contact(item: Mapping[str, Any]) -> Contact:
    """From `_embedded.contacts[]`. Raises KeyError, TypeError, ValueError for another shape."""
    phones = [
        str(value["value"])
        for field in item.get("custom_fields_values") or ()
        if field.get("field_code") == "PHONE"
        for value in field.get("values") or ()
        if value.get("value")
    ]
    leads = (item.get("_embedded") or {}).get("leads") or ()
    return Contact(
        id=int(item["id"]),
        name=str(item.get("name") or ""),
        phones=tuple(phones),
        lead_ids=tuple(int(lead["id"]) for lead in leads),
        updated_at=int(item.get("updated_at") or 0),
    )


def parse_lead(item: Mapping[str, Any]) -> Lead:
    """From GET /leads/{id}?with=contacts. Raises KeyError, TypeError, ValueError for another shape."""
    embedded = item.get("_embedded") or {}
    return Lead(
        id=int(item["id"]),
        name=str(item.get("name") or ""),
        price=int(item.get("price") or 0),
        status_id=int(item["status_id"]),
        pipeline_id=int(item["pipeline_id"]),
        contact_ids=tuple(int(contact["id"]) for contact in embedded.get("contacts") or ()),
        tags=tuple(str(tag["name"]) for tag in embedded.get("tags") or ()),
        updated_at=int(item.get("updated_at") or 0),
    )


def phone_query(digits: str) -> str:
    """What to search for: the number's last nine digits."""
    return _NOT_DIGITS.sub("", digits)[-QUERY_DIGITS:]


def exact_matches(
    contacts: Iterable[Contact], digits: str, trunk: Mapping[str, str] | None = None
) -> list[Contact]:
    """Contacts one of whose phones is exactly this number, the most recently changed first.

    `digits`: E.164 without the plus sign. Phones in Kommo are free text: signs are ignored, an
    international 00 is dropped, and a national form counts only if `trunk` names the country: {"8": "7"}
    reads 8 701 … as 7 701 …, as people in Kazakhstan and Russia write. Several matches are several
    people's cards or duplicates: take the first and tag the deal "ambiguous".
    """
    wanted = _NOT_DIGITS.sub("", digits)
    found = [
        contact
        for contact in contacts
        if wanted and any(wanted in _readings(phone, trunk or {}) for phone in contact.phones)
    ]
    return sorted(found, key=lambda contact: (-contact.updated_at, -contact.id))


def _readings(phone: str, trunk: Mapping[str, str]) -> set[str]:
    digits = _NOT_DIGITS.sub("", phone)
    readings = {digits, digits.removeprefix("00")}
    # With a plus sign the number is international already.
    if not phone.strip().startswith("+"):
        readings |= {code + digits[len(mark) :] for mark, code in trunk.items() if digits.startswith(mark)}
    return readings


def _phone_field(digits: str) -> dict[str, Any]:
    return {"field_code": "PHONE", "values": [{"value": f"+{digits}", "enum_code": "MOB"}]}


def _field_values(values: Mapping[int, object]) -> list[dict[str, Any]]:
    """`values`: field id → value; None clears the field."""
    return [
        {"field_id": field_id, "values": None if value is None else [{"value": value}]}
        for field_id, value in sorted(values.items())
    ]


def _tags(names: Iterable[str]) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def complex_body(
    *,
    name: str,
    pipeline_id: int,
    status_id: int,
    request_id: str,
    contact_name: str = "",
    phone: str | None = None,
    contact_id: int | None = None,
    price: int | None = None,
    lead_fields: Mapping[int, object] | None = None,
    contact_fields: Mapping[int, object] | None = None,
    tags: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """The body of POST /leads/complex: one deal with its contact (brief L15).

    `request_id`: our own id, which Kommo echoes and does not use against doubles. `phone`: E.164 digits
    or None. `contact_id`: an existing contact, which is linked and not changed. `price`: whole units.
    No `metadata`: with it the deal would go to Incoming and lose its stage.
    """
    contact: dict[str, Any]
    if contact_id is not None:
        contact = {"id": contact_id}
    else:
        contact = {"first_name": contact_name or name}
        values = _field_values(contact_fields or {})
        if phone:
            values.insert(0, _phone_field(_NOT_DIGITS.sub("", phone)))
        if values:
            contact["custom_fields_values"] = values
    lead: dict[str, Any] = {
        "name": name,
        "pipeline_id": pipeline_id,
        "status_id": status_id,
        "request_id": request_id,
        "_embedded": {"contacts": [contact]},
    }
    if price is not None:
        lead["price"] = price
    if lead_fields:
        lead["custom_fields_values"] = _field_values(lead_fields)
    if tags:
        lead["_embedded"]["tags"] = _tags(tags)
    return [lead]


def lead_patch_body(
    *,
    status_id: int | None = None,
    pipeline_id: int | None = None,
    price: int | None = None,
    fields: Mapping[int, object] | None = None,
    tags_to_add: Sequence[str] = (),
    tags_to_delete: Sequence[str] = (),
) -> dict[str, Any]:
    """The body of PATCH /leads/{id}: only what is to change (brief L17-L21).

    Tags are added and deleted one by one, since a whole set would wipe the sales team's own. Raises
    Rejected for a stage without its pipeline, for a tag in both lists and for an empty change.
    """
    if status_id is not None and pipeline_id is None:
        raise Rejected("A stage needs its pipeline.", platform_code="pipeline_id")
    if set(tags_to_add) & set(tags_to_delete):
        raise Rejected("A tag cannot be added and deleted at once.", platform_code="tags")
    body: dict[str, Any] = {
        key: value
        for key, value in (("status_id", status_id), ("pipeline_id", pipeline_id), ("price", price))
        if value is not None
    }
    if fields:
        body["custom_fields_values"] = _field_values(fields)
    if tags_to_add:
        body["tags_to_add"] = _tags(tags_to_add)
    if tags_to_delete:
        body["tags_to_delete"] = _tags(tags_to_delete)
    if not body:
        raise Rejected("There is nothing to change.", platform_code="empty")
    return body


def contact_patch_body(
    *,
    name: str = "",
    phone: str | None = None,
    fields: Mapping[int, object] | None = None,
    tags_to_add: Sequence[str] = (),
    tags_to_delete: Sequence[str] = (),
) -> dict[str, Any]:
    """The body of PATCH /contacts/{id}. A phone given here replaces the contact's phones.

    Raises Rejected for a tag in both lists and for an empty change.
    """
    values = _field_values(fields or {})
    if phone:
        values.insert(0, _phone_field(_NOT_DIGITS.sub("", phone)))
    body: dict[str, Any] = {}
    if name:
        body["first_name"] = name
    if values:
        body["custom_fields_values"] = values
    if tags_to_add or tags_to_delete:
        body |= lead_patch_body(tags_to_add=tags_to_add, tags_to_delete=tags_to_delete)
    if not body:
        raise Rejected("There is nothing to change.", platform_code="empty")
    return body


def custom_field_body(name: str, field_type: str, code: str, options: Sequence[str] = ()) -> dict[str, Any]:
    """One element of POST /{entity}/custom_fields. `code`: our key in capitals, such as CF_NICHE."""
    body: dict[str, Any] = {"name": name, "type": field_type, "code": code.upper()}
    if options:
        body["enums"] = [{"value": option, "sort": 10 * (index + 1)} for index, option in enumerate(options)]
    return body
