"""Beat's sweep: the safety net under lost wake-ups and a dead relay (design, decision 4)."""

from __future__ import annotations

from celery import shared_task

from arriwa.outbox.drain import drain, drain_timers
from arriwa.outbox.models import Queue
from integrations.receipts.intake import drain_receipts


@shared_task(name="outbox.sweep", ignore_result=True)
def sweep() -> None:
    """Looks at everything once, as the relay and the workers would."""
    drain_receipts(limit=200)
    drain_timers()
    for queue in Queue.values:
        drain(queue, seconds=20.0)
