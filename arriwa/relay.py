"""The relay: hooks in, messages out, wake-ups for the rest (design, decision 4).

It listens, works off receipts, timers and messages until empty, polls every 25 ms for a second after
work and every second when idle, and sends coalesced Celery wake-ups for the other queues. Hooks and
messages are parts that have an interpreter each: beside each other in one they wait for its lock more
than for anything else (docs/performance.md).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psycopg
from django.db import OperationalError, close_old_connections, connection

from arriwa.outbox import wakeup
from arriwa.outbox.drain import CONCURRENCY, Drain
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import Queue
from arriwa.outbox.session import Session, direct_connection
from arriwa.outbox.tasks import WORKER_QUEUES, wake
from arriwa.outbox.timers import drain_timers
from integrations.receipts.intake import drain_receipts
from tenants.tasks import wake as wake_births

logger = logging.getLogger(__name__)

BUSY_PAUSE = 0.025
IDLE_PAUSE = 1.0
BUSY_SECONDS = 1.0
#: Wake-ups of one queue are not sent more often than this; the first of a burst goes at once.
WAKE_PAUSE = 0.25
FAILED_PAUSE = 1.0
#: The second is there for when the first waits for a lock: two at work wait for the interpreter instead.
RECEIPT_LOOPS = 2
#: One with all calls makes fuller batches than several that share them, and its calls go on meanwhile.
MESSAGE_LOOPS = 1
#: Seconds for which a message's statuses wait for more of them.
STATUS_PATIENCE = 0.15
#: Seconds within which a busy loop is trusted to look again by itself.
BRISK = 0.05


@dataclass(frozen=True, slots=True)
class Step:
    """What a loop repeats: `run` tells how much it did, `close` gives up what it holds."""

    run: Callable[[], int]
    close: Callable[[], None] = lambda: None


HOOKS, MESSAGES = "hooks", "messages"
#: What each part is woken for.
PARTS: dict[str, tuple[str, ...]] = {
    HOOKS: (wakeup.RECEIPTS, wakeup.TIMERS, *WORKER_QUEUES, wakeup.BIRTHS),
    MESSAGES: (Queue.INTERACTIVE,),
}
#: Topics whose work is Celery's, and how it is woken.
WAKES: dict[str, Callable[[], None]] = {
    **{str(queue): partial(wake, queue) for queue in WORKER_QUEUES},
    wakeup.BIRTHS: wake_births,
}


class Relay:
    """Threads of one process, each with its own database connection."""

    def __init__(self, *parts: str, tend: Callable[[], None] = lambda: None) -> None:
        """`parts`: of PARTS, none for all. `tend` is called about twice a second by the main thread."""
        self._parts = parts or tuple(PARTS)
        self._topics = frozenset(str(topic) for part in self._parts for topic in PARTS[part])
        self._tend = tend
        self._idle: set[str] = set()
        #: When a loop began its step, by time.monotonic.
        self._began: dict[str, float] = {}
        self._stop = threading.Event()
        self._bells = {name: threading.Event() for name in (*self._loops(), "wake")}
        self._threads: list[threading.Thread] = []
        self._drains: dict[str, Drain] = {}
        self._wanted: set[str] = set()

    def _loops(self) -> dict[str, Callable[[str], Step]]:
        loops: dict[str, Callable[[str], Step]] = {}
        if HOOKS in self._parts:
            loops |= {f"receipts-{n}": (lambda name: Step(self._receipts)) for n in range(RECEIPT_LOOPS)}
            loops["timers"] = lambda name: Step(drain_timers)
        if MESSAGES in self._parts:
            loops |= {f"{Queue.INTERACTIVE}-{n}": self._interactive for n in range(MESSAGE_LOOPS)}
        return loops

    def run(self) -> None:
        """Serves until `stop` is called."""
        wakeup.listen_here(self.ring, self._topics)
        for name, make in self._loops().items():
            self._start(name, self._loop, name, make)
        if HOOKS in self._parts:
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
        """Someone wrote work for `topic`; one that belongs to another part's process is passed over."""
        if topic not in self._topics:
            return
        if topic in WAKES:
            self._wanted.add(topic)
            self._bells["wake"].set()
            return
        if topic == Queue.INTERACTIVE:
            self._ring_messages()
            return
        now = time.monotonic()
        bells = [name for name in self._bells if name.partition("-")[0] == topic]
        # One is enough: a busy one looks again before it rests, unless it is held up.
        brisk = [name for name in bells if name not in self._idle and now - self._began.get(name, 0) < BRISK]
        for name in brisk[:1] or [name for name in bells if name in self._idle][:1] or bells:
            self._bells[name].set()

    def _ring_messages(self) -> None:
        """One loop that can take more is enough: several would claim the same tasks in vain."""
        for number in range(MESSAGE_LOOPS):
            name = f"{Queue.INTERACTIVE}-{number}"
            drain = self._drains.get(name)
            if drain is None or not drain.full:
                self._bells[name].set()
                if drain is not None:
                    drain.wake()
                    return

    def _start(self, name: str, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"relay-{name}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _receipts(self) -> int:
        return drain_receipts(limit=5, patience=STATUS_PATIENCE)

    def _interactive(self, name: str) -> Step:
        session = Session("arriwa relay")
        drain = Drain(Queue.INTERACTIVE, session, concurrency=CONCURRENCY // MESSAGE_LOOPS)
        self._drains[name] = drain

        def step() -> int:
            moved = drain.step(patience=BUSY_PAUSE)
            if moved and drain.backlog:
                # It is full and there may be more: the next loop takes it.
                self._ring_messages()
            return moved or int(drain.busy)

        def close() -> None:
            self._drains.pop(name, None)
            drain.close()
            session.close()

        return Step(step, close)

    def _loop(self, name: str, make: Callable[[str], Step]) -> None:
        bell, worked = self._bells[name], 0.0
        step: Step | None = None
        while not self._stop.is_set():
            try:
                bell.clear()
                step = step or make(name)
                self._began[name] = time.monotonic()
                if step.run():
                    worked = time.monotonic()
                    continue
            except Exception as error:
                # Any fault: a loop that ended unseen would stop messages while the process looks alive.
                if isinstance(error, psycopg.Error | OperationalError):
                    logger.warning("relay %s: the database is away (%s)", name, type(error).__name__)
                else:
                    logger.exception("relay %s stumbled; it goes on", name)
                # With the session its claims are free; a plan that no longer fits goes with the connection.
                if step is not None:
                    step.close()
                step = None
                _forget_connection()
                self._stop.wait(FAILED_PAUSE)
            busy = time.monotonic() - worked < BUSY_SECONDS
            self._idle.add(name)
            bell.wait(BUSY_PAUSE if busy else IDLE_PAUSE)
            self._idle.discard(name)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with direct_connection(application_name="arriwa relay listen") as listener:
                    topics = {wakeup.channel(topic): topic for topic in self._topics}
                    for name in topics:
                        listener.execute(f"LISTEN {name}")
                    while not self._stop.is_set():
                        self._tend()
                        for note in listener.notifies(timeout=0.5):
                            self.ring(topics[note.channel])
                            if self._stop.is_set():
                                break
            except psycopg.Error as error:
                logger.warning("relay: the database is away (%s)", type(error).__name__)
                self._tend()
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
                for topic in wanted:
                    WAKES[topic]()
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
