"""Keeping what analysis needs."""

from __future__ import annotations

from typing import Any

from analytics.models import AdMetadata
from arriwa.common import clock


def ad_metadata_record(*, ad_id: str, **fields: Any) -> AdMetadata:
    """Stores the ad's names and ids as the Graph shows them now (L8)."""
    ad, _ = AdMetadata.objects.update_or_create(ad_id=ad_id, defaults={**fields, "fetched_at": clock.now()})
    return ad
