"""What is forgotten once nobody will ask for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django_tenants.utils import schema_context

from arriwa.common import clock
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import RateLimit
from integrations.models import InboundEvent
from integrations.receipts.tasks import KEEP_EVENTS, tidy


def test_old_keys_and_full_buckets_are_forgotten_and_fresh_ones_kept(demo: Any) -> None:
    schema, day = demo.organization.schema_name, timedelta(days=1)
    with schema_context(schema):
        InboundEvent.objects.create(key="tidy:old", received_at=clock.now() - KEEP_EVENTS - day)
        InboundEvent.objects.create(key="tidy:new", received_at=clock.now() - KEEP_EVENTS + day)
    RateLimit.objects.create(key="tidy:old", tokens=0, updated_at=real_now() - 2 * day)
    RateLimit.objects.create(key="tidy:new", tokens=0, updated_at=real_now())
    tidy()
    with schema_context(schema):
        left = InboundEvent.objects.filter(key__startswith="tidy:").values_list("key", flat=True)
        assert list(left) == ["tidy:new"]
    buckets = RateLimit.objects.filter(key__startswith="tidy:")
    assert list(buckets.values_list("key", flat=True)) == ["tidy:new"]
