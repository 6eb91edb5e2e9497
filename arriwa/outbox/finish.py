"""What becomes of claimed tasks, inside the transaction that records their answers (design 3)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import connection as db

from arriwa.outbox.enqueue import real_now
from arriwa.outbox.registry import Claimed, Outcome, Verdict, effect_for
from arriwa.outbox.session import QUEUE_LOCK, queue_key

_DELETE = "DELETE FROM public.outbox_outboxtask WHERE id = ANY(%s) AND claimed_by = %s AND state = 'claimed'"
_PROMOTE = """
UPDATE public.outbox_outboxtask SET state = 'ready' WHERE id IN (
    SELECT DISTINCT ON (lane) id FROM public.outbox_outboxtask
    WHERE lane = ANY(%s) AND lane <> '' ORDER BY lane, id
) AND state IN ('waiting', 'new')
"""
_RETURN = """
UPDATE public.outbox_outboxtask SET state = %s, claimed_by = NULL, available_at = %s
WHERE id = %s AND claimed_by = %s AND state = 'claimed'
"""
_BLOCK = """
INSERT INTO public.outbox_ratelimit (key, tokens, updated_at, blocked_until) VALUES (%s, 0, %s, %s)
ON CONFLICT (key) DO UPDATE SET blocked_until = greatest(
    public.outbox_ratelimit.blocked_until, excluded.blocked_until)
"""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 300.0


def backoff(attempts: int) -> float:
    """Seconds before the next try: 0.5 s doubled per attempt, at most 5 min, with a fifth of jitter."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts - 1, 20))
    return float(pause * random.uniform(0.8, 1.2))


def tasks_finish(
    *, session_id: int, tasks: Sequence[Claimed], verdicts: Sequence[Verdict], queue: str
) -> None:
    """Applies the verdicts to tasks that are still ours; must run in the recording transaction.

    Heads of lanes that leave are followed by the next in line. Tasks lost to another session are
    left alone: their facts were recorded set-once.
    """
    now = real_now()
    gone: list[Claimed] = []
    # Locks in the order of a claim: the queue, then rate keys by name.
    blocked = {key: now + timedelta(seconds=v.delay) for v in verdicts for key in v.block_keys}
    with db.cursor() as cursor:
        if any(task.lane for task in tasks):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (QUEUE_LOCK, queue_key(queue)))
        for key in sorted(blocked):
            cursor.execute(_BLOCK, (key, now, blocked[key]))
        for task, verdict in zip(tasks, verdicts, strict=True):
            parks = bool(task.lane) and effect_for(task.kind).parks
            if verdict.outcome is Outcome.DONE or (verdict.outcome is Outcome.DEAD and not parks):
                gone.append(task)
                continue
            state = {Outcome.RETRY: "ready", Outcome.HOLD: "held", Outcome.DEAD: "parked"}[verdict.outcome]
            due = now + timedelta(seconds=verdict.delay)
            cursor.execute(_RETURN, (state, due, task.id, session_id))
        if gone:
            cursor.execute(_DELETE, ([task.id for task in gone], session_id))
            lanes = sorted({task.lane for task in gone if task.lane})
            if lanes:
                cursor.execute(_PROMOTE, (lanes,))


def lane_resume(*, lane: str) -> int:
    """A parked or held head may run again at once (replay); returns how many, 0 or 1.

    Must run inside a transaction.
    """
    with db.cursor() as cursor:
        cursor.execute(
            "UPDATE public.outbox_outboxtask SET state = 'ready', available_at = %s"
            " WHERE lane = %s AND state IN ('parked', 'held')",
            (real_now(), lane),
        )
        return int(cursor.rowcount)


def connection_resume(*, connection: UUID) -> int:
    """Frees what was held while the connection was paused. Returns how many tasks."""
    with db.cursor() as cursor:
        cursor.execute(
            "UPDATE public.outbox_outboxtask SET state = 'ready', available_at = %s"
            " WHERE connection = %s AND state = 'held'",
            (real_now(), connection),
        )
        return int(cursor.rowcount)
