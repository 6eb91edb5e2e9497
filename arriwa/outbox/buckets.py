"""The shared rate limits of one claim: locked, drawn on and written back (design 3, "Lanes")."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import psycopg

from arriwa.common.statements import array
from arriwa.outbox.models import NO_CONNECTION
from arriwa.outbox.registry import Claimed, Rate, connection_key, rate_for

_READ = """
SELECT key, tokens, updated_at, blocked_until FROM public.outbox_ratelimit
WHERE key = ANY(%s::text[]) ORDER BY key FOR UPDATE
"""


class Buckets:
    """The rate limits of a claim's candidates; draws are written by the claim's own last statement."""

    def __init__(self, cursor: psycopg.Cursor[Any], tasks: list[Claimed], now: datetime) -> None:
        """Locks the rows of all keys of `tasks`, in the order of their names. `now` is real time."""
        self._now = now
        #: When tasks that found no token may find one, by id.
        self.late: dict[int, datetime] = {}
        self._keys = {task.id: _keys_of(task) for task in tasks}
        names = sorted({key for keys in self._keys.values() for key in keys})
        self._rates: dict[str, Rate | None] = {key: rate_for(key) for key in names}
        self._levels: dict[str, float] = {}
        self._blocked: dict[str, datetime] = {}
        self._refused: Counter[str] = Counter()
        if names:
            self._read(cursor, names)

    def _read(self, cursor: psycopg.Cursor[Any], names: list[str]) -> None:
        self._levels = {key: rate.burst for key, rate in self._rates.items() if rate is not None}
        for key, tokens, updated_at, blocked_until in cursor.execute(_READ, (array(names),), prepare=True):
            if blocked_until is not None and blocked_until > self._now:
                self._blocked[key] = blocked_until
            rate = self._rates[key]
            if rate is not None:
                gained = max(0.0, (self._now - updated_at).total_seconds() * rate.per_second)
                self._levels[key] = min(rate.burst, tokens + gained)

    def draw(self, task: Claimed) -> bool:
        """Takes a token of each of the task's keys, or puts the task off until there may be one."""
        wait = 0.0
        keys = self._keys[task.id]
        for key in keys:
            blocked = self._blocked.get(key)
            if blocked is not None:
                wait = max(wait, (blocked - self._now).total_seconds())
            rate = self._rates[key]
            if rate is not None and self._levels[key] < 1:
                self._refused[key] += 1
                wait = max(wait, (self._refused[key] - self._levels[key]) / rate.per_second)
        if wait:
            self.put_off(task, wait)
            return False
        for key in keys:
            if key in self._levels:
                self._levels[key] -= 1
        return True

    def put_off(self, task: Claimed, seconds: float) -> None:
        """Lets a task that cannot run now stand aside for those behind it."""
        self.late[task.id] = self._now + timedelta(seconds=seconds)

    def levels(self) -> tuple[list[str], list[float]]:
        """Names, sorted, and tokens left of all keys that have a rate."""
        names = sorted(self._levels)
        return names, [float(self._levels[key]) for key in names]


def _keys_of(task: Claimed) -> tuple[str, ...]:
    """The task's own rate keys and its connection's, which a platform may close as a whole."""
    if task.connection == NO_CONNECTION:
        return task.rate_keys
    return (*task.rate_keys, connection_key(task.connection))
