"""`drain`: the four steps of an effect, and what follows when one of them fails (design 3)."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from arriwa.common.errors import ArriwaError, Disposition
from arriwa.outbox.drain import CallCrashed, drain
from arriwa.outbox.enqueue import task_enqueue
from arriwa.outbox.finish import LONGEST_PAUSE, backoff, connection_resume
from arriwa.outbox.models import OutboxTask
from arriwa.outbox.registry import Attempt, Outcome, Verdict
from tests.outbox.conftest import A, B
from tests.support.outbox import DONE, Threaded, claim, claimed, finish, state


def test_no_transaction_is_open_during_a_call(effect: Any, put: Any) -> None:
    """The claim is committed, and nothing of ours is locked or begun."""
    work, seen = effect(), list[Any]()

    def look(attempt: Attempt) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            (called,) = cursor.fetchone() or (None,)
            # The drain looks for more meanwhile, in short claims of their own; what was begun before
            # the call and does not end would be the call's.
            begun, end = (1,), time.monotonic() + 10
            while begun != (0,) and time.monotonic() < end:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND xact_start < %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
                    (called,),
                )
                begun = cursor.fetchone() or (1,)
        seen.append((begun, state(attempt.tasks[0].id)))
        connection.close()

    work.answer = look
    put(work)
    drain("interactive", seconds=30)
    assert seen == [((0,), "claimed")]


def test_the_effect_runs_in_its_own_tenant(effect: Any, put: Any) -> None:
    work, seen = effect(), list[str]()
    work.before = lambda tasks: seen.append(connection.schema_name)
    work.verdict = lambda attempt: seen.append(connection.schema_name) or DONE
    put(work, schema=B)
    drain("interactive", seconds=10)
    assert seen == [B, B]
    assert connection.schema_name == "public"


def test_a_retry_comes_back_after_its_pause_with_the_attempts_counted(effect: Any, put: Any) -> None:
    work = effect()
    moments = list[float]()

    def verdict(attempt: Attempt) -> Verdict:
        moments.append(time.monotonic())
        return Verdict(Outcome.RETRY, delay=0.2) if attempt.tasks[0].attempts < 3 else DONE

    work.verdict = verdict
    (task,) = put(work)
    end = time.monotonic() + 30
    while state(task) != "gone" and time.monotonic() < end:
        drain("interactive", seconds=1)
        time.sleep(0.02)
    assert [attempt.tasks[0].attempts for attempt in work.attempts] == [1, 2, 3]
    assert all(late - early >= 0.2 for early, late in pairwise(moments))


@pytest.mark.parametrize("attempt", range(1, 60, 3))
def test_pauses_grow_to_five_minutes_with_jitter(attempt: int) -> None:
    middle = min(LONGEST_PAUSE, 0.5 * 2 ** (attempt - 1))
    assert all(middle * 0.8 <= backoff(attempt) <= middle * 1.2 for _ in range(20))


def test_a_held_task_waits_for_its_connection(effect: Any, put: Any, session: Any) -> None:
    import uuid

    work, one, paused, other = effect(), session(), uuid.uuid4(), uuid.uuid4()
    first, second = put(work, 2, connection=paused, lane="lane:1")
    (bystander,) = put(work, connection=other)
    tasks = claimed(one)
    finish(one, tasks, Verdict(Outcome.HOLD))
    assert [state(task) for task in (first, second, bystander)] == ["held", "waiting", "held"]
    assert claim(one, ahead=86400) == []
    assert connection_resume(connection=paused) == 1
    tasks = claimed(one)
    assert [task.id for task in tasks] == [first]
    finish(one, tasks)
    assert claim(one) == [second]
    assert state(bystander) == "held"


def test_a_crash_while_preparing_puts_back_only_its_own_kind(
    effect: Any, put: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = effect(), effect()

    def crash(tasks: Any) -> None:
        raise ZeroDivisionError("a fault of ours")

    bad.before = crash
    (failing,), (fine,) = put(bad), put(good)
    drain("interactive", seconds=0.3)
    row = OutboxTask.objects.get(id=failing)
    assert (row.state, row.claimed_by, bad.calls) == ("ready", None, [])
    assert row.attempts >= 1
    assert good.called == [fine]
    assert "could not be prepared" in caplog.text
    bad.before = lambda tasks: None
    OutboxTask.objects.update(available_at=row.created_at)
    drain("interactive", seconds=10)
    assert bad.called == [failing]


def test_an_answer_that_cannot_be_recorded_does_not_spoil_the_others(
    effect: Any, put: Any, caplog: pytest.LogCaptureFixture
) -> None:
    work = effect()
    failing, *fine = put(work, 5)

    def verdict(attempt: Attempt) -> Verdict:
        if attempt.tasks[0].id == failing:
            raise ZeroDivisionError("a fault of ours")
        return DONE

    work.verdict = verdict
    drain("interactive", seconds=0.3)
    assert state(failing) == "ready"
    assert all(state(task) == "gone" for task in fine)
    assert sorted(set(work.called)) == [failing, *fine]
    assert "could not be recorded" in caplog.text


def test_a_crash_during_the_call_reaches_the_record_as_in_doubt(
    effect: Any, put: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows whether the request went out, so the effect must resolve it."""
    work = effect()

    def crash(attempt: Attempt) -> None:
        raise ZeroDivisionError("a fault of ours")

    work.answer = crash
    put(work)
    drain("interactive", seconds=10)
    error = work.attempts[0].error
    assert isinstance(error, CallCrashed)
    assert error.disposition is Disposition.RESOLVE
    assert "crashed" in caplog.text


def test_an_error_of_the_platform_reaches_the_record(effect: Any, put: Any) -> None:
    work = effect()

    class Refused(ArriwaError):
        """The platform refused."""

    def refuse(attempt: Attempt) -> None:
        raise Refused()

    work.answer = refuse
    put(work)
    drain("interactive", seconds=10)
    assert isinstance(work.attempts[0].error, Refused)


def test_a_verdict_given_before_the_call_spares_the_call(effect: Any, put: Any) -> None:
    work = effect()
    work.prepare = lambda tasks: [Attempt([task], verdict=DONE) for task in tasks]
    (task,) = put(work)
    drain("interactive", seconds=10)
    assert (work.calls, state(task)) == ([], "gone")


def test_a_slow_call_holds_up_nothing_else(effect: Any, put: Any) -> None:
    """Thirty quick ones, more than can be called at once, are recorded while the slow one goes on."""
    work, done, others = effect(), list[int](), threading.Event()
    (slow,) = put(work)

    def answer(attempt: Attempt) -> None:
        if attempt.tasks[0].id == slow:
            assert others.wait(30), "the slow call holds up others"

    def verdict(attempt: Attempt) -> Verdict:
        done.append(attempt.tasks[0].id)
        if len(done) == len(quick):
            others.set()
        return DONE

    work.answer, work.verdict = answer, verdict
    quick = put(work, 30)
    drain("interactive", seconds=60)
    assert sorted(done[:-1]) == quick
    assert done[-1] == slow
    assert work.attempts[-1].error is None


def test_a_kind_that_this_release_does_not_know_stops_nobody(
    effect: Any, put: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A newer release wrote it: it stays, at the head of its lane, and the others run."""
    known = effect()
    (foreign, behind), (fine,) = put(known, 2, lane="lane:1"), put(known)
    OutboxTask.objects.filter(id=foreign).update(kind="test.of_a_newer_release")
    drain("interactive", seconds=10)
    assert known.called == [fine]
    assert [state(foreign), state(behind)] == ["ready", "waiting"]
    assert "test.of_a_newer_release" in caplog.text


def test_queues_are_drained_apart(effect: Any, put: Any) -> None:
    here, there = effect(queue="events"), effect(queue="bulk")
    put(here), put(there)
    drain("events", seconds=10)
    assert (len(here.calls), there.calls) == (1, [])


def test_a_second_caller_leaves_the_work_to_the_first(effect: Any, put: Any) -> None:
    work, begun, go = effect(), threading.Event(), threading.Event()

    def answer(attempt: Attempt) -> None:
        begun.set()
        assert go.wait(30)

    work.answer = answer
    (first,) = put(work)
    draining = Threaded(lambda: drain("interactive", seconds=10))
    assert begun.wait(30)
    work.answer = lambda attempt: None
    (second,) = put(work)
    assert drain("interactive", seconds=10) == 0
    assert draining.running, "the first is still in its call"
    go.set()
    draining.result()
    assert work.attempts[0].error is None
    assert work.called == [first, second]


def test_no_work_is_left_when_the_last_caller_returns(effect: Any) -> None:
    """Two threads write and drain at once: a call that is turned away makes the other look again."""
    import uuid

    from django.db import transaction

    work = effect()

    def write_and_drain() -> None:
        connection.set_schema(A)
        for _ in range(40):
            with transaction.atomic():
                task_enqueue(kind=work.kind, subject=uuid.uuid4())
            drain("interactive", seconds=10)

    for thread in [Threaded(write_and_drain) for _ in range(2)]:
        thread.result()
    assert not OutboxTask.objects.exists()
    assert len(work.called) == 80
