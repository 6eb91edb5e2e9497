"""Stops from outside: locks of the test's own that a process runs into at a certain point.

No code of the product knows of them; whoever is stopped can be seen in pg_stat_activity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from arriwa.outbox.session import QUEUE_LOCK, queue_key
from tests.kill.stack import Stack, until

STOP_SECONDS = 60.0


class Hold:
    """A session whose locks others wait for."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._session: psycopg.Connection[Any] = psycopg.connect(
            stack.url, autocommit=True, application_name="kill test hold"
        )

    def queues(self, *names: str) -> None:
        """Nobody can claim from these queues."""
        for name in names:
            self._session.execute("SELECT pg_advisory_lock(%s, %s)", (QUEUE_LOCK, queue_key(name)))

    def free_queues(self) -> None:
        """Claims go on; tables stay locked."""
        self._session.execute("SELECT pg_advisory_unlock_all()")

    def table(self, name: str) -> None:
        """Nobody can write to the table (`{schema}` is the demo organization's); reading goes on."""
        if self._session.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._session.execute("BEGIN")
        # Writers that are under way end first, those that come later wait.
        self._session.execute(
            f"LOCK TABLE {name.format(schema=self._stack.schema)} IN SHARE ROW EXCLUSIVE MODE"  # type: ignore[arg-type]
        )

    def waiting(self) -> list[str]:
        """Names of the connections that wait for our locks."""
        return [
            row[0]
            for row in self._stack.rows(
                "SELECT application_name FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))",
                self._session.info.backend_pid,
            )
        ]

    def wait_for(self, name: str, count: int = 1) -> None:
        """Waits until `count` connections of the process have run into our locks."""
        until(
            lambda: self.waiting().count(name) >= count,
            STOP_SECONDS,
            lambda: f"{name} did not stop at the point; waiting are {self.waiting()}, {self._stack.left()}",
        )

    def close(self) -> None:
        """Frees everything."""
        self._session.close()


@contextmanager
def hold(stack: Stack) -> Iterator[Hold]:
    """A hold that ends with the block."""
    held = Hold(stack)
    try:
        yield held
    finally:
        held.close()
