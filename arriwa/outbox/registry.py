"""What the outbox knows of the work: kinds of tasks and timers, and rate limits. It knows no domain."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from arriwa.common.errors import ArriwaError


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task in hand."""

    id: int
    queue: str
    kind: str
    schema_name: str
    subject: UUID
    connection: UUID
    lane: str
    batch_key: str
    rate_keys: tuple[str, ...]
    attempts: int


class Outcome(enum.StrEnum):
    """How a task leaves its attempt."""

    DONE = "done"
    RETRY = "retry"
    HOLD = "hold"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to a task now. `delay` in seconds counts for RETRY."""

    outcome: Outcome
    delay: float = 0.0
    #: Rate keys to close until `delay` has passed.
    block_keys: tuple[str, ...] = ()


@dataclass(slots=True)
class Attempt:
    """One platform call for one task or a batch. A verdict given beforehand means: no call."""

    tasks: list[Claimed]
    payload: Any = None
    verdict: Verdict | None = None
    #: Filled by `call`.
    result: Any = None
    error: ArriwaError | None = None
    started: float = field(default=0.0)


class Effect(Protocol):
    """The four steps of an effect (design 3); step 1, the claim, is the outbox's own."""

    kind: str
    queue: str
    #: How many tasks of one batch key a call may carry.
    batch: int
    #: No two calls for one batch key at the same time.
    exclusive: bool
    #: A dead head parks its lane (until replay) instead of freeing it.
    parks: bool

    def prepare(self, tasks: list[Claimed]) -> list[Attempt]:
        """In the tenant's transaction: marks attempts as started, freezes requests."""

    def call(self, attempt: Attempt) -> Any:
        """Without any transaction: the platform call. Raises ArriwaError."""

    def record(self, attempt: Attempt) -> Sequence[Verdict]:
        """In the tenant's transaction: answer and follow-ups; one verdict per task of the attempt."""


@runtime_checkable
class RecordsMany(Protocol):
    """An effect that records the answers of several attempts with few statements."""

    def record_many(self, attempts: Sequence[Attempt]) -> list[Sequence[Verdict]]:
        """`record` for each attempt, in their order."""


#: (schema is entered already) subject, turn -> nothing
TimerHandler = Callable[[UUID, int], None]


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket's speed (per second) and depth."""

    per_second: float
    burst: float


_effects: dict[str, Effect] = {}
_timers: dict[str, TimerHandler] = {}
_rates: dict[str, Rate] = {}
#: How many tasks of one connection may be in flight at once, per queue.
CONNECTION_CAPS = {"interactive": 16, "agents": 4, "events": 4, "bulk": 2}


class UnknownKind(ArriwaError):
    """No code is registered for this kind of task; it stays until a release that knows it runs."""


def register_effect(effect: Effect) -> None:
    """Makes a kind of task known."""
    _effects[effect.kind] = effect


def known_effect(kind: str) -> Effect | None:
    """The code for a kind, None when this release has none."""
    return _effects.get(kind)


def effect_for(kind: str) -> Effect:
    """The code for a kind. Raises UnknownKind."""
    effect = known_effect(kind)
    if effect is None:
        raise UnknownKind(f"No code is registered for tasks of kind {kind}.")
    return effect


def effect_kinds() -> list[str]:
    """Every kind of task that this release knows, sorted."""
    return sorted(_effects)


def register_timer(kind: str, handler: TimerHandler) -> None:
    """Makes a kind of timer known."""
    _timers[kind] = handler


def timer_for(kind: str) -> TimerHandler:
    """The code for a kind of timer. Raises UnknownKind."""
    try:
        return _timers[kind]
    except KeyError:
        raise UnknownKind(f"No code is registered for timers of kind {kind}.") from None


def register_rate(prefix: str, *, per_second: float, burst: float) -> None:
    """Rate keys that start with `prefix:` share this speed and depth."""
    _rates[prefix] = Rate(per_second, burst)


def connection_key(connection: UUID) -> str:
    """The rate key under which a whole connection is closed for a while."""
    return f"connection:{connection}"


def rate_for(key: str) -> Rate | None:
    """The rate of a key by its longest registered prefix, None when there is none."""
    prefix = key
    while prefix:
        prefix = prefix.rpartition(":")[0]
        if prefix in _rates:
            return _rates[prefix]
    return None
