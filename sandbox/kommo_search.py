"""Kommo's full-text search, whose index lags behind (reference/crm_pay_audiences.md A5)."""

from __future__ import annotations

import re
import time

from sandbox.kommo_account import Entity


def put_in_index(entity: Entity, lag: float) -> None:
    """Makes the entity's present text findable after `lag` seconds of real time."""
    texts = [entity.name, *(str(v["value"]) for values in entity.values.values() for v in values)]
    entity.index.append((time.monotonic() + lag, "\n".join(texts).lower()))


def matches(entity: Entity, query: str) -> bool:
    """Full-text search over filled fields in the index as it is now; digits match inside phone numbers."""
    now = time.monotonic()
    text = next((text for at, text in reversed(entity.index) if at <= now), None)
    if text is None:
        return False
    if query.lower() in text:
        return True
    if not re.fullmatch(r"[\d\s()+-]{4,}", query):
        return False
    digits = re.sub(r"\D", "", query)
    return any(digits in re.sub(r"\D", "", line) for line in text.split("\n"))
