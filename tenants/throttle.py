"""Limits on guessing, shared by all processes: a token bucket per key (the outbox's table of rates)."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from arriwa.common.statements import Statement
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import RateLimit

_PREFIX = "attempt:"
_DRAW = Statement("""
INSERT INTO public.outbox_ratelimit AS r (key, tokens, updated_at)
VALUES (%s::varchar, %s::float8 - 1, %s::timestamptz)
ON CONFLICT (key) DO UPDATE SET updated_at = excluded.updated_at, tokens = greatest(-1, least(%s::float8,
    r.tokens + %s::float8 * extract(epoch FROM excluded.updated_at - r.updated_at)::float8) - 1)
RETURNING tokens
""")


def attempt_allowed(kind: str, who: str, *, burst: int, per_minute: float) -> bool:
    """Counts an attempt; False when there were too many. `who` is stored as a hash alone. Real time."""
    now = real_now()
    RateLimit.objects.filter(key__startswith=_PREFIX, updated_at__lt=now - timedelta(days=1)).delete()
    key = f"{_PREFIX}{kind}:{hashlib.sha256(who.encode()).hexdigest()[:32]}"
    row = _DRAW.row(key, float(burst), now, float(burst), per_minute / 60)
    assert row is not None
    return bool(row[0] >= 0)
