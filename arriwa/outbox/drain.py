"""`drain`: the one loop that works off a queue, whoever calls it (design, decision 4)."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence

from django.db import DatabaseError, transaction
from django.db import connection as db
from django_tenants.utils import schema_context

from arriwa.common.errors import ArriwaError, Disposition
from arriwa.outbox.callers import Callers
from arriwa.outbox.courtesy import step_politely
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.finish import backoff, tasks_finish
from arriwa.outbox.registry import Attempt, Claimed, Outcome, RecordsMany, Verdict, effect_for
from arriwa.outbox.session import Session

logger = logging.getLogger(__name__)

#: Calls under way at once in one drain.
CONCURRENCY = 16
#: Wider where a few tenants' hanging platforms must not use up all calls (caps are per connection).
CONCURRENCIES = {"agents": 48, "events": 48, "bulk": 24}
#: Seconds for which an answer waits for others while more tasks are due than can be called: at most, and
#: after the last one that came.
LINGER = 0.02
GAP = 0.003


class CallCrashed(ArriwaError):
    """A fault of our own while calling a platform; the log has the trace. It counts as in doubt."""

    # It may have happened after the request went out: a WhatsApp message must not go out twice.
    disposition = Disposition.RESOLVE


class Drain:
    """Claims, calls side by side, records; a slow call holds up nothing but itself."""

    def __init__(self, queue: str, session: Session, *, concurrency: int = 0) -> None:
        """`concurrency`: calls under way at once; 0 takes the queue's own."""
        self.queue = queue
        self.session = session
        self.concurrency = concurrency or CONCURRENCIES.get(queue, CONCURRENCY)
        self._callers = Callers(self.concurrency, f"call-{queue}", _call)
        #: The last claim found as much as it could take.
        self.backlog = False

    def close(self) -> None:
        """Lets no further call start; those under way are left to the resolution after a restart."""
        self._callers.close()

    @property
    def busy(self) -> bool:
        """True while a platform call is under way."""
        return self._callers.under_way > 0

    @property
    def full(self) -> bool:
        """True while no further call may begin."""
        return self._callers.room <= 0

    def wake(self) -> None:
        """There may be work: ends the patience of a `step`; for other threads to call."""
        self._callers.wake()

    def step(self, *, patience: float = 0.0, at_most: int = 0) -> int:
        """Records finished calls, claims and starts new ones. Returns how many tasks moved.

        `at_most`: calls begun now, 0 for as many as there is room for.

        Waits up to `patience` seconds for a call to finish when nothing else can be done.
        """
        self._callers.look()
        moved = self._record_finished() if self._worth_recording() else 0
        room = min(self._callers.room, at_most or self.concurrency)
        if room > 0 and (moved or not self.backlog or not self.busy):
            tasks = self.session.claim(self.queue, now=real_now(), limit=room, sure=self.backlog)
            self.backlog = len(tasks) >= room
            moved += self._start(tasks)
        if not moved and self.busy and patience:
            self._callers.wait(patience)
            if not self.backlog:
                moved = self._record_finished()
        return moved

    def _worth_recording(self) -> bool:
        """In a backlog answers wait while more keep coming: one commit for many, not one for each."""
        done = self._callers.finished()
        if not self.backlog or not done:
            return bool(done)
        # A few calls are left to go on while the others are recorded.
        enough = max(1, self._callers.under_way * 3 // 4)
        end = time.monotonic() + LINGER
        while done < enough and time.monotonic() < end:
            self._callers.look()
            self._callers.wait(GAP, count=done + 1)
            before, done = done, self._callers.finished()
            if done == before:
                break
        return True

    def _start(self, tasks: list[Claimed]) -> int:
        by_batch: dict[tuple[str, str, str], list[Claimed]] = defaultdict(list)
        for task in tasks:
            by_batch[task.schema_name, task.kind, task.batch_key].append(task)
        groups: list[list[Claimed]] = []
        for (_, kind, batch_key), found in sorted(by_batch.items()):
            # Two batches of one key are two calls.
            size = effect_for(kind).batch if batch_key else len(found)
            groups += [found[start : start + size] for start in range(0, len(found), size)]
        for attempt in self._prepare(groups):
            self._callers.submit(attempt)
        return len(tasks)

    def _prepare(self, groups: list[list[Claimed]]) -> list[Attempt]:
        """Step 2: attempts are marked as started, in one transaction; settled ones leave at once.

        Should one of several groups not be preparable, each gets a transaction of its own.
        """
        if not groups:
            return []
        try:
            with transaction.atomic():
                attempts = [attempt for group in groups for attempt in _prepared(group)]
                settled = [attempt for attempt in attempts if attempt.verdict is not None]
                if settled:
                    tasks = [task for attempt in settled for task in attempt.tasks]
                    verdicts = [a.verdict for a in settled if a.verdict is not None for _ in a.tasks]
                    self._finish(tasks, verdicts)
            return [attempt for attempt in attempts if attempt.verdict is None]
        except Exception as error:
            # Any fault of one group: claimed tasks must go back, or they would stay ours for ever.
            _forget_plans(error)
            if len(groups) > 1:
                return [attempt for group in groups for attempt in self._prepare([group])]
            logger.exception("%s could not be prepared; it is tried again", groups[0][0].kind)
            self._put_back(groups[0])
            return []

    def _record_finished(self) -> int:
        attempts = self._callers.take()
        if attempts:
            self._record(attempts)
        return len(attempts)

    def _record(self, attempts: list[Attempt]) -> None:
        """Step 4: answers, follow-ups and the end of the tasks, in one transaction.

        Should one of several answers not be recordable, each gets a transaction of its own.
        """
        try:
            with transaction.atomic():
                tasks, verdicts = _recorded(attempts)
                self._finish(tasks, verdicts)
        except Exception as error:
            # Any fault: one answer that cannot be written must not take the others' along.
            _forget_plans(error)
            if len(attempts) > 1:
                for attempt in attempts:
                    self._record([attempt])
                return
            logger.exception("the answer for %s could not be recorded", attempts[0].tasks[0].kind)
            self._put_back(attempts[0].tasks)

    def _finish(self, tasks: Sequence[Claimed], verdicts: Sequence[Verdict]) -> None:
        tasks_finish(session_id=self.session.id, tasks=tasks, verdicts=verdicts, queue=self.queue)

    def _put_back(self, tasks: list[Claimed]) -> None:
        verdicts = [Verdict(Outcome.RETRY, delay=backoff(task.attempts)) for task in tasks]
        with transaction.atomic():
            self._finish(tasks, verdicts)


def _call(attempt: Attempt) -> None:
    """Step 3, in a thread of its own and without a database."""
    attempt.started = time.monotonic()
    try:
        attempt.result = effect_for(attempt.tasks[0].kind).call(attempt)
    except ArriwaError as error:
        attempt.error = error
    except Exception as error:
        logger.exception("calling for %s crashed", attempt.tasks[0].kind)
        attempt.error = CallCrashed(f"{type(error).__name__} in our own code.")


def _forget_plans(error: Exception) -> None:
    """A prepared plan may no longer fit after a migration: the next statement gets a new connection."""
    if isinstance(error, DatabaseError):
        db.close()


def _prepared(group: list[Claimed]) -> list[Attempt]:
    """Attempts for tasks of one kind, made in their organization."""
    with schema_context(group[0].schema_name):
        return effect_for(group[0].kind).prepare(group)


def _recorded(attempts: list[Attempt]) -> tuple[list[Claimed], list[Verdict]]:
    """Records the answers, those of one organization and kind together; tasks and their verdicts.

    Organizations follow each other by name, so that two drains lock their rows in one order.
    """
    groups: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        groups[attempt.tasks[0].schema_name, attempt.tasks[0].kind].append(attempt)
    tasks: list[Claimed] = []
    verdicts: list[Verdict] = []
    for (schema_name, kind), group in sorted(groups.items()):
        effect = effect_for(kind)
        with schema_context(schema_name):
            if isinstance(effect, RecordsMany):
                answers = effect.record_many(group)
            else:
                answers = [effect.record(attempt) for attempt in group]
        for attempt, given in zip(group, answers, strict=True):
            tasks += attempt.tasks
            verdicts += given
    return tasks, verdicts


_sessions = threading.local()
_running: dict[str, threading.Lock] = defaultdict(threading.Lock)
_again: set[str] = set()


def thread_session() -> Session:
    """This thread's claim session, made anew when it was lost."""
    session: Session | None = getattr(_sessions, "session", None)
    if session is None or not session.alive:
        session = _sessions.session = Session(f"arriwa {threading.current_thread().name}")
    return session


def drain(queue: str, *, seconds: float = 600.0) -> int:
    """Works off `queue` until nothing is due and no call is under way, or `seconds` have passed.

    Returns how many tasks moved. A second caller in the same process returns at once and has the
    first look once more.
    """
    lock = _running[queue]
    moved = 0
    _again.add(queue)
    while queue in _again and lock.acquire(blocking=False):
        try:
            _again.discard(queue)
            moved += _drain(queue, seconds)
        finally:
            lock.release()
    return moved


def _drain(queue: str, seconds: float) -> int:
    end = time.monotonic() + seconds
    work = Drain(queue, thread_session())
    moved = 0
    try:
        while time.monotonic() < end or work.busy:
            step = step_politely(queue, lambda few: work.step(patience=0 if few else 0.05, at_most=few))
            moved += step
            if not step and not work.busy:
                break
    except BaseException:
        # What it had claimed must not stay with a session that nobody drains for any more.
        work.session.close()
        raise
    finally:
        work.close()
    return moved
