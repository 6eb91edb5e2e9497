"""A claim belongs to a session: a direct connection that holds an advisory lock (design 3).

When the process dies the server releases the lock and whoever looks next frees its claims.
Claims of one queue are serialised by a transaction-level advisory lock held for about a millisecond,
which makes heads of lanes, batch keys and connection caps free of races.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import psycopg
from django.conf import settings
from psycopg.rows import namedtuple_row

from arriwa.outbox.models import NO_CONNECTION
from arriwa.outbox.registry import CONNECTION_CAPS, Claimed, connection_key, known_effect, rate_for

logger = logging.getLogger(__name__)

#: First keys of our two-key advisory locks.
SESSION_LOCK = 0x4157_0001
QUEUE_LOCK = 0x4157_0002
REAP_INTERVAL = 0.5
#: Seconds for which a task that no code knows stands aside: a release that knows it is on its way.
UNKNOWN_PAUSE = 30.0

_COLUMNS = "id, queue, kind, schema_name, subject, connection, lane, batch_key, rate_keys, attempts"

_SETTLE = """
UPDATE public.outbox_outboxtask t SET state = CASE WHEN EXISTS (
    SELECT 1 FROM public.outbox_outboxtask p WHERE p.lane = t.lane AND p.lane <> '' AND p.id < t.id
) THEN 'waiting' ELSE 'ready' END
WHERE t.queue = %(queue)s AND t.state = 'new'
"""
# A loose index scan over (organization, connection), then a few of each: neither blocked rows nor
# a neighbour's backlog are ever read.
_CANDIDATES = f"""
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
SELECT c.* FROM pairs p CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM public.outbox_outboxtask t
    WHERE t.queue = %(queue)s AND t.state = 'ready'
      AND t.schema_name = p.schema_name AND t.connection = p.connection
      AND t.available_at <= %(now)s
    ORDER BY t.available_at, t.id LIMIT %(each)s) c
"""
_BATCH = f"""
SELECT {_COLUMNS} FROM public.outbox_outboxtask
WHERE batch_key = %(key)s AND batch_key <> '' AND state = 'ready' AND available_at <= %(now)s
  AND id <> ALL(%(taken)s)
ORDER BY id LIMIT %(limit)s
"""
_REAP = """
UPDATE public.outbox_outboxtask SET state = 'ready', claimed_by = NULL
WHERE state = 'claimed' AND NOT EXISTS (
    SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.classid = %(lock)s AND l.objid = claimed_by)
RETURNING id
"""


_LEVELS = """
INSERT INTO public.outbox_ratelimit (key, tokens, updated_at)
SELECT v.key, v.tokens, %s FROM unnest(%s::text[], %s::float8[]) AS v (key, tokens)
ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, updated_at = excluded.updated_at
"""
_LATE = """
UPDATE public.outbox_outboxtask t SET available_at = v.due
FROM unnest(%s::bigint[], %s::timestamptz[]) AS v (id, due) WHERE t.id = v.id
"""


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
        row = self._connection.execute("SELECT nextval('public.outbox_session')").fetchone()
        assert row is not None
        self.id: int = row[0]
        self._connection.execute("SELECT pg_advisory_lock(%s, %s)", (SESSION_LOCK, self.id))
        self._reaped = 0.0

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
        rows = self._connection.execute(_REAP, {"lock": SESSION_LOCK}).fetchall()
        return len(rows)

    def claim(self, queue: str, *, now: datetime, limit: int) -> list[Claimed]:
        """Up to `limit` tasks (batches count as one) that may run now, fair among organizations.

        `now` is real time. Returned tasks are committed as ours.
        """
        self.reap()
        with self._connection.transaction():
            cursor = self._connection.cursor(row_factory=namedtuple_row)
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (QUEUE_LOCK, queue_key(queue)))
            cursor.execute(_SETTLE, {"queue": queue})
            cap = CONNECTION_CAPS.get(queue, 8)
            cursor.execute(_CANDIDATES, {"queue": queue, "now": now, "each": min(limit, cap * 4)})
            candidates = [_claimed(row) for row in cursor.fetchall()]
            if not candidates:
                return []
            chosen = self._choose(cursor, queue, candidates, now=now, limit=limit, cap=cap)
            if chosen:
                cursor.execute(
                    "UPDATE public.outbox_outboxtask SET state = 'claimed', claimed_by = %s,"
                    " attempts = attempts + 1 WHERE id = ANY(%s)",
                    (self.id, [task.id for task in chosen]),
                )
        return chosen

    def _choose(
        self,
        cursor: psycopg.Cursor[Any],
        queue: str,
        candidates: list[Claimed],
        *,
        now: datetime,
        limit: int,
        cap: int,
    ) -> list[Claimed]:
        cursor.execute(
            "SELECT DISTINCT schema_name, connection, batch_key, CASE batch_key WHEN '' THEN id END AS alone"
            " FROM public.outbox_outboxtask WHERE queue = %s AND state = 'claimed'",
            (queue,),
        )
        busy = cursor.fetchall()
        in_flight = Counter(row.connection for row in busy)
        keys_in_flight = {row.batch_key for row in busy if row.batch_key}
        buckets = _Buckets(cursor, candidates, now)
        chosen: list[Claimed] = []
        taken: set[int] = set()
        calls = 0
        for task in _round_robin(candidates, Counter(row.schema_name for row in busy)):
            if calls >= limit:
                break
            if task.id in taken or in_flight[task.connection] >= cap:
                continue
            effect = known_effect(task.kind)
            if effect is None:
                logger.warning("no code is registered for tasks of kind %s; they stay", task.kind)
                buckets.put_off(task, UNKNOWN_PAUSE)
                continue
            if task.batch_key and effect.exclusive and task.batch_key in keys_in_flight:
                continue
            if not buckets.draw(task):
                continue
            batch = [task]
            if task.batch_key and effect.batch > 1:
                cursor.execute(
                    _BATCH,
                    {
                        "key": task.batch_key,
                        "now": now,
                        "taken": [*taken, task.id],
                        "limit": effect.batch - 1,
                    },
                )
                batch += [_claimed(row) for row in cursor.fetchall()]
            if task.batch_key:
                keys_in_flight.add(task.batch_key)
            chosen += batch
            taken.update(item.id for item in batch)
            in_flight[task.connection] += 1
            calls += 1
        buckets.save()
        return chosen


class _Buckets:
    """The rate limits of a claim's candidates, locked, drawn on and written back."""

    def __init__(self, cursor: psycopg.Cursor[Any], tasks: list[Claimed], now: datetime) -> None:
        self._cursor = cursor
        self._now = now
        self._late: dict[int, datetime] = {}
        self._levels: dict[str, float] = {}
        self._blocked: dict[str, datetime | None] = {}
        self._drawn: Counter[str] = Counter()
        keys = sorted({key for task in tasks for key in _keys_of(task)})
        if not keys:
            return
        cursor.execute(
            "SELECT key, tokens, updated_at, blocked_until FROM public.outbox_ratelimit"
            " WHERE key = ANY(%s) ORDER BY key FOR UPDATE",
            (keys,),
        )
        rows = {row.key: row for row in cursor.fetchall()}
        for key in keys:
            rate = rate_for(key)
            depth = rate.burst if rate else float("inf")
            row = rows.get(key)
            if row is None:
                self._levels[key], self._blocked[key] = depth, None
                continue
            gained = (now - row.updated_at).total_seconds() * (rate.per_second if rate else 0)
            self._levels[key] = min(depth, row.tokens + max(0.0, gained))
            self._blocked[key] = row.blocked_until

    def draw(self, task: Claimed) -> bool:
        """Takes a token of each of the task's keys, or puts the task off until there may be one."""
        wait = 0.0
        for key in _keys_of(task):
            blocked = self._blocked[key]
            if blocked is not None and blocked > self._now:
                wait = max(wait, (blocked - self._now).total_seconds())
            rate = rate_for(key)
            if rate is not None and self._levels[key] < 1:
                self._drawn[key] += 1
                wait = max(wait, (self._drawn[key] - self._levels[key]) / rate.per_second)
        if wait:
            self.put_off(task, wait)
            return False
        for key in _keys_of(task):
            self._levels[key] -= 1
        return True

    def put_off(self, task: Claimed, seconds: float) -> None:
        """Lets a task that cannot run now stand aside for those behind it."""
        self._late[task.id] = self._now + timedelta(seconds=seconds)

    def save(self) -> None:
        """Writes levels back and moves tasks that found no token to when they may find one."""
        rows = [(key, level) for key, level in sorted(self._levels.items()) if rate_for(key) is not None]
        if rows:
            self._cursor.execute(
                _LEVELS, (self._now, [key for key, _ in rows], [float(level) for _, level in rows])
            )
        if self._late:
            self._cursor.execute(_LATE, (list(self._late), list(self._late.values())))


def _keys_of(task: Claimed) -> tuple[str, ...]:
    """The task's own rate keys and its connection's, which a platform may close as a whole."""
    if task.connection == NO_CONNECTION:
        return task.rate_keys
    return (*task.rate_keys, connection_key(task.connection))


def _claimed(row: Any) -> Claimed:
    return Claimed(
        id=row.id,
        queue=row.queue,
        kind=row.kind,
        schema_name=row.schema_name,
        subject=UUID(str(row.subject)),
        connection=UUID(str(row.connection)),
        lane=row.lane,
        batch_key=row.batch_key,
        rate_keys=tuple(row.rate_keys),
        attempts=row.attempts + 1,
    )


def _round_robin(tasks: Iterable[Claimed], in_flight: Mapping[str, int]) -> list[Claimed]:
    """The organization with the least under way comes first, then one of each in turn, by age."""
    ranks: Counter[str] = Counter(in_flight)
    ranked = []
    for task in sorted(tasks, key=lambda task: task.id):
        ranked.append((ranks[task.schema_name], task.id, task))
        ranks[task.schema_name] += 1
    return [task for _, _, task in sorted(ranked, key=lambda item: item[:2])]
