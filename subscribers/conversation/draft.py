"""A decision while it is being made: rows add to it, `decision` closes it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from subscribers.conversation.types import (
    Command,
    Decision,
    Facts,
    Record,
    RecordEvent,
    Segment,
    Send,
    Snapshot,
    StartTimer,
    UpdateDeal,
)


@dataclass(slots=True)
class Draft:
    """Collects what follows a signal. Changes to the deal are merged into one command."""

    snapshot: Snapshot
    facts: Facts
    records: list[Record] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    timers: list[StartTimer] = field(default_factory=list)
    deal: UpdateDeal | None = None

    def move(self, **changes: Any) -> None:
        """Change the snapshot."""
        self.snapshot = replace(self.snapshot, **changes)

    def next_turn(self, **changes: Any) -> None:
        """Change the snapshot and begin a new turn: earlier timers and judgements become stale."""
        self.move(turn=self.snapshot.turn + 1, **changes)

    def event(self, kind: str, key: str = "", **data: Any) -> None:
        """Record a journey event; `key` is the kind unless given."""
        self.records.append(RecordEvent(kind, key or kind, data))

    def record(self, record: Record) -> None:
        """Record anything else."""
        self.records.append(record)

    def join(self, audience: str) -> None:
        """The lead joins an audience."""
        self.commands.append(Segment(audience, True))

    def leave(self, audience: str) -> None:
        """The lead leaves an audience."""
        self.commands.append(Segment(audience, False))

    def do(self, *commands: Command) -> None:
        """Add commands, in order."""
        self.commands.extend(commands)

    def update_deal(self, change: UpdateDeal) -> None:
        """Merge `change` into the one UpdateDeal of this decision; the later word wins."""
        old = self.deal or UpdateDeal()
        self.deal = UpdateDeal(
            stage=change.stage or old.stage,
            fields={**old.fields, **change.fields},
            tags_add=old.tags_add + change.tags_add,
            tags_remove=old.tags_remove + change.tags_remove,
            price_minor=old.price_minor if change.price_minor is None else change.price_minor,
            currency=change.currency or old.currency,
        )

    def hint(self, send: Send) -> bool:
        """Send a short hint, at most one per turn. True when it goes out."""
        if self.snapshot.hinted == self.snapshot.turn:
            return False
        self.move(hinted=self.snapshot.turn)
        self.do(send)
        return True

    def decision(self, reason: str) -> Decision:
        """Close the draft. The deal is updated before the first message goes out."""
        commands = list(self.commands)
        if self.deal is not None:
            messages = (index for index, command in enumerate(commands) if isinstance(command, Send))
            commands.insert(next(messages, len(commands)), self.deal)
        return Decision(self.snapshot, reason, tuple(self.records), tuple(commands), tuple(self.timers))
