"""Receipts written in groups: hooks that arrive while an INSERT is under way share the next (ADR 0019).

Nobody waits for company: a lone hook is written at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import psycopg

from arriwa.outbox import wakeup
from arriwa.outbox.lean import AsyncLeanConnection

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
GROUP = 32
#: Turns of the event loop between two groups when hooks wait already.
_TURNS = 2
#: Seconds between two looks for hooks that have waited too long.
_LOOK = 0.1

#: One hook's values, encoded; the first is its uid.
Values = tuple[bytes, ...]


class StoreBusy(Exception):
    """The hook could not be begun to be stored within the patience; its sender is asked to repeat it."""


class _Waiting:
    """A hook that waits to be stored."""

    __slots__ = ("answer", "since", "values")

    def __init__(self, values: Values, answer: asyncio.Future[None], since: float) -> None:
        self.values = values
        self.answer = answer
        self.since = since

    def tell(self, error: Exception | None = None) -> None:
        """Ends the wait, unless the sender has gone."""
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(None)
        else:
            self.answer.set_exception(error)


class Store:
    """One connection and one task at most, on the event loop on which it is made."""

    def __init__(self, parameters: Mapping[str, Any], *, patience: float) -> None:
        """`parameters` are libpq's; `patience` in seconds, for a connection and for those who wait."""
        self._parameters = {**parameters, "connect_timeout": max(2, round(patience))}
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._queue: list[_Waiting] = []
        self._work: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._connection: AsyncLeanConnection | None = None
        self._rung = 0.0
        self._ring_due = False
        self._ring_timer: asyncio.TimerHandle | None = None

    def put(self, values: Values) -> asyncio.Future[None]:
        """Done once the hook is committed.

        Fails with psycopg.Error when it is not stored (or nobody can tell), StoreBusy when not begun.
        """
        answer = self._loop.create_future()
        self._queue.append(_Waiting(values, answer, self._loop.time()))
        self._begin()
        return answer

    async def close(self) -> None:
        """Ends the connection once those who wait are served; the next hook makes a new one."""
        while self._work is not None:
            await self._work
        await self._disconnect()

    def _begin(self) -> None:
        if self._work is None:
            self._work = self._loop.create_task(self._write_all())
        if self._watch is None:
            self._watch = self._loop.call_later(_LOOK, self._refuse_late)

    async def _write_all(self) -> None:
        while self._queue or self._ring_due:
            group, self._queue = self._queue[:GROUP], self._queue[GROUP:]
            try:
                if group:
                    await self._write(group)
                await self._ring()
                if self._queue:
                    # Answers go out and hooks that are on their way come in: fuller groups, fewer commits.
                    for _ in range(_TURNS):
                        await asyncio.sleep(0)
            except Exception as error:
                # Any fault of ours: every one of them must get an answer, and those behind them theirs.
                logger.exception("hooks could not be stored")
                for one in group:
                    one.tell(error)
        self._work = None

    def _refuse_late(self) -> None:
        """Refuses hooks that wait behind a statement that does not end."""
        latest = self._loop.time() - self._patience
        late = [one for one in self._queue if one.since < latest]
        self._queue = self._queue[len(late) :]
        for one in late:
            one.tell(StoreBusy())
        self._watch = self._loop.call_later(_LOOK, self._refuse_late) if self._work else None

    async def _write(self, group: Sequence[_Waiting]) -> None:
        """Stores the group and tells each of its hooks how that went."""
        try:
            await self._insert([one.values for one in group])
        except psycopg.Error as error:
            if len(group) == 1 or not self._usable():
                for one in group:
                    one.tell(error)
                # Whatever it was, the next hook starts afresh.
                await self._disconnect()
                return
            logger.warning("%d hooks could not be stored together (%s)", len(group), type(error).__name__)
            for one in group:
                await self._write([one])
        else:
            for one in group:
                one.tell()

    async def _insert(self, rows: list[Values]) -> None:
        if self._connection is not None and self._usable():
            try:
                return await _run(self._connection, rows)
            except psycopg.Error:
                if self._usable():
                    raise
            # Lost midway: what the server committed without telling is not stored twice.
            connection = await self._connect()
            uids = b"{" + b",".join(values[0] for values in rows) + b"}"
            stored = set(await connection.run(_STORED, (uids,)))
            rows = [values for values in rows if values[0] not in stored]
        else:
            connection = await self._connect()
        if rows:
            await _run(connection, rows)

    async def _ring(self) -> None:
        """Wakes the relay, throttled with a trailing edge; a NOTIFY is a statement of its own."""
        if wakeup.heard_here(wakeup.RECEIPTS) or self._connection is None:
            self._ring_due = False
            return
        now = self._loop.time()
        if now - self._rung < wakeup.INTERVAL and not self._ring_due:
            if self._ring_timer is None:
                self._ring_timer = self._loop.call_at(self._rung + wakeup.INTERVAL, self._ring_late)
            return
        self._rung, self._ring_due = now, False
        try:
            await self._connection.run(wakeup.NOTIFY, wakeup.note(wakeup.RECEIPTS))
        except psycopg.Error as error:
            logger.info("a wake-up for receipts was lost (%s)", type(error).__name__)

    def _ring_late(self) -> None:
        self._ring_timer, self._ring_due = None, True
        self._begin()

    def _usable(self) -> bool:
        return self._connection is not None and self._connection.alive

    async def _connect(self) -> AsyncLeanConnection:
        await self._disconnect()
        self._connection = await AsyncLeanConnection.connect(self._parameters)
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


async def _run(connection: AsyncLeanConnection, rows: list[Values]) -> None:
    count = len(rows)
    values = [value for row in rows for value in row]
    await connection.run(_statement(count), values, FORMATS * count)


@cache
def _statement(count: int) -> bytes:
    """STORE for `count` hooks, with numbered values."""
    head, _, row = STORE.partition("VALUES")
    each = len(FORMATS)
    rows = (row.strip() % tuple(f"${n * each + k}" for k in range(1, each + 1)) for n in range(count))
    return " ".join(f"{head} VALUES {', '.join(rows)}".split()).encode()
