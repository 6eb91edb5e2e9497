"""Threads that make a drain's platform calls; only the drain's own thread hands over and takes back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from arriwa.outbox.registry import Attempt


class Callers:
    """At most `size` calls at once. Two plain queues: a Future costs as much as a small statement."""

    def __init__(self, size: int, name: str, call: Callable[[Attempt], None]) -> None:
        """`call` leaves its outcome on the attempt and raises nothing."""
        self._size = size
        self._name = name
        self._call = call
        self._todo: SimpleQueue[Attempt | None] = SimpleQueue()
        #: None stands for a wake-up.
        self._done: SimpleQueue[Attempt | None] = SimpleQueue()
        self._finished: list[Attempt] = []
        self._threads: list[threading.Thread] = []
        self._woken = False
        #: Handed over and not taken back.
        self.under_way = 0

    @property
    def room(self) -> int:
        """How many more calls may begin."""
        return self._size - self.under_way

    def submit(self, attempt: Attempt) -> None:
        """Lets a thread make this call."""
        self.under_way += 1
        if self.under_way > len(self._threads) and len(self._threads) < self._size:
            name = f"{self._name}-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._todo.put(attempt)

    def finished(self) -> int:
        """How many calls have ended and wait to be taken."""
        with contextlib.suppress(Empty):
            while True:
                self._keep(self._done.get_nowait())
        return len(self._finished)

    def wait(self, seconds: float, *, count: int = 1) -> None:
        """Returns when `count` calls have ended, when someone wakes it, or after `seconds`."""
        end = time.monotonic() + seconds
        with contextlib.suppress(Empty):
            while self.finished() < count and not self._woken:
                self._keep(self._done.get(timeout=max(0.0, end - time.monotonic())))

    def wake(self) -> None:
        """Ends the `wait` of the drain's thread, or its next one; for other threads to call."""
        self._done.put(None)

    def look(self) -> None:
        """The drain's thread looks for work now: wake-ups until here are answered."""
        self.finished()
        self._woken = False

    def take(self) -> list[Attempt]:
        """The calls that have ended, and no longer count as under way."""
        self.finished()
        taken, self._finished = self._finished, []
        self.under_way -= len(taken)
        return taken

    def close(self) -> None:
        """Lets no further call start; those under way end by themselves."""
        with contextlib.suppress(Empty):
            while True:
                self._todo.get_nowait()
        for _ in self._threads:
            self._todo.put(None)

    def _keep(self, ended: Attempt | None) -> None:
        if ended is None:
            self._woken = True
        else:
            self._finished.append(ended)

    def _work(self) -> None:
        while (attempt := self._todo.get()) is not None:
            try:
                self._call(attempt)
            finally:
                self._done.put(attempt)
