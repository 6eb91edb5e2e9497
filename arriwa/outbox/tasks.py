"""Celery's part: it is woken and drains (design, decision 4)."""

from __future__ import annotations

from celery import shared_task

from arriwa.outbox import drain as draining
from arriwa.outbox.models import Queue

#: Celery worker's queues; the relay itself works on `interactive`.
WORKER_QUEUES = (Queue.AGENTS, Queue.EVENTS, Queue.BULK)
#: One run ends after so long, so that a steady stream does not hold a worker's thread for ever.
RUN_SECONDS = 30.0


@shared_task(name="outbox.drain", ignore_result=True, acks_late=True)
def drain_queue(queue: str) -> int:
    """Works off one queue; returns how many tasks moved."""
    return draining.drain(queue, seconds=RUN_SECONDS)


def wake(queue: str) -> None:
    """Sends a wake-up for a queue through the broker; losing it loses no work."""
    drain_queue.apply_async(args=(queue,), queue=queue, expires=60, retry=False)
