"""Snapshots as plain JSON, for the conversation row. `from` and `to` are exact inverses. Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from subscribers.conversation.types import Snapshot, State

_TUPLES = frozenset({"pending", "judged"})
_OBJECTS = ("answers", "orders", "paid")
_ORDERED = tuple(field.name for field in fields(Snapshot))
_NAMES = frozenset(_ORDERED)


def snapshot_to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as JSON types only: strings, numbers, booleans, lists and objects."""
    # Not `asdict`, which copies deeply: all values are plain already.
    data = {name: getattr(snapshot, name) for name in _ORDERED}
    data["state"] = snapshot.state.value
    for key in _TUPLES:
        data[key] = list(data[key])
    for key in _OBJECTS:
        data[key] = dict(data[key])
    return data


def snapshot_from_json(data: dict[str, Any]) -> Snapshot:
    """The inverse of `snapshot_to_json`.

    A row stored by another version is read as well: a missing key takes its default, a key that this
    version does not know is left out. Raises ValueError on an unknown state.
    """
    values = {key: value for key, value in data.items() if key in _NAMES}
    values["state"] = State(values.get("state", State.NEW))
    for key in _TUPLES & values.keys():
        values[key] = tuple(values[key])
    for key in _OBJECTS:
        if key in values:
            values[key] = dict(values[key])
    return Snapshot(**values)
