"""What beat does: rows of django-celery-beat, made once and then the operator's to change."""

from __future__ import annotations

from django_celery_beat.models import IntervalSchedule, PeriodicTask

SWEEP_SECONDS = 5


def schedule_install() -> None:
    """Adds the periodic tasks that are missing; changed ones stay as they are."""
    every, _ = IntervalSchedule.objects.get_or_create(every=SWEEP_SECONDS, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.get_or_create(
        name="outbox sweep",
        defaults={"task": "outbox.sweep", "interval": every, "queue": "events", "expire_seconds": 30},
    )
    PeriodicTask.objects.get_or_create(
        name="births",
        defaults={"task": "births.advance", "interval": every, "queue": "events", "expire_seconds": 30},
    )
    daily, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.DAYS)
    PeriodicTask.objects.get_or_create(
        name="receipts tidy", defaults={"task": "receipts.tidy", "interval": daily, "queue": "bulk"}
    )
    PeriodicTask.objects.get_or_create(
        name="facebook grants", defaults={"task": "signin.watch", "interval": daily, "queue": "bulk"}
    )
    minutely, _ = IntervalSchedule.objects.get_or_create(every=60, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.get_or_create(
        name="deletion requests",
        defaults={"task": "signin.forget", "interval": minutely, "queue": "bulk", "expire_seconds": 60},
    )
