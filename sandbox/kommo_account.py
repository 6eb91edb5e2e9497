"""What one Kommo account holds, and how its entities are checked and changed.

Source: reference/crm_pay_audiences.md A3-A5. Ids of all accounts start alike, as look-alike data does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

WON, LOST = 142, 143
PIPELINE = 5501
INCOMING = 6600
ADMIN, MANAGER = 77, 88
FIELD_TYPES = frozenset(
    [
        *("text", "numeric", "checkbox", "select", "multiselect", "date", "url", "textarea", "radiobutton"),
        *("streetaddress", "smart_address", "birthday", "legal_entity", "date_time", "price", "category"),
        *("file", "chained_list", "tracking_data", "linked_entity", "monetary", "multitext"),
    ]
)
CHOICE_TYPES = frozenset(["select", "multiselect", "radiobutton"])
NUMBER_TYPES = frozenset(["numeric", "price", "monetary"])
ENUM_CODES = {
    "PHONE": ("WORK", "WORKDD", "MOB", "FAX", "HOME", "OTHER"),
    "EMAIL": ("WORK", "PRIV", "OTHER"),
}
TRACKING = ("UTM_CONTENT", "UTM_MEDIUM", "UTM_CAMPAIGN", "UTM_SOURCE", "UTM_TERM", "FBCLID")
MAX_VALUES = 40


class Invalid(Exception):
    """Validation errors of one element: [{"code", "path", "detail"}]."""

    def __init__(self, code: str, path: str, detail: str) -> None:
        super().__init__(detail)
        self.errors = [{"code": code, "path": path, "detail": detail}]


@dataclass
class Entity:
    """A lead or a contact."""

    id: int
    kind: str
    name: str
    created_at: int
    updated_at: int
    price: int = 0
    status_id: int = 0
    pipeline_id: int = PIPELINE
    closed_at: int | None = None
    responsible_user_id: int = ADMIN
    updated_by: int = ADMIN
    first_name: str = ""
    last_name: str = ""
    request_ids: list[str] = field(default_factory=list)
    tags: dict[int, str] = field(default_factory=dict)
    #: field id -> values
    values: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    contacts: list[int] = field(default_factory=list)
    #: whole history of a lead: {"status_id", "old_status_id", "at", "by"}
    stages: list[dict[str, Any]] = field(default_factory=list)
    #: every request that changed the entity: {"at", "by", "action", "change"}
    log: list[dict[str, Any]] = field(default_factory=list)
    #: (monotonic time from which it is searchable, text): the search index lags behind
    index: list[tuple[float, str]] = field(default_factory=list)


class Account:
    """All data of one account. Times are unix seconds of the sandbox's clock, given by the caller."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        self.name, self.settings = name, settings
        self.id: int = settings["account_id"]
        self.subdomain: str = settings["subdomain"]
        self.counters = {"leads": 30000, "contacts": 40000, "fields": 990, "tags": 700, "notes": 50000}
        self.counters |= {"enums": 8000, "webhooks": 900, "statuses": 6800, "pipelines": 5600}
        #: pipeline id -> (name, its own stages as (id, name)); the first one's come from the settings too
        self.pipelines: dict[int, tuple[str, list[tuple[int, str]]]] = {PIPELINE: ("Pipeline", [])}
        self.leads: dict[int, Entity] = {}
        self.contacts: dict[int, Entity] = {}
        self.notes: list[dict[str, Any]] = []
        self.webhooks: list[dict[str, Any]] = []
        self.tags: dict[str, dict[str, int]] = {"leads": {}, "contacts": {}}
        self.fields: dict[str, dict[int, dict[str, Any]]] = {"leads": {}, "contacts": {}}
        for code in TRACKING:
            self.add_field("leads", {"name": code.lower(), "type": "tracking_data", "code": code})
        self.add_field("contacts", {"name": "Position", "type": "text", "code": "POSITION"})
        for code, enums in ENUM_CODES.items():
            values = [{"value": enum} for enum in enums]
            self.add_field(
                "contacts", {"name": code.title(), "type": "multitext", "code": code, "enums": values}
            )

    def next_id(self, what: str) -> int:
        """The next id of a kind of thing."""
        self.counters[what] += 1
        return self.counters[what]

    def entities(self, kind: str) -> dict[int, Entity]:
        """Leads or contacts by id."""
        return self.leads if kind == "leads" else self.contacts

    # --- stages -----------------------------------------------------------------------------------

    def statuses(self, pipeline: int = PIPELINE) -> list[dict[str, Any]]:
        """A pipeline's stages: Incoming (type 1), the account's own, won, lost."""
        own = list(self.pipelines[pipeline][1])
        if pipeline == PIPELINE:
            own = [(INCOMING + n, name) for n, name in enumerate(self.settings["stages"], 1)] + own
        incoming = INCOMING if pipeline == PIPELINE else pipeline * 10
        rows = [(incoming, "Incoming leads", 1), *((number, name, 0) for number, name in own)]
        rows += [(WON, "Closed - won", 0), (LOST, "Closed - lost", 0)]
        return [
            {
                "id": number,
                "name": name,
                "sort": position * 10,
                "is_editable": number not in (incoming, WON, LOST),
                "pipeline_id": pipeline,
                "color": "#c1c1c1" if kind else "#99ccff",
                "type": kind,
                "account_id": self.id,
            }
            for position, (number, name, kind) in enumerate(rows, 1)
        ]

    def add_statuses(self, pipeline: int, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Makes stages; two may have one name, as in Kommo. Raises Invalid."""
        for item in asked:
            if not isinstance(item.get("name"), str) or not item["name"].strip():
                raise Invalid("NotBlank", "name", "This value should not be blank.")
        made = [(self.next_id("statuses"), item["name"]) for item in asked]
        self.pipelines[pipeline][1].extend(made)
        ids = {number for number, _ in made}
        return [row for row in self.statuses(pipeline) if row["id"] in ids]

    def add_pipeline(self, asked: dict[str, Any]) -> int:
        """Makes a pipeline with the stages of `_embedded.statuses`. Raises Invalid."""
        if not isinstance(asked.get("name"), str) or not asked["name"].strip():
            raise Invalid("NotBlank", "name", "This value should not be blank.")
        number = self.next_id("pipelines")
        self.pipelines[number] = (asked["name"], [])
        self.add_statuses(number, (asked.get("_embedded") or {}).get("statuses") or [])
        return number

    def check_stage(self, change: dict[str, Any], at: int = PIPELINE) -> tuple[int, int | None]:
        """The (pipeline, status) asked for of a lead in pipeline `at`; None leaves the status.

        Raises Invalid when pipeline or status is not a writable one.
        """
        pipeline = change.get("pipeline_id", at)
        if pipeline not in self.pipelines:
            raise Invalid("NotSupportedChoice", "pipeline_id", "Pipeline does not exist")
        status = change.get("status_id")
        if status is None:
            return int(pipeline), None
        if status not in {row["id"] for row in self.statuses(pipeline) if row["type"] == 0}:
            raise Invalid("NotSupportedChoice", "status_id", "Status is not of this pipeline or not writable")
        return int(pipeline), int(status)

    # --- custom fields ----------------------------------------------------------------------------

    def add_field(self, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Makes a custom field. Raises Invalid."""
        if not isinstance(asked.get("name"), str) or not asked["name"].strip():
            raise Invalid("NotBlank", "name", "This value should not be blank.")
        if asked.get("type") not in FIELD_TYPES:
            raise Invalid("NotSupportedChoice", "type", "The value you selected is not a valid choice.")
        code = asked.get("code")
        if code is not None and any(row["code"] == code for row in self.fields[kind].values()):
            raise Invalid("NotUnique", "code", "A field with this code exists already")
        enums = asked.get("enums")
        if asked["type"] in CHOICE_TYPES and not enums:
            raise Invalid("NotBlank", "enums", "This value should not be blank.")
        row = {
            "id": self.next_id("fields"),
            "name": asked["name"],
            "type": asked["type"],
            "account_id": self.id,
            "code": code,
            "sort": asked.get("sort", 500 + len(self.fields[kind])),
            "is_api_only": bool(asked.get("is_api_only", False)),
            "is_predefined": False,
            "group_id": asked.get("group_id"),
            "entity_type": kind,
            "enums": self._enums(enums) if enums else None,
        }
        self.fields[kind][row["id"]] = row
        return row

    def change_field(self, kind: str, field_id: int, asked: dict[str, Any]) -> dict[str, Any]:
        """Renames a field or replaces its choices (those with an id are kept). Raises Invalid."""
        row = self.fields[kind].get(field_id)
        if row is None:
            raise Invalid("NotSupportedChoice", "id", "Field does not exist")
        row.update({key: asked[key] for key in ("name", "sort", "is_api_only", "group_id") if key in asked})
        if asked.get("enums"):
            row["enums"] = self._enums(asked["enums"])
        return row

    def _enums(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {
                "id": enum.get("id") or self.next_id("enums"),
                "value": str(enum["value"]),
                "sort": enum.get("sort", position),
                "code": enum.get("code"),
            }
            for position, enum in enumerate(asked, 1)
        ]

    def read_values(self, kind: str, asked: Any) -> dict[int, list[dict[str, Any]] | None]:
        """field id -> checked values, None for a field to clear. Raises Invalid."""
        if not isinstance(asked, list):
            raise Invalid("InvalidType", "custom_fields_values", "This value should be of type array.")
        if len(asked) > MAX_VALUES:
            raise Invalid("TooMany", "custom_fields_values", f"At most {MAX_VALUES} values per entity")
        found: dict[int, list[dict[str, Any]] | None] = {}
        for number, item in enumerate(asked):
            path = f"custom_fields_values.{number}"
            row = self._find_field(kind, item, path)
            values = item.get("values")
            if values is None:
                found[row["id"]] = None
                continue
            if not isinstance(values, list) or not values:
                raise Invalid("NotBlank", f"{path}.values", "This value should not be blank.")
            found[row["id"]] = [
                _value(row, value, f"{path}.values.{position}") for position, value in enumerate(values)
            ]
        return found

    def _find_field(self, kind: str, item: Any, path: str) -> dict[str, Any]:
        if isinstance(item, dict):
            for row in self.fields[kind].values():
                if item.get("field_id") == row["id"]:
                    return row
                if "field_id" not in item and item.get("field_code") and item["field_code"] == row["code"]:
                    return row
        raise Invalid("NotSupportedChoice", f"{path}.field_id", "Field does not exist")

    # --- tags -------------------------------------------------------------------------------------

    def tag(self, kind: str, asked: Any, path: str) -> dict[int, str]:
        """The tags of a list of {"name"} or {"id"}, made when new. Raises Invalid."""
        known = self.tags[kind]
        found = {}
        if not isinstance(asked, list):
            raise Invalid("InvalidType", path, "This value should be of type array.")
        for number, item in enumerate(asked):
            name = item.get("name") if isinstance(item, dict) else None
            if name is None and isinstance(item, dict):
                name = next((known_name for known_name, tag in known.items() if tag == item.get("id")), None)
            if not name:
                raise Invalid("NotSupportedChoice", f"{path}.{number}", "Tag does not exist")
            if name not in known:
                known[name] = self.next_id("tags")
            found[known[name]] = name
        return found


def _value(row: dict[str, Any], value: Any, path: str) -> dict[str, Any]:
    """One value as Kommo keeps it. Raises Invalid."""
    if not isinstance(value, dict):
        raise Invalid("InvalidType", path, "This value should be of type object.")
    if row["type"] in CHOICE_TYPES:
        return _choice(row, value, path)
    given = value.get("value")
    if given is None:
        raise Invalid("NotBlank", f"{path}.value", "This value should not be blank.")
    if row["type"] in NUMBER_TYPES:
        if isinstance(given, bool) or not re.fullmatch(r"-?\d+(\.\d+)?", str(given)):
            raise Invalid("InvalidType", f"{path}.value", "This value should be of type numeric.")
        return {"value": str(given)}
    if row["type"] == "checkbox":
        if not isinstance(given, bool):
            raise Invalid("InvalidType", f"{path}.value", "This value should be of type boolean.")
        return {"value": given}
    if row["type"] == "multitext":
        return _multitext(row, value, path)
    if row["type"] in ("date", "date_time", "birthday"):
        return {"value": given}
    if not isinstance(given, str):
        raise Invalid("InvalidType", f"{path}.value", "This value should be of type string.")
    return {"value": given}


def _choice(row: dict[str, Any], value: dict[str, Any], path: str) -> dict[str, Any]:
    for enum in row["enums"] or []:
        for key, known in (("enum_id", "id"), ("enum_code", "code"), ("value", "value")):
            if value.get(key) is not None and value[key] == enum[known]:
                return {"value": enum["value"], "enum_id": enum["id"], "enum_code": enum["code"]}
    raise Invalid("NotSupportedChoice", path, "The value you selected is not a valid choice.")


def _multitext(row: dict[str, Any], value: dict[str, Any], path: str) -> dict[str, Any]:
    code = value.get("enum_code") or "WORK"
    enum = next((enum for enum in row["enums"] if enum["value"] == code), None)
    if enum is None:
        raise Invalid(
            "NotSupportedChoice", f"{path}.enum_code", "The value you selected is not a valid choice."
        )
    return {"value": str(value["value"]), "enum_id": enum["id"], "enum_code": code}
