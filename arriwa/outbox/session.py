"""A claim belongs to a session: a direct connection that holds an advisory lock (design 3).

When the process dies the server releases the lock and whoever looks next frees its claims.
Claims of one queue are serialised by a transaction-level advisory lock held for about a millisecond,
which makes heads of lanes, batch keys and connection caps free of races. A look that finds nothing
takes no lock and costs one statement.
"""

from __future__ import annotations

import time
import zlib
from datetime import datetime
from typing import Any, Self

import psycopg
from django.conf import settings

from arriwa.common.statements import array
from arriwa.outbox.choice import BATCH_KEY, COLUMNS, Round, task_of
from arriwa.outbox.registry import CONNECTION_CAPS, Claimed

#: First keys of our two-key advisory locks.
SESSION_LOCK = 0x4157_0001
QUEUE_LOCK = 0x4157_0002
REAP_INTERVAL = 0.5

#: New laned tasks that a claim settles by itself; more of them are settled by a statement of their own.
NEW_AT_ONCE = 64

# A loose index scan over (organization, connection): neither blocked rows nor a neighbour's backlog are
# ever read.
_PAIRS = """
WITH RECURSIVE pairs AS (
    (SELECT schema_name, connection FROM public.outbox_outboxtask
     WHERE queue = %(queue)s AND state = 'ready' ORDER BY schema_name, connection LIMIT 1)
    UNION ALL
    SELECT n.schema_name, n.connection FROM pairs p CROSS JOIN LATERAL (
        SELECT schema_name, connection FROM public.outbox_outboxtask
        WHERE queue = %(queue)s AND state = 'ready'
          AND (schema_name, connection) > (p.schema_name, p.connection)
        ORDER BY schema_name, connection LIMIT 1) n
)
"""
#: Is anything new or due; does another session hold claims?
_LOOK = f"""
{_PAIRS}
SELECT EXISTS (SELECT 1 FROM public.outbox_outboxtask WHERE queue = %(queue)s AND state = 'new')
    OR EXISTS (
        SELECT 1 FROM pairs p CROSS JOIN LATERAL (
            SELECT 1 FROM public.outbox_outboxtask t
            WHERE t.queue = %(queue)s AND t.state = 'ready'
              AND t.schema_name = p.schema_name AND t.connection = p.connection
              AND t.available_at <= %(now)s LIMIT 1) c),
    EXISTS (SELECT 1 FROM public.outbox_outboxtask
            WHERE queue = %(queue)s AND state = 'claimed' AND claimed_by <> %(me)s)
"""
#: What becomes of a new task that is not claimed.
_NEW_STATES = {"head": "ready", "early": "ready", "behind": "waiting"}
_LOCK = "BEGIN; SELECT pg_advisory_xact_lock({lock}, {queue})"
_HEAD = """NOT EXISTS (
    SELECT 1 FROM public.outbox_outboxtask p WHERE p.lane = t.lane AND p.lane <> '' AND p.id < t.id)"""
# All that a claim must know, in one statement: a few due tasks of each pair, new tasks and whether they
# are their lane's head, and what is under way (one row for each call).
_READ = f"""
{_PAIRS}
SELECT 'due', c.* FROM pairs p CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM public.outbox_outboxtask t
    WHERE t.queue = %(queue)s AND t.state = 'ready'
      AND t.schema_name = p.schema_name AND t.connection = p.connection
      AND t.available_at <= %(now)s
    ORDER BY t.available_at, t.id LIMIT %(each)s) c
UNION ALL SELECT n.* FROM (
    SELECT CASE WHEN NOT {_HEAD} THEN 'behind' WHEN t.available_at <= %(now)s THEN 'head' ELSE 'early' END,
        {COLUMNS}
    FROM public.outbox_outboxtask t
    WHERE t.queue = %(queue)s AND t.state = 'new' ORDER BY t.id LIMIT {NEW_AT_ONCE + 1}) n
UNION ALL SELECT DISTINCT 'busy', CASE batch_key WHEN '' THEN id END, '', '', schema_name, NULL::uuid,
        connection, '', batch_key, NULL::jsonb, 0
    FROM public.outbox_outboxtask WHERE queue = %(queue)s AND state = 'claimed'
"""
_SETTLE = f"""
UPDATE public.outbox_outboxtask t SET state = CASE WHEN {_HEAD} THEN 'ready' ELSE 'waiting' END
WHERE t.queue = %(queue)s AND t.state = 'new'
"""
# Levels of rate limits and the new place of every task that the claim decided on, in one statement.
_WRITE = """
WITH levels AS (
    INSERT INTO public.outbox_ratelimit (key, tokens, updated_at)
    SELECT v.key, v.tokens, %s::timestamptz FROM unnest(%s::text[], %s::float8[]) AS v (key, tokens)
    ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, updated_at = excluded.updated_at
)
UPDATE public.outbox_outboxtask t SET state = v.state, available_at = coalesce(v.due, t.available_at),
    claimed_by = CASE v.state WHEN 'claimed' THEN %s::int END,
    attempts = t.attempts + CASE v.state WHEN 'claimed' THEN 1 ELSE 0 END
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS v (id, state, due) WHERE t.id = v.id
"""
_REAP = """
UPDATE public.outbox_outboxtask SET state = 'ready', claimed_by = NULL
WHERE state = 'claimed' AND NOT EXISTS (
    SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.classid = %(lock)s AND l.objid = claimed_by)
RETURNING id
"""
# Plans are made once, perhaps while the tables are empty: only those along the indexes stay good. A claim
# that a crash of the server undoes was free anyway, for its session died too: it need not reach the disk.
_TUNE = (
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET jit = off;"
    " SET plan_cache_mode = force_generic_plan; SET synchronous_commit = off"
)


def queue_key(queue: str) -> int:
    """Second key of a queue's advisory lock: a signed 32-bit number."""
    return zlib.crc32(queue.encode()) - (1 << 31)


def connection_parameters() -> dict[str, Any]:
    """libpq's parameters for the database of the settings."""
    database = settings.DATABASES["default"]
    named = {
        "dbname": database["NAME"],
        "user": database["USER"],
        "password": database["PASSWORD"],
        "host": database["HOST"],
        "port": database["PORT"],
    }
    options = {k: v for k, v in database.get("OPTIONS", {}).items() if k != "pool"}
    return {k: v for k, v in {**named, **options}.items() if v}


def direct_connection(*, application_name: str) -> psycopg.Connection[Any]:
    """A connection of our own, outside Django's pool, in autocommit and the public schema."""
    return psycopg.connect(**connection_parameters(), autocommit=True, application_name=application_name)


class Session:
    """Claims tasks of the outbox for one loop of one process."""

    def __init__(self, name: str = "arriwa session") -> None:
        self._connection = direct_connection(application_name=name)
        self._connection.execute(_TUNE)
        row = self._connection.execute("SELECT nextval('public.outbox_session')").fetchone()
        assert row is not None
        self.id: int = row[0]
        self._connection.execute("SELECT pg_advisory_lock(%s, %s)", (SESSION_LOCK, self.id))
        self._reaped = self._looked = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session; its claims are free at once."""
        self._connection.close()

    @property
    def alive(self) -> bool:
        """False once the connection, and with it every claim, is lost."""
        return not (self._connection.closed or self._connection.broken)

    def reap(self, *, force: bool = False) -> int:
        """Frees the claims of dead sessions; at most every half second. Returns how many."""
        now = time.monotonic()
        if not force and now - self._reaped < REAP_INTERVAL:
            return 0
        self._reaped = now
        rows = self._connection.execute(_REAP, {"lock": SESSION_LOCK}, prepare=True).fetchall()
        return len(rows)

    def claim(self, queue: str, *, now: datetime, limit: int, sure: bool = False) -> list[Claimed]:
        """Up to `limit` tasks (batches count as one) that may run now, fair among organizations.

        `now` is real time; `sure` spares the look when the last claim left some behind. Returned tasks
        are committed as ours.
        """
        if not (sure and time.monotonic() - self._looked < REAP_INTERVAL) and not self._look(queue, now):
            return []
        cursor = self._connection.cursor()
        try:
            cursor.execute(_LOCK.format(lock=QUEUE_LOCK, queue=queue_key(queue)).encode())
            chosen = self._claim(cursor, queue, now, limit)
        except BaseException:
            self._connection.rollback()
            raise
        return chosen

    def _look(self, queue: str, now: datetime) -> bool:
        """Whether a claim may find something. Sees to dead sessions' claims."""
        self._looked = time.monotonic()
        values = {"queue": queue, "now": now, "me": self.id}
        row = self._connection.execute(_LOOK, values, prepare=True).fetchone()
        assert row is not None
        work, others = row
        return bool(others and self.reap()) or bool(work)

    def _claim(self, cursor: psycopg.Cursor[Any], queue: str, now: datetime, limit: int) -> list[Claimed]:
        cap = CONNECTION_CAPS.get(queue, 8)
        values = {"queue": queue, "now": now, "each": min(limit, cap * 4)}
        rows = cursor.execute(_READ, values, prepare=True).fetchall()
        new = [row for row in rows if row[0] in _NEW_STATES]
        if len(new) > NEW_AT_ONCE or any(row[BATCH_KEY] for row in new):
            # Too many, or tasks that a batch of others would look for.
            cursor.execute(_SETTLE, values, prepare=True)
            rows, new = cursor.execute(_READ, values, prepare=True).fetchall(), []
        candidates = [task_of(row) for row in rows if row[0] in ("due", "head")]
        busy = [row for row in rows if row[0] == "busy"]
        round_ = Round(cursor, candidates, busy, now=now, limit=limit, cap=cap)
        chosen = round_.choose()
        #: Id → state and, for those that must wait, when they are due.
        places: dict[int, tuple[str, datetime | None]] = {row[1]: (_NEW_STATES[row[0]], None) for row in new}
        places |= {number: ("ready", due) for number, due in round_.buckets.late.items()}
        places |= {task.id: ("claimed", None) for task in chosen}
        names, tokens = round_.buckets.levels()
        values_written = (
            now,
            array(names),
            array(tokens),
            self.id,
            array(places),
            array(state for state, _ in places.values()),
            array(due for _, due in places.values()),
        )
        with self._connection.pipeline():
            if places or names:
                cursor.execute(_WRITE, values_written, prepare=True)
            cursor.execute("COMMIT")
        return chosen
