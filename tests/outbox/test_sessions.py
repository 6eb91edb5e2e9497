"""A claim belongs to a session; a dead session's claims are free at once (design 3)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection

from arriwa.outbox.drain import drain
from arriwa.outbox.models import OutboxTask
from arriwa.outbox.registry import Outcome, Verdict
from arriwa.outbox.session import NEW_AT_ONCE, QUEUE_LOCK, direct_connection, queue_key
from tests.support.outbox import Threaded, claim, claimed, finish, reap, state


def test_claims_of_a_dead_session_are_free(effect: Any, put: Any, session: Any) -> None:
    work, dead, alive = effect(), session(), session()
    ids = put(work, 3)
    assert claim(dead) == ids
    assert alive.reap(force=True) == 0, "a living session keeps its claims"
    dead.close()
    reap(alive, 3)
    again = claimed(alive)
    assert [task.id for task in again] == ids
    assert {task.attempts for task in again} == {2}


def test_a_claim_frees_the_dead_by_itself(effect: Any, put: Any, session: Any) -> None:
    work, dead = effect(), session()
    ids = put(work, 2)
    claim(dead)
    dead.close()
    alive, end, found = session(), time.monotonic() + 30, list[int]()
    while not found and time.monotonic() < end:
        found = claim(alive)
    assert found == ids


@pytest.mark.parametrize(
    "verdict", [Verdict(Outcome.DONE), Verdict(Outcome.DEAD), Verdict(Outcome.RETRY), Verdict(Outcome.HOLD)]
)
def test_a_claim_lost_to_another_session_is_not_finished(
    effect: Any, put: Any, session: Any, verdict: Verdict
) -> None:
    work, lost, owner = effect(), session(), session()
    (task,) = put(work)
    before = claimed(lost)
    lost.close()
    reap(owner, 1)
    mine = claimed(owner)
    finish(lost, before, verdict)
    row = OutboxTask.objects.get(id=task)
    assert (row.state, row.claimed_by) == ("claimed", owner.id)
    finish(owner, mine)
    assert state(task) == "gone"


def test_a_lost_claim_does_not_move_its_lane_on(effect: Any, put: Any, session: Any) -> None:
    work, lost, owner = effect(), session(), session()
    _, second = put(work, 2, lane="lane:1")
    before = claimed(lost)
    lost.close()
    reap(owner, 1)
    claim(owner)
    finish(lost, before)
    assert state(second) == "waiting"


def test_a_database_connection_lost_during_a_call_loses_nothing(
    effect: Any, put: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The recording connection dies, the claim session lives: the task goes back and runs again."""
    work = effect()
    (task,) = put(work)
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid

    def cut(attempt: Any) -> None:
        work.answer = lambda attempt: None
        with direct_connection(application_name="arriwa test") as killer:
            killer.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    work.answer = cut
    end = time.monotonic() + 30
    while state(task) != "gone" and time.monotonic() < end:
        drain("interactive", seconds=5)
    assert work.called == [task, task]
    assert "could not be recorded" in caplog.text


def test_a_drain_that_is_broken_off_keeps_no_claims(effect: Any, put: Any, session: Any) -> None:
    """The thread may live on, as a worker's does: its session must not hold what nobody works on."""
    work, other = effect(), session()
    (task,) = put(work)

    def stop(tasks: Any) -> None:
        raise SystemExit

    work.before = stop

    def work_in_a_thread() -> None:
        with pytest.raises(SystemExit):
            drain("interactive", seconds=10)
        reap(other, 1)

    Threaded(work_in_a_thread).result()
    assert state(task) == "ready"


def test_a_look_that_finds_nothing_waits_for_nobody(effect: Any, put: Any, session: Any) -> None:
    """What is not due or behind its head is nothing: no lock is wanted."""
    work, one = effect(), session()
    put(work, delay=60)
    put(work, 2, lane="lane:1")
    claim(one)
    with direct_connection(application_name="arriwa test") as holder, holder.transaction():
        holder.execute("SELECT pg_advisory_xact_lock(%s, %s)", (QUEUE_LOCK, queue_key("interactive")))
        assert Threaded(lambda: claim(one)).result(5) == []


def test_more_new_tasks_than_a_claim_settles_by_itself(effect: Any, put: Any, session: Any) -> None:
    work, one = effect(), session()
    heads = [put(work, 2, lane=f"lane:{number}")[0] for number in range(NEW_AT_ONCE)]
    assert claim(one) == heads[:16]
    states = OutboxTask.objects.values_list("state", flat=True)
    assert sorted(set(states)) == ["claimed", "ready", "waiting"]
    assert list(states).count("waiting") == NEW_AT_ONCE
