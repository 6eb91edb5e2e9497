"""Which of the tasks that may run a claim takes: fair among organizations, within caps and rates."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import psycopg

from arriwa.outbox.buckets import Buckets
from arriwa.outbox.registry import Claimed, known_effect

logger = logging.getLogger(__name__)

#: Seconds for which a task that no code knows stands aside: a release that knows it is on its way.
UNKNOWN_PAUSE = 30.0

COLUMNS = "id, queue, kind, schema_name, subject, connection, lane, batch_key, rate_keys, attempts"
#: Places in a row of "what it is" and COLUMNS.
SCHEMA, CONNECTION, BATCH_KEY = 4, 6, 8

_BATCH = f"""
SELECT {COLUMNS} FROM public.outbox_outboxtask
WHERE batch_key = %(key)s AND batch_key <> '' AND state = 'ready' AND available_at <= %(now)s
  AND id <> ALL(%(taken)s)
ORDER BY id LIMIT %(limit)s
"""


class Round:
    """One claim's choice among its candidates."""

    def __init__(
        self,
        cursor: psycopg.Cursor[Any],
        candidates: list[Claimed],
        busy: list[Any],
        *,
        now: datetime,
        limit: int,
        cap: int,
    ) -> None:
        self._cursor, self._now, self._limit, self._cap = cursor, now, limit, cap
        self._in_flight = Counter(row[CONNECTION] for row in busy)
        self._keys_in_flight = {row[BATCH_KEY] for row in busy if row[BATCH_KEY]}
        self._ranked = _round_robin(candidates, Counter(row[SCHEMA] for row in busy))
        self.buckets = Buckets(cursor, candidates, now)
        self._taken: set[int] = set()

    def choose(self) -> list[Claimed]:
        """Tasks that run now, those of a batch one after the other."""
        chosen: list[Claimed] = []
        calls = 0
        for task in self._ranked:
            if calls >= self._limit:
                break
            batch = self._batch(task)
            if batch:
                chosen += batch
                calls += 1
        return chosen

    def _batch(self, task: Claimed) -> list[Claimed]:
        """The task and those that its call carries along; none when it cannot run now."""
        if task.id in self._taken or self._in_flight[task.connection] >= self._cap:
            return []
        effect = known_effect(task.kind)
        if effect is None:
            logger.warning("no code is registered for tasks of kind %s; they stay", task.kind)
            self.buckets.put_off(task, UNKNOWN_PAUSE)
            return []
        if task.batch_key and effect.exclusive and task.batch_key in self._keys_in_flight:
            return []
        if not self.buckets.draw(task):
            return []
        batch = [task]
        if task.batch_key:
            if effect.batch > 1:
                taken = [*self._taken, task.id]
                values = {"key": task.batch_key, "now": self._now, "taken": taken, "limit": effect.batch - 1}
                batch += [
                    task_of(("due", *row)) for row in self._cursor.execute(_BATCH, values, prepare=True)
                ]
            self._keys_in_flight.add(task.batch_key)
        self._taken.update(item.id for item in batch)
        self._in_flight[task.connection] += 1
        return batch


def task_of(row: Any) -> Claimed:
    """The claimed task of a row of "what it is" and COLUMNS."""
    _, number, queue, kind, schema_name, subject, connection, lane, batch_key, rate_keys, attempts = row
    return Claimed(
        id=number,
        queue=queue,
        kind=kind,
        schema_name=schema_name,
        subject=subject,
        connection=connection,
        lane=lane,
        batch_key=batch_key,
        rate_keys=tuple(rate_keys),
        attempts=attempts + 1,
    )


def _round_robin(tasks: Iterable[Claimed], in_flight: Mapping[str, int]) -> list[Claimed]:
    """The organization with the least under way comes first, then one of each in turn, by age."""
    ranks: Counter[str] = Counter(in_flight)
    ranked = []
    for task in sorted(tasks, key=lambda task: task.id):
        ranked.append((ranks[task.schema_name], task.id, task))
        ranks[task.schema_name] += 1
    return [task for _, _, task in sorted(ranked, key=lambda item: item[:2])]
