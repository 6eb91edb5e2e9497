"""A conversation without services: signals in, everything recorded (used by test_machine*.py)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from subscribers.conversation.machine import decide
from subscribers.conversation.types import (
    Decision,
    Facts,
    RecordAnswer,
    RecordEvent,
    Segment,
    Send,
    Signal,
    Snapshot,
    UpdateDeal,
)
from subscribers.playbook.load import default_document, parse

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DOCUMENT = default_document()
PLAYBOOK = parse(DOCUMENT)
WITH_CATALOG = parse({**DOCUMENT, "catalog_id": "55501"})


def facts_of(**changes: Any) -> Facts:
    base = Facts(now=START, playbook=WITH_CATALOG, language="ru", new_order="order-1")
    return replace(base, **changes)


@dataclass
class World:
    """Applies decisions as the services do: an event key once, mirrors as desired state."""

    facts: Facts = field(default_factory=facts_of)
    snapshot: Snapshot = field(default_factory=Snapshot)
    events: dict[str, RecordEvent] = field(default_factory=dict)
    answers: list[RecordAnswer] = field(default_factory=list)
    audiences: dict[str, bool] = field(default_factory=dict)
    stage: str = ""
    stages: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    tag_log: list[str] = field(default_factory=list)
    sent: list[Send] = field(default_factory=list)
    last: Decision | None = None

    def take(self, signal: Signal, **changes: Any) -> Decision:
        decision = decide(self.snapshot, signal, replace(self.facts, **changes))
        self.snapshot, self.last = decision.snapshot, decision
        for record in decision.records:
            if isinstance(record, RecordEvent):
                self.events.setdefault(record.key, record)
            else:
                self.answers.append(record)
        for command in decision.commands:
            if isinstance(command, Segment):
                self.audiences[command.audience] = command.member
            elif isinstance(command, UpdateDeal):
                self._deal(command)
            elif isinstance(command, Send):
                self.sent.append(command)
        return decision

    def later(self, seconds: float) -> None:
        self.facts = replace(self.facts, now=self.facts.now + timedelta(seconds=seconds))

    @property
    def members(self) -> set[str]:
        return {name for name, member in self.audiences.items() if member}

    def _deal(self, change: UpdateDeal) -> None:
        if change.stage and change.stage != self.stage:
            self.stage = change.stage
            self.stages.append(change.stage)
        self.fields.update(change.fields)
        for tag in change.tags_remove:
            self.tags.discard(tag)
            self.tag_log.append(f"-{tag}")
        for tag in change.tags_add:
            self.tags.add(tag)
            self.tag_log.append(f"+{tag}")
