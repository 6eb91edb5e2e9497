"""What becomes of claimed tasks, inside the transaction that records their answers (design 3)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection as db

from arriwa.common.statements import Statement, array
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.registry import Claimed, Outcome, Verdict, effect_for
from arriwa.outbox.session import QUEUE_LOCK, queue_key

# The lock is taken with the first row that leaves; a plain DELETE needs none.
_LEAVE = Statement("""
WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(%s::int, %s::int))
DELETE FROM public.outbox_outboxtask t USING held
WHERE t.id = ANY(%s::bigint[]) AND t.claimed_by = %s::int AND t.state = 'claimed' RETURNING t.lane
""")
_DELETE = Statement("""
DELETE FROM public.outbox_outboxtask
WHERE id = ANY(%s::bigint[]) AND claimed_by = %s::int AND state = 'claimed'
""")
# A statement of its own, after the lock: it must see what claims have settled until then.
_PROMOTE = Statement("""
UPDATE public.outbox_outboxtask t SET state = 'ready'
FROM unnest(%s::text[]) AS l (lane) CROSS JOIN LATERAL (
    SELECT p.id FROM public.outbox_outboxtask p
    WHERE p.lane = l.lane AND p.lane <> '' ORDER BY p.lane, p.id LIMIT 1) h
WHERE t.id = h.id AND t.state IN ('waiting', 'new')
""")
_RETURN = Statement("""
UPDATE public.outbox_outboxtask t SET state = v.state, claimed_by = NULL, available_at = v.due
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS v (id, state, due)
WHERE t.id = v.id AND t.claimed_by = %s::int AND t.state = 'claimed'
""")
_BLOCK = Statement("""
INSERT INTO public.outbox_ratelimit (key, tokens, updated_at, blocked_until)
SELECT v.key, 0, %s::timestamptz, v.until FROM unnest(%s::text[], %s::timestamptz[]) AS v (key, until)
ORDER BY v.key
ON CONFLICT (key) DO UPDATE SET blocked_until = greatest(
    public.outbox_ratelimit.blocked_until, excluded.blocked_until)
""")
_LOCK = Statement("SELECT pg_advisory_xact_lock(%s::int, %s::int)")
_STATES = {Outcome.RETRY: "ready", Outcome.HOLD: "held", Outcome.DEAD: "parked"}

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
    back: list[tuple[int, str, datetime]] = []
    for task, verdict in zip(tasks, verdicts, strict=True):
        parks = bool(task.lane) and effect_for(task.kind).parks
        if verdict.outcome is Outcome.DONE or (verdict.outcome is Outcome.DEAD and not parks):
            gone.append(task)
        else:
            due = now + timedelta(seconds=verdict.delay)
            back.append((task.id, _STATES[verdict.outcome], due))
    blocked = {key: now + timedelta(seconds=v.delay) for v in verdicts for key in v.block_keys}
    if back or blocked:
        # Locks in the order of a claim: the queue, then rate keys by name.
        if any(task.lane for task in tasks):
            _LOCK.rows(QUEUE_LOCK, queue_key(queue))
        if blocked:
            _BLOCK.run(now, array(blocked), array(blocked.values()))
        if back:
            ids, states, dues = zip(*back, strict=True)
            _RETURN.run(array(ids), array(states), array(dues), session_id)
    if gone:
        _leave(gone, session_id, queue)


def _leave(gone: Sequence[Claimed], session_id: int, queue: str) -> None:
    """Deletes tasks that are still ours and lets the next of their lanes follow."""
    ids = array(task.id for task in gone)
    if not any(task.lane for task in gone):
        _DELETE.run(ids, session_id)
        return
    rows = _LEAVE.rows(QUEUE_LOCK, queue_key(queue), ids, session_id)
    lanes = sorted({lane for (lane,) in rows if lane})
    if lanes:
        _PROMOTE.run(array(lanes))


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
