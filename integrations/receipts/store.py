"""Receipts written in groups: hooks that arrive while an INSERT is under way share the next (ADR 0019).

The first thread that waits leads: it writes all that wait in one statement and one commit, then hands
the lead to the first that came meanwhile. Nobody waits for company: a lone hook is written at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import psycopg

from arriwa.outbox.lean import LeanConnection

logger = logging.getLogger(__name__)

#: The statement of a lone hook; bin/bench gives the same to pgbench.
STORE = """
INSERT INTO public.receipts_receipt
    (uid, platform, schema_name, workspace_uuid, connection_uuid, received_at, available_at, attempts,
     done, body_sealed)
VALUES (%s, %s, %s, %s, %s, %s, %s, 0, 0, %s)
"""
#: As they stand in STORE: seven as text, the sealed body as bytes.
FORMATS = (0, 0, 0, 0, 0, 0, 0, 1)
_STORED = b"SELECT uid FROM public.receipts_receipt WHERE uid = ANY($1::uuid[])"
#: Hooks of one statement at most; each number has a prepared statement of its own.
GROUP = 16

#: One hook's values, encoded; the first is its uid.
Values = tuple[bytes, ...]


class StoreBusy(Exception):
    """The hook could not be begun to be stored within the patience; its sender is asked to repeat it."""


class _Waiting:
    """A hook whose thread waits to be told."""

    __slots__ = ("bell", "error", "leads", "values")

    def __init__(self, values: Values) -> None:
        self.values = values
        self.error: Exception | None = None
        self.leads = False
        # A bare lock, released once, is the cheapest event there is.
        self.bell = threading.Lock()
        self.bell.acquire()


class Store:
    """One connection of its own, used by whichever thread leads."""

    def __init__(self, parameters: Mapping[str, Any], *, patience: float) -> None:
        """`parameters` are libpq's; `patience` in seconds, for a connection and for those who wait."""
        self._parameters = {**parameters, "connect_timeout": max(2, round(patience))}
        self._patience = patience
        self._mutex = threading.Lock()
        self._led = False
        self._queue: list[_Waiting] = []
        self._connection: LeanConnection | None = None

    def put(self, values: Values) -> bool:
        """Returns once the hook is committed; True for the one of its group who shall wake the relay.

        Raises psycopg.Error when it is not stored (or nobody can tell), StoreBusy when it was not begun.
        """
        mine = _Waiting(values)
        with self._mutex:
            self._queue.append(mine)
            if not self._led:
                self._led = mine.leads = True
        if not mine.leads and not mine.bell.acquire(timeout=self._patience):
            self._give_up(mine)
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error
        return mine.leads

    def close(self) -> None:
        """Ends the connection once those who wait are served; the next hook makes a new one."""
        while True:
            with self._mutex:
                if not self._led:
                    self._led = True
                    break
            time.sleep(0.005)
        self._disconnect()
        self._hand_over([])

    def _give_up(self, mine: _Waiting) -> None:
        with self._mutex:
            if mine in self._queue and not mine.leads:
                self._queue.remove(mine)
                raise StoreBusy
        # Under way: only its leader knows how it ends. Or ours to lead, and then the bell is rung already.
        mine.bell.acquire()

    def _lead(self) -> None:
        with self._mutex:
            group, self._queue = self._queue[:GROUP], self._queue[GROUP:]
        try:
            self._write(group)
        except Exception as error:
            # Any fault of ours: every one of them must get an answer.
            for one in group:
                one.error = one.error or error
        finally:
            self._hand_over(group)

    def _hand_over(self, group: Sequence[_Waiting]) -> None:
        with self._mutex:
            self._led = bool(self._queue)
            if self._led:
                following = self._queue[0]
                following.leads = True
                following.bell.release()
        for one in group:
            if not one.leads:
                one.bell.release()

    def _write(self, group: Sequence[_Waiting]) -> None:
        """Stores the group, or notes with each hook why it is not stored."""
        try:
            self._insert([one.values for one in group])
        except psycopg.Error as error:
            away = self._connection is None or not self._connection.alive
            if away or len(group) == 1:
                for one in group:
                    one.error = error
                # Whatever it was, the next hook starts afresh.
                self._disconnect()
                return
            logger.warning("%d hooks could not be stored together (%s)", len(group), type(error).__name__)
            for one in group:
                self._write([one])

    def _insert(self, rows: list[Values]) -> None:
        if self._connection is not None and not self._connection.alive:
            self._disconnect()
        if self._connection is not None:
            try:
                return self._run(self._connection, rows)
            except psycopg.Error:
                if self._connection.alive:
                    raise
                self._disconnect()
            # Lost midway: what the server committed without telling is not stored twice.
            self._connection = LeanConnection(self._parameters)
            uids = b"{" + b",".join(values[0] for values in rows) + b"}"
            stored = set(self._connection.run(_STORED, (uids,)))
            rows = [values for values in rows if values[0] not in stored]
        else:
            self._connection = LeanConnection(self._parameters)
        if rows:
            self._run(self._connection, rows)

    def _run(self, connection: LeanConnection, rows: list[Values]) -> None:
        count = len(rows)
        connection.run(_statement(count), [value for values in rows for value in values], FORMATS * count)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@cache
def _statement(count: int) -> bytes:
    """STORE for `count` hooks, with numbered values."""
    head, _, row = STORE.partition("VALUES")
    each = len(FORMATS)
    rows = (row.strip() % tuple(f"${n * each + k}" for k in range(1, each + 1)) for n in range(count))
    return " ".join(f"{head} VALUES {', '.join(rows)}".split()).encode()
