"""`settle`: the relay's and the workers' loops, run in the test process until nothing is left to do."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import connection

from arriwa.common import clock
from arriwa.outbox.drain import drain
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import OutboxTask, Queue, Timer
from arriwa.outbox.timers import drain_timers
from integrations.receipts.intake import drain_receipts
from integrations.receipts.models import Receipt
from tests.support.sandbox import Sandbox

#: A timer or back-off that is due within this many seconds is waited for.
SOON = 2.0


def work_once(queues: tuple[str, ...] = tuple(Queue.values)) -> int:
    """One round of everything; returns how much moved."""
    connection.set_schema_to_public()
    moved = drain_receipts() + drain_timers()
    for queue in queues:
        moved += drain(queue)
    return moved


def settle(sandbox: Sandbox, *, seconds: float = 60.0, queues: tuple[str, ...] = tuple(Queue.values)) -> None:
    """Works until queues are empty and no hook is on its way; later timers and back-offs stay.

    Fails after `seconds` with what is left.
    """
    end = time.monotonic() + seconds
    quiet = 0
    while quiet < 2:
        assert time.monotonic() < end, f"work does not end: {left()}"
        if work_once(queues) or sandbox.pending() or _soon(queues):
            quiet = 0
            time.sleep(0.01)
        else:
            quiet += 1


def _soon(queues: tuple[str, ...]) -> bool:
    connection.set_schema_to_public()
    horizon = real_now() + timedelta(seconds=SOON)
    return (
        Timer.objects.filter(due_at__lte=clock.now() + timedelta(seconds=SOON)).exists()
        or OutboxTask.objects.filter(
            state__in=["ready", "new"], available_at__lte=horizon, queue__in=queues
        ).exists()
        or Receipt.objects.filter(available_at__lte=horizon).exists()
    )


def left() -> dict[str, list[str]]:
    """What is still in the queues, for people."""
    connection.set_schema_to_public()
    return {
        "tasks": [f"{t.kind} {t.state} {t.attempts}" for t in OutboxTask.objects.all()[:20]],
        "timers": [str(t) for t in Timer.objects.all()[:20]],
        "receipts": [str(r) for r in Receipt.objects.all()[:20]],
    }
