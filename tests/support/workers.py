"""The relay's and the workers' loops in threads of the test process, as they run side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self

from django.db import connection

from arriwa.outbox.drain import Drain
from arriwa.outbox.models import Queue
from arriwa.outbox.session import Session
from arriwa.outbox.timers import drain_timers
from integrations.receipts.intake import drain_receipts

RECEIPT_LOOPS = 2
PAUSE = 0.005
#: Where nothing is promised, only that it happens: a bound that a loaded machine keeps.
PATIENCE = 30.0


class Workers:
    """Works in the background for a block; at its end calls under way are waited for."""

    def __init__(self, queues: tuple[str, ...] = tuple(Queue.values)) -> None:
        self._stop = threading.Event()
        self._failures: list[BaseException] = []
        loops: list[Callable[[], None]] = [lambda: self._simple(drain_receipts)] * RECEIPT_LOOPS
        loops += [lambda: self._simple(drain_timers)]
        loops += [lambda queue=queue: self._queue(queue) for queue in queues]  # type: ignore[misc]
        self._threads = [threading.Thread(target=self._guarded, args=(loop,), daemon=True) for loop in loops]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)
        assert not self._failures, self._failures

    def _guarded(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:
            self._failures.append(error)
        finally:
            connection.close()

    def _simple(self, step: Callable[[], int]) -> None:
        while not self._stop.is_set():
            if not step():
                time.sleep(PAUSE)

    def _queue(self, queue: str) -> None:
        with Session(f"test {queue}") as session:
            work = Drain(queue, session)
            while not self._stop.is_set() or work.busy:
                if not work.step(patience=PAUSE):
                    time.sleep(PAUSE)
            work.close()


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> float:
    """Waits for `condition`; returns after how many seconds it held. Fails after `seconds`."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if condition():
            return time.monotonic() - start
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds:g} s")
