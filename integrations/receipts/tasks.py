"""Beat's sweep: the safety net under lost wake-ups and a dead relay (design, decision 4)."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from arriwa.common import clock
from arriwa.outbox.drain import drain
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import Queue, RateLimit
from arriwa.outbox.timers import drain_timers
from integrations.base.connect import held_release
from integrations.models import InboundEvent, OrphanStatus
from integrations.receipts.intake import drain_receipts
from tenants.context import in_organization
from tenants.models import Organization

#: A platform repeats a hook for days at most; keys are kept longer than any of them (design 3).
KEEP_EVENTS = timedelta(days=35)
#: Every bucket is full again long before; a key that is closed stays closed for minutes.
KEEP_RATES = timedelta(days=1)


@shared_task(name="outbox.sweep", ignore_result=True)
def sweep() -> None:
    """Looks at everything once, as the relay and the workers would."""
    drain_receipts(limit=200)
    drain_timers()
    held_release()
    for queue in Queue.values:
        drain(queue, seconds=20.0)


@shared_task(name="receipts.tidy", ignore_result=True)
def tidy() -> None:
    """Forgets event keys and unmatched statuses that no platform will repeat, and full rate buckets."""
    RateLimit.objects.filter(updated_at__lt=real_now() - KEEP_RATES).delete()
    before = clock.now() - KEEP_EVENTS
    for schema_name in Organization.objects.values_list("schema_name", flat=True):
        with in_organization(schema_name):
            InboundEvent.objects.filter(received_at__lt=before).delete()
            OrphanStatus.objects.filter(received_at__lt=before).delete()
