"""Putting work into the queues, always inside the transaction of its cause (R2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import connection as db
from django.db import transaction

from arriwa.common.schema import current_schema
from arriwa.outbox import wakeup
from arriwa.outbox.models import NO_CONNECTION, OutboxTask, TaskState, Timer
from arriwa.outbox.registry import effect_for


def real_now() -> datetime:
    """Real time, for leases and back-offs; domain time is `arriwa.common.clock`."""
    return datetime.now(UTC)


def task_enqueue(
    *,
    kind: str,
    subject: UUID,
    connection: UUID = NO_CONNECTION,
    lane: str = "",
    batch_key: str = "",
    rate_keys: Sequence[str] = (),
    delay: float = 0.0,
) -> OutboxTask:
    """Adds a task for the current tenant. Must run inside a transaction.

    `delay` in seconds. Raises UnknownKind, TransactionManagementError outside a transaction.
    """
    if not db.in_atomic_block:
        raise transaction.TransactionManagementError("A task is enqueued with its cause or not at all.")
    effect = effect_for(kind)
    now = real_now()
    task = OutboxTask.objects.create(
        queue=effect.queue,
        kind=kind,
        schema_name=current_schema(),
        subject=subject,
        connection=connection,
        lane=lane,
        batch_key=batch_key,
        rate_keys=list(rate_keys),
        state=TaskState.NEW if lane else TaskState.READY,
        available_at=now + timedelta(seconds=delay),
        created_at=now,
    )
    transaction.on_commit(partial(wakeup.poke, effect.queue))
    return task


def timer_set(*, kind: str, subject: UUID, turn: int, due_at: datetime) -> None:
    """Sets or replaces the timer of this kind for the subject. `due_at` is domain time."""
    Timer.objects.update_or_create(
        schema_name=current_schema(),
        kind=kind,
        subject=subject,
        defaults={"turn": turn, "due_at": due_at},
    )
    transaction.on_commit(partial(wakeup.poke, wakeup.TIMERS))


def timer_cancel(*, kind: str, subject: UUID) -> None:
    """Removes the timer; none there is fine."""
    Timer.objects.filter(schema_name=current_schema(), kind=kind, subject=subject).delete()
