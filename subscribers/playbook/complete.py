"""What follows from the questions and need not be written by hand: audiences, CRM fields, events. Pure."""

from __future__ import annotations

import copy
from typing import Any

from subscribers.playbook.checks import AUDIENCES, audiences_needed

#: Neutral names at the platform, which must not hint at money or health.
_SHORT = dict(zip(AUDIENCES, ("A1", "A2", "P1", "N1"), strict=True))


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """A copy whose audiences, CRM fields and events are those that its questions call for.

    Names that the owner gave stay; what is missing gets a neutral name, what nothing calls for goes.
    """
    made = copy.deepcopy(document)
    needed = audiences_needed(made)
    given = made["audiences"]
    audiences = {name: given[name] for name in needed if name in given}
    for name in needed:
        if name not in audiences:
            audiences[name] = _free_name(name, made, set(audiences.values()))
    made["audiences"] = audiences
    for question in made["questions"]:
        field = question.get("crm_field", "")
        if field and field not in made["crm_fields"]:
            made["crm_fields"][field] = {"name": question["key"], "type": "text", "entity": "contact"}
    for number in range(1, len(made["questions"]) + 1):
        name = f"QUALIFY_Q{number}"
        event = {"messaging": None, "pixel": name, "pixel_when": "always", "noise": None}
        made["event_map"].setdefault(name, event)
    return made


def _free_name(audience: str, document: dict[str, Any], taken: set[str]) -> str:
    wanted = f"Arriwa {_short(audience, document)}"
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted} {number}", number + 1
    return name


def _short(audience: str, document: dict[str, Any]) -> str:
    if audience in _SHORT:
        return _SHORT[audience]
    if audience.startswith("CA_QUAL_"):
        return audience.removeprefix("CA_QUAL_")
    for number, question in enumerate(document["questions"], 1):
        segment = question.get("segment", "")
        values = [option["value"].upper() for option in question.get("options", [])]
        value = audience.removeprefix(f"{segment}_")
        if segment and audience.startswith(f"{segment}_") and value in values:
            return f"S{number}-{values.index(value) + 1}"
    return "S"
