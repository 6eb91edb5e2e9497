"""Putting work into the queues, always inside the transaction of its cause (R2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection as db
from django.db import transaction
from psycopg.types.json import Jsonb

from arriwa.common.schema import current_schema
from arriwa.common.statements import Statement
from arriwa.outbox import wakeup
from arriwa.outbox.models import NO_CONNECTION, TaskState, Timer
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
) -> int:
    """Adds a task for the current tenant; returns its id. Must run inside a transaction.

    `delay` in seconds. Raises UnknownKind, TransactionManagementError outside a transaction.
    """
    if not db.in_atomic_block:
        raise transaction.TransactionManagementError("A task is enqueued with its cause or not at all.")
    values = task_values(
        kind=kind,
        subject=subject,
        connection=connection,
        lane=lane,
        batch_key=batch_key,
        rate_keys=rate_keys,
        delay=delay,
    )
    row = _INSERT.row(*values)
    assert row is not None
    poke_at_commit(kind)
    return int(row[0])


#: The columns of `task_values`, for statements that insert a task with its fact.
TASK_COLUMNS = (
    "queue, kind, schema_name, subject, connection, lane, batch_key, rate_keys, state, available_at,"
    " created_at, attempts"
)
TASK_PLACES = (
    "%s::varchar, %s::varchar, %s::varchar, %s::uuid, %s::uuid, %s::varchar, %s::varchar, %s::jsonb,"
    " %s::varchar, %s::timestamptz, %s::timestamptz, %s::int"
)
_INSERT = Statement(
    f"INSERT INTO public.outbox_outboxtask ({TASK_COLUMNS}) VALUES ({TASK_PLACES}) RETURNING id"
)
_SET_TIMER = Statement(
    "INSERT INTO public.outbox_timer (schema_name, kind, subject, turn, due_at) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (schema_name, kind, subject) DO UPDATE SET turn = excluded.turn, due_at = excluded.due_at"
)


def task_values(
    *,
    kind: str,
    subject: UUID,
    connection: UUID,
    lane: str = "",
    batch_key: str = "",
    rate_keys: Sequence[str] = (),
    delay: float = 0.0,
) -> list[Any]:
    """The values of TASK_COLUMNS for a task of the current tenant. Raises UnknownKind."""
    now = real_now()
    return [
        effect_for(kind).queue,
        kind,
        current_schema(),
        subject,
        connection,
        lane,
        batch_key,
        Jsonb(list(rate_keys)),
        (TaskState.NEW if lane else TaskState.READY).value,
        now + timedelta(seconds=delay),
        now,
        0,
    ]


def poke_at_commit(kind: str) -> None:
    """Wakes the queue of a kind once the transaction is committed."""
    transaction.on_commit(partial(wakeup.poke, effect_for(kind).queue))


def timer_set(*, kind: str, subject: UUID, turn: int, due_at: datetime) -> None:
    """Sets or replaces the timer of this kind for the subject. `due_at` is domain time."""
    _SET_TIMER.run(current_schema(), kind, subject, turn, due_at)
    transaction.on_commit(partial(wakeup.poke, wakeup.TIMERS))


def timer_cancel(*, kind: str, subject: UUID) -> None:
    """Removes the timer; none there is fine."""
    Timer.objects.filter(schema_name=current_schema(), kind=kind, subject=subject).delete()
