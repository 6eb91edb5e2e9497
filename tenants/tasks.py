"""Celery's part of births: woken by the relay at a request's commit, by beat every few seconds anyway."""

from __future__ import annotations

from celery import shared_task

from arriwa.outbox.models import Queue
from tenants.birth import births_advance


@shared_task(name="births.advance", ignore_result=True, acks_late=True)
def advance_births() -> int:
    """Takes every unfinished birth to its end; returns how many there were."""
    return births_advance()


def wake() -> None:
    """Sends a wake-up through the broker; losing it loses no work."""
    advance_births.apply_async(queue=Queue.EVENTS, expires=60, retry=False)
