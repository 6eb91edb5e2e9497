"""The relay process: hooks in, messages out, wake-ups for the rest (design, decision 4).

It listens, loops receipts → timers → interactive until empty, polls every 25 ms for a second after
work and every second when idle, and sends coalesced Celery wake-ups for the other queues.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import psycopg
from django.db import OperationalError, close_old_connections, connection

from arriwa.outbox import wakeup
from arriwa.outbox.drain import CONCURRENCY, Drain, drain_timers
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import Queue
from arriwa.outbox.session import Session, direct_connection
from arriwa.outbox.tasks import WORKER_QUEUES, wake
from integrations.receipts.intake import drain_receipts

logger = logging.getLogger(__name__)

BUSY_PAUSE = 0.025
IDLE_PAUSE = 1.0
BUSY_SECONDS = 1.0
#: Wake-ups of one queue are not sent more often than this.
WAKE_PAUSE = 0.1
FAILED_PAUSE = 1.0
RECEIPT_LOOPS = 2
#: While one waits for the database, the calls of the other go on.
MESSAGE_LOOPS = 2
#: Seconds for which a message's statuses wait for more of them.
STATUS_PATIENCE = 0.1


class Relay:
    """Threads of one process, each with its own database connection."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._bells = {name: threading.Event() for name in (*self._loops(), "wake")}
        self._threads: list[threading.Thread] = []
        self._wanted: set[str] = set()

    def _loops(self) -> dict[str, Callable[[], Callable[[], int]]]:
        receipts = {f"receipts-{n}": (lambda: self._receipts) for n in range(RECEIPT_LOOPS)}
        messages = {f"interactive-{n}": self._interactive for n in range(MESSAGE_LOOPS)}
        return {**receipts, **messages, "timers": lambda: drain_timers}

    def run(self) -> None:
        """Serves until `stop` is called."""
        wakeup.listen_here(self.ring)
        for name, make in self._loops().items():
            self._start(name, self._loop, name, make)
        self._start("wake", self._wake)
        try:
            self._listen()
        finally:
            wakeup.stop_listening(self.ring)
            self.stop()
            for thread in self._threads:
                thread.join(timeout=3)

    def stop(self) -> None:
        """Lets every loop end after what it is doing."""
        self._stop.set()
        for bell in self._bells.values():
            bell.set()

    def ring(self, topic: str) -> None:
        """Someone wrote work for `topic`."""
        if topic in WORKER_QUEUES:
            self._wanted.add(topic)
            self._bells["wake"].set()
            return
        for name, bell in self._bells.items():
            if name.partition("-")[0] == topic:
                bell.set()

    def _start(self, name: str, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"relay-{name}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _receipts(self) -> int:
        return drain_receipts(limit=50, patience=STATUS_PATIENCE)

    def _interactive(self) -> Callable[[], int]:
        work = Drain(Queue.INTERACTIVE, Session("arriwa relay"), concurrency=CONCURRENCY // MESSAGE_LOOPS)

        def step() -> int:
            moved = work.step(patience=0.005)
            return moved or int(work.busy)

        return step

    def _loop(self, name: str, make: Callable[[], Callable[[], int]]) -> None:
        bell, worked = self._bells[name], 0.0
        step: Callable[[], int] | None = None
        while not self._stop.is_set():
            try:
                bell.clear()
                step = step or make()
                if step():
                    worked = time.monotonic()
                    continue
            except (psycopg.Error, OperationalError) as error:
                logger.warning("relay %s: the database is away (%s)", name, type(error).__name__)
                step = None
                _forget_connection()
                self._stop.wait(FAILED_PAUSE)
            except Exception:
                # Any fault: a loop that ended unseen would stop messages while the process looks alive.
                logger.exception("relay %s stumbled; it goes on", name)
                step = None
                self._stop.wait(FAILED_PAUSE)
            busy = time.monotonic() - worked < BUSY_SECONDS
            bell.wait(BUSY_PAUSE if busy else IDLE_PAUSE)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with direct_connection(application_name="arriwa relay listen") as listener:
                    listener.execute(f"LISTEN {wakeup.CHANNEL}")
                    while not self._stop.is_set():
                        for note in listener.notifies(timeout=0.5):
                            self.ring(note.payload)
            except psycopg.Error as error:
                logger.warning("relay: the database is away (%s)", type(error).__name__)
                self._stop.wait(FAILED_PAUSE)

    def _wake(self) -> None:
        bell = self._bells["wake"]
        looked = 0.0
        while not self._stop.is_set():
            bell.wait(IDLE_PAUSE)
            bell.clear()
            wanted, self._wanted = self._wanted, set()
            try:
                if time.monotonic() - looked >= IDLE_PAUSE:
                    looked = time.monotonic()
                    wanted |= due_queues()
                for queue in wanted:
                    wake(queue)
            except Exception:
                # Any fault of the broker's client: a lost wake-up loses no work.
                logger.exception("relay: wake-ups could not be sent; beat's sweep does the work")
                _forget_connection()
            self._stop.wait(WAKE_PAUSE)


def due_queues() -> set[str]:
    """Worker queues in which something could be claimed now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT q FROM unnest(%s::text[]) q WHERE EXISTS (SELECT 1 FROM public.outbox_outboxtask t"
            " WHERE t.queue = q AND t.state = 'ready' AND t.available_at <= %s)"
            " OR EXISTS (SELECT 1 FROM public.outbox_outboxtask t WHERE t.queue = q AND t.state = 'new')"
            " OR EXISTS (SELECT 1 FROM public.outbox_outboxtask t"
            "            WHERE t.queue = q AND t.state = 'claimed')",
            (list(WORKER_QUEUES), real_now()),
        )
        return {row[0] for row in cursor.fetchall()}


def _forget_connection() -> None:
    connection.close()
    close_old_connections()
