"""Timers: a due one becomes a signal to its subject (design 3)."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection as db
from django.db import transaction
from django_tenants.utils import schema_context

from arriwa.common import clock
from arriwa.outbox.registry import timer_for

logger = logging.getLogger(__name__)

#: How soon a timer rings again whose handling failed.
TIMER_RETRY = timedelta(seconds=5)
#: First key of the two-key advisory lock on a timer that rings.
TIMER_LOCK = 0x4157_0003
#: Due timers looked at for one that nobody else is ringing.
TIMERS_SEEN = 32

_DUE = """
SELECT id FROM public.outbox_timer WHERE due_at <= %s AND schema_name = %s ORDER BY due_at, id LIMIT %s
"""
_THIS_TIMER = "FROM public.outbox_timer WHERE id = %s AND turn = %s AND due_at = %s"


def drain_timers(*, limit: int = 100) -> int:
    """Rings due timers, each in a transaction of its own with what it brings about."""
    rung = 0
    with db.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT schema_name FROM public.outbox_timer WHERE due_at <= %s", (clock.now(),)
        )
        schemas = [row[0] for row in cursor.fetchall()]
    for schema_name in schemas:
        while rung < limit and _ring_one(schema_name):
            rung += 1
    return rung


def _ring_one(schema_name: str) -> bool:
    """Rings the first due timer that nobody else is ringing; False when there is none.

    The timer's row is locked after what it rings for, as everywhere: a message locks its
    conversation and then sets the timer, so the other order would be a deadlock.
    """
    with schema_context(schema_name), transaction.atomic():
        timer = _take_timer(schema_name)
        if timer is None:
            return False
        number, kind, subject, turn, due_at = timer
        with db.cursor() as cursor:
            try:
                with transaction.atomic():
                    timer_for(kind)(UUID(str(subject)), turn)
                    # One that was set anew meanwhile stays.
                    cursor.execute(f"DELETE {_THIS_TIMER}", (number, turn, due_at))
            except Exception:
                # Any fault of a handler: the timer rings again instead of being lost.
                logger.exception("timer %s of %s in %s failed; it rings again", kind, subject, schema_name)
                cursor.execute(
                    "UPDATE public.outbox_timer SET due_at = %s WHERE id = %s AND turn = %s AND due_at = %s",
                    (clock.now() + TIMER_RETRY, number, turn, due_at),
                )
        return True


def _take_timer(schema_name: str) -> tuple[int, str, str, int, datetime] | None:
    """A due timer that is ours until the transaction ends: (id, kind, subject, turn, due_at)."""
    now = clock.now()
    with db.cursor() as cursor:
        cursor.execute(_DUE, (now, schema_name, TIMERS_SEEN))
        for (number,) in cursor.fetchall():
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (TIMER_LOCK, number % (1 << 31)))
            if not cursor.fetchone()[0]:
                continue
            # Whoever held the lock until now may have rung it.
            cursor.execute(
                "SELECT id, kind, subject, turn, due_at FROM public.outbox_timer"
                " WHERE id = %s AND due_at <= %s",
                (number, now),
            )
            row: tuple[int, str, str, int, datetime] | None = cursor.fetchone()
            if row is not None:
                return row
    return None
