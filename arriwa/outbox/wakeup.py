"""Wake-ups between processes: NOTIFY after commit, throttled with a trailing edge (design, decision 4).

A lost wake-up loses no work: the relay and beat look by themselves.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

CHANNEL = "arriwa"
RECEIPTS = "receipts"
TIMERS = "timers"
INTERVAL = 0.005

_local: list[Callable[[str], None]] = []


class Throttle:
    """Calls `send(topic)` at once when quiet, else once more at the end of the interval."""

    def __init__(self, send: Callable[[str], None], interval: float = INTERVAL) -> None:
        self._send = send
        self._interval = interval
        self._last: dict[str, float] = {}
        self._due: set[str] = set()
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None

    def poke(self, topic: str) -> None:
        """Someone should look at `topic` soon."""
        with self._condition:
            now = time.monotonic()
            if now - self._last.get(topic, 0.0) < self._interval:
                self._due.add(topic)
                self._start()
                self._condition.notify()
                return
            self._last[topic] = now
        self._send(topic)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._trail, name="wakeup", daemon=True)
            self._thread.start()

    def _trail(self) -> None:
        while True:
            with self._condition:
                while not self._due:
                    self._condition.wait()
            time.sleep(self._interval)
            with self._condition:
                topics, self._due = self._due, set()
                for topic in topics:
                    self._last[topic] = time.monotonic()
            for topic in topics:
                self._send(topic)


def _notify(topic: str) -> None:
    import psycopg

    from arriwa.outbox.session import direct_connection

    connection = getattr(_thread, "connection", None)
    for _ in range(2):
        try:
            if connection is None or connection.closed:
                connection = _thread.connection = direct_connection(application_name="arriwa wakeup")
            connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, topic))
            return
        except psycopg.OperationalError as error:
            logger.info("a wake-up for %s was lost (%s)", topic, type(error).__name__)
            if connection is not None:
                connection.close()


_thread = threading.local()
_throttle = Throttle(_notify)


def poke(topic: str) -> None:
    """Wakes whoever works on `topic`, here or in another process."""
    for listener in _local:
        listener(topic)
    if not _local:
        _throttle.poke(topic)


def listen_here(listener: Callable[[str], None]) -> None:
    """This process works on topics itself: tell it directly and spare the NOTIFY."""
    _local.append(listener)


def stop_listening(listener: Callable[[str], None]) -> None:
    """The inverse of `listen_here`."""
    _local.remove(listener)
