"""What beat does: rows of django-celery-beat, made once and then the operator's to change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django_celery_beat.models import IntervalSchedule, PeriodicTask


@dataclass(frozen=True, slots=True)
class Periodic:
    """One line of the schedule; `expires` in seconds, None for a task that may also run late."""

    name: str
    task: str
    every: int
    period: str
    queue: str
    expires: int | None = None


_SECONDS, _HOURS, _DAYS = IntervalSchedule.SECONDS, IntervalSchedule.HOURS, IntervalSchedule.DAYS

SCHEDULE: Final = (
    Periodic("outbox sweep", "outbox.sweep", 5, _SECONDS, "events", 30),
    Periodic("births", "births.advance", 5, _SECONDS, "events", 30),
    Periodic("receipts tidy", "receipts.tidy", 1, _DAYS, "bulk"),
    Periodic("connections check", "connections.check", 1, _DAYS, "bulk"),
    Periodic("gupshup secret", "gupshup.secret_watch", 1, _DAYS, "bulk"),
    Periodic("kommo renew", "kommo.renew", 1, _HOURS, "events"),
    Periodic("facebook grants", "signin.watch", 1, _DAYS, "bulk"),
    Periodic("deletion requests", "signin.forget", 60, _SECONDS, "bulk", 60),
)


def schedule_install() -> None:
    """Adds the periodic tasks that are missing; changed ones stay as they are."""
    for one in SCHEDULE:
        interval, _ = IntervalSchedule.objects.get_or_create(every=one.every, period=one.period)
        PeriodicTask.objects.get_or_create(
            name=one.name,
            defaults={
                "task": one.task,
                "interval": interval,
                "queue": one.queue,
                "expire_seconds": one.expires,
            },
        )
