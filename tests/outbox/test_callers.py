"""The threads that call for a drain."""

from __future__ import annotations

import threading
import time

from arriwa.outbox.callers import Callers
from arriwa.outbox.registry import Attempt


def test_a_wake_up_ends_the_wait_even_when_it_came_before() -> None:
    callers = Callers(2, "test", lambda attempt: None)
    begin = time.monotonic()
    callers.wake()
    callers.finished()
    callers.wait(5)
    callers.look()
    threading.Timer(0.05, callers.wake).start()
    callers.wait(5)
    assert time.monotonic() - begin < 4


def test_calls_run_side_by_side_up_to_their_number() -> None:
    gate, running = threading.Barrier(3), list[Attempt]()

    def call(attempt: Attempt) -> None:
        running.append(attempt)
        gate.wait(5)

    callers = Callers(2, "test", call)
    attempts = [Attempt([]) for _ in range(2)]
    for attempt in attempts:
        callers.submit(attempt)
    assert callers.room == 0
    gate.wait(5)
    callers.wait(5, count=2)
    assert len(callers.take()) == 2
    assert callers.room == 2
    callers.close()
