"""What tests of the outbox share: an effect under control, and finishing by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from arriwa.outbox.enqueue import real_now
from arriwa.outbox.finish import tasks_finish
from arriwa.outbox.models import OutboxTask
from arriwa.outbox.registry import Attempt, Claimed, Outcome, Verdict
from arriwa.outbox.session import Session

DONE = Verdict(Outcome.DONE)


class Recorder:
    """An effect that writes down what the outbox does with it.

    `answer` is called in the call, `verdict` in the record, `before` in the preparation.
    """

    def __init__(
        self,
        *,
        kind: str,
        queue: str = "interactive",
        batch: int = 1,
        exclusive: bool = False,
        parks: bool = False,
    ) -> None:
        self.kind, self.queue = kind, queue
        self.batch, self.exclusive, self.parks = batch, exclusive, parks
        #: Ids of each call, in the order in which calls began.
        self.calls: list[list[int]] = []
        self.attempts: list[Attempt] = []
        self.before: Callable[[list[Claimed]], None] = lambda tasks: None
        self.answer: Callable[[Attempt], Any] = lambda attempt: None
        self.verdict: Callable[[Attempt], Verdict] = lambda attempt: DONE
        self._lock = threading.Lock()

    def prepare(self, tasks: list[Claimed]) -> list[Attempt]:
        self.before(tasks)
        return [Attempt(tasks)] if self.batch > 1 else [Attempt([task]) for task in tasks]

    def call(self, attempt: Attempt) -> Any:
        with self._lock:
            self.calls.append([task.id for task in attempt.tasks])
        return self.answer(attempt)

    def record(self, attempt: Attempt) -> Sequence[Verdict]:
        self.attempts.append(attempt)
        return [self.verdict(attempt)] * len(attempt.tasks)

    @property
    def called(self) -> list[int]:
        """Ids in the order of their calls."""
        return [task for call in self.calls for task in call]


class Threaded:
    """A function in a thread; `result()` waits for it and raises what it raised."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._value: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self._error = error
        finally:
            connection.close()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def result(self, seconds: float = 60.0) -> Any:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the thread does not end"
        if self._error is not None:
            raise self._error
        return self._value


def claim(session: Session, queue: str = "interactive", *, limit: int = 16, ahead: float = 0.0) -> list[int]:
    """Ids that the session gets now, or would get `ahead` seconds from now."""
    return [task.id for task in claimed(session, queue, limit=limit, ahead=ahead)]


def claimed(
    session: Session, queue: str = "interactive", *, limit: int = 16, ahead: float = 0.0
) -> list[Claimed]:
    """As `claim`, but the tasks themselves."""
    return session.claim(queue, now=real_now() + timedelta(seconds=ahead), limit=limit)


def finish(session: Session, tasks: Sequence[Claimed], verdict: Verdict = DONE) -> None:
    """Ends tasks with one verdict, as a drain does."""
    with transaction.atomic():
        tasks_finish(
            session_id=session.id, tasks=tasks, verdicts=[verdict] * len(tasks), queue=tasks[0].queue
        )


def state(task: int) -> str:
    """The task's state, "gone" when it left."""
    return OutboxTask.objects.filter(id=task).values_list("state", flat=True).first() or "gone"


def reap(session: Session, count: int) -> None:
    """Frees `count` claims of dead sessions; a closed backend takes a moment to end."""
    freed, end = 0, time.monotonic() + 30
    while freed < count and time.monotonic() < end:
        freed += session.reap(force=True)
    assert freed == count
