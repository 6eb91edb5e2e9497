"""Wake-ups between processes: NOTIFY after commit, throttled with a trailing edge (design, decision 4).

A lost wake-up loses no work: the relay and beat look by themselves.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

import psycopg

from arriwa.outbox.lean import LeanConnection

logger = logging.getLogger(__name__)

RECEIPTS = "receipts"
TIMERS = "timers"
BIRTHS = "births"
INTERVAL = 0.005
#: With `note(topic)` as its value, for whoever has a connection at hand.
NOTIFY = b"SELECT pg_notify($1, '')"

Listener = Callable[[str], None]
#: Listeners of this process; None stands for all topics.
_local: list[tuple[Listener, frozenset[str] | None]] = []


def channel(topic: str) -> str:
    """The topic's channel: who does not work on it is not woken."""
    return f"arriwa_{topic}"


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


class _Notifier:
    """One connection per process, for whoever sends a wake-up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: LeanConnection | None = None

    def send(self, topic: str) -> None:
        """NOTIFY as a statement of its own; a server that is away costs the wake-up alone."""
        from arriwa.outbox.session import connection_parameters

        with self._lock:
            for _ in range(2):
                try:
                    if self._connection is None:
                        self._connection = LeanConnection(
                            {**connection_parameters(), "application_name": "arriwa wakeup"}
                        )
                    self._connection.run(NOTIFY, note(topic))
                    return
                except psycopg.Error as error:
                    logger.info("a wake-up for %s was lost (%s)", topic, type(error).__name__)
                    self._drop()

    def close(self) -> None:
        """Ends the connection; the next wake-up makes a new one."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_notifier = _Notifier()
_throttle = Throttle(_notifier.send)


def poke(topic: str) -> None:
    """Wakes whoever works on `topic`, here or in another process."""
    if not heard_here(topic):
        _throttle.poke(topic)


def heard_here(topic: str) -> bool:
    """Tells this process's own listeners; False when none wants the topic, so that others must be told."""
    told = False
    for listener, topics in _local:
        if topics is None or topic in topics:
            listener(topic)
            told = True
    return told


def note(topic: str) -> tuple[bytes]:
    """The value of NOTIFY."""
    return (channel(topic).encode(),)


def listen_here(listener: Listener, topics: Iterable[str] | None = None) -> None:
    """This process works on these topics (None: on all) itself: tell it directly and spare the NOTIFY."""
    _local.append((listener, None if topics is None else frozenset(map(str, topics))))


def stop_listening(listener: Listener) -> None:
    """The inverse of `listen_here`. Raises ValueError when it does not listen."""
    _local.remove(next((entry for entry in _local if entry[0] == listener), (listener, None)))
