"""What beat runs for sign-in; each may run twice or be cut short."""

from __future__ import annotations

from celery import shared_task

from arriwa.signin.forgetting import deletions_work_off
from arriwa.signin.grants import grants_check
from arriwa.signin.notices import warnings_send


@shared_task(name="signin.watch", ignore_result=True, acks_late=True)
def watch() -> tuple[int, int]:
    """Daily: what grants still open, and mail about those that end soon; (living, ended)."""
    counts = grants_check()
    warnings_send()
    return counts


@shared_task(name="signin.forget", ignore_result=True, acks_late=True)
def forget() -> int:
    """Every minute: carries out deletion requests."""
    return deletions_work_off()
