"""Who takes in which platform's hooks, and which events were taken in before (R1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from arriwa.common.errors import ArriwaError
from arriwa.common.statements import Statement
from subscribers.inbound import Inbound


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a hook came in."""

    platform: str
    organization: UUID
    workspace: UUID
    connection: UUID
    received_at: datetime


Intake = Callable[[Origin, Inbound], None]
intakes: dict[str, Intake] = {}


class NoIntake(ArriwaError):
    """No code takes in this platform's hooks; replay the receipt once a release does."""


def register_intake(platform: str, function: Intake) -> None:
    """`function` turns a platform's normalized events into facts, inside a transaction."""
    intakes[platform] = function


class TakesTogether(Protocol):
    """How a platform takes in many small facts by few statements, in one transaction."""

    def fits(self, item: Inbound) -> bool:
        """Whether the item is such a small fact."""

    def take_in(self, offered: Sequence[tuple[Origin, Inbound]]) -> list[bool]:
        """In the organization's schema: takes in what is simple; tells for each item whether it was.

        Notes keys with `events_new`; locks no conversation, so that groups cannot block each other.
        """


together_ways: dict[str, TakesTogether] = {}


def register_together(platform: str, way: TakesTogether) -> None:
    """Small facts of `platform`, such as statuses, need not come one by one."""
    together_ways[platform] = way


def event_is_new(key: str, at: datetime) -> bool:
    """Notes the event's key; False when it was taken in before (R1)."""
    return bool(events_new([key], at))


_NEW_KEYS = Statement(
    "INSERT INTO {schema}.integrations_inboundevent (key, received_at)"
    " SELECT k, %s FROM unnest(%s::text[]) k ORDER BY k ON CONFLICT DO NOTHING RETURNING key"
)


def events_new(keys: Sequence[str], at: datetime) -> set[str]:
    """Notes the events' keys; those that were not taken in before (R1)."""
    by_cut = {key[:240]: key for key in keys}
    return {by_cut[key] for (key,) in _NEW_KEYS.rows(at, list(by_cut))}
