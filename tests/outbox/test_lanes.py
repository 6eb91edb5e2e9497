"""Lanes keep order: only the head is claimable (design 3, "Lanes")."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction

from arriwa.outbox.drain import Drain, drain
from arriwa.outbox.enqueue import task_enqueue
from arriwa.outbox.finish import lane_resume, tasks_finish
from arriwa.outbox.models import OutboxTask
from arriwa.outbox.registry import Outcome, Verdict
from arriwa.outbox.session import Session
from tests.outbox.conftest import A
from tests.support.outbox import DONE, Threaded, claim, claimed, finish, state


def test_only_the_head_of_a_lane_is_claimable(effect: Any, put: Any, session: Any) -> None:
    work, one = effect(), session()
    first, second, third = put(work, 3, lane="lane:1")
    tasks = claimed(one)
    assert [task.id for task in tasks] == [first]
    assert claim(one) == []
    finish(one, tasks)
    assert [state(task) for task in (first, second, third)] == ["gone", "ready", "waiting"]
    assert claim(one) == [second]


def test_a_drain_keeps_each_lanes_order(effect: Any, put: Any) -> None:
    work = effect()
    lanes = {lane: put(work, 4, lane=f"lane:{lane}") for lane in "xyz"}
    assert drain("interactive", seconds=10) >= 12
    for ids in lanes.values():
        assert [task for task in work.called if task in ids] == ids


def test_lanes_do_not_wait_for_each_other(effect: Any, put: Any, session: Any) -> None:
    work = effect()
    (x,), (y,) = put(work, lane="lane:x"), put(work, lane="lane:y")
    assert sorted(claim(session())) == [x, y]


def test_a_back_off_holds_the_lane(effect: Any, put: Any, session: Any) -> None:
    work, one = effect(), session()
    first, _ = put(work, 2, lane="lane:1")
    (other,) = put(work, lane="lane:2")
    tasks = claimed(one)
    finish(one, [task for task in tasks if task.id == first], Verdict(Outcome.RETRY, delay=60))
    finish(one, [task for task in tasks if task.id == other])
    assert claim(one) == []
    assert claim(one, ahead=61) == [first]


def test_a_head_that_is_not_due_holds_the_lane(effect: Any, put: Any, session: Any) -> None:
    work, one = effect(), session()
    (late,) = put(work, lane="lane:1", delay=30)
    put(work, lane="lane:1")
    assert claim(one) == []
    assert claim(one, ahead=31) == [late]


def test_a_dead_head_frees_a_conversation_lane(effect: Any, put: Any, session: Any) -> None:
    work, one = effect(), session()
    first, second = put(work, 2, lane="lane:1")
    finish(one, claimed(one), Verdict(Outcome.DEAD))
    assert state(first) == "gone"
    assert claim(one) == [second]


def test_a_dead_head_parks_a_crm_lane_until_it_is_resumed(effect: Any, put: Any, session: Any) -> None:
    work, one = effect(parks=True), session()
    first, second = put(work, 2, lane="lane:1")
    finish(one, claimed(one), Verdict(Outcome.DEAD))
    assert state(first) == "parked"
    assert claim(one, ahead=3600) == []
    with transaction.atomic():
        lane_resume(lane="lane:1")
    tasks = claimed(one)
    assert [task.id for task in tasks] == [first]
    finish(one, tasks)
    assert claim(one) == [second]


def test_a_dead_task_without_a_lane_leaves_even_when_its_kind_parks(
    effect: Any, put: Any, session: Any
) -> None:
    work, one = effect(parks=True), session()
    (task,) = put(work)
    finish(one, claimed(one), Verdict(Outcome.DEAD))
    assert state(task) == "gone"


def test_a_task_written_while_its_head_finishes_is_promoted(effect: Any, put: Any, session: Any) -> None:
    work, one, two = effect(), session(), session()
    put(work, lane="lane:1")
    tasks = claimed(one)
    with transaction.atomic():
        tasks_finish(session_id=one.id, tasks=tasks, verdicts=[DONE], queue="interactive")
        (second,) = Threaded(lambda: put(work, lane="lane:1")).result()
        claiming = Threaded(lambda: claim(two))
        time.sleep(0.1)
        assert claiming.running, "a claim waits until the lane's end is decided"
    assert claiming.result() == [second]


def test_a_task_that_was_seen_waiting_is_promoted(effect: Any, put: Any, session: Any) -> None:
    work, one, two = effect(), session(), session()
    put(work, lane="lane:1")
    tasks = claimed(one)
    (second,) = put(work, lane="lane:1")
    assert claim(two) == []
    assert state(second) == "waiting"
    finish(one, tasks)
    assert claim(two) == [second]


@pytest.mark.parametrize("consumers", [3])
def test_no_lane_gets_stuck_under_racing_writers_and_claims(
    effect: Any, session: Any, consumers: int
) -> None:
    """Two writers and three drains: each task is called once, lanes in order, and all lanes empty."""
    work = effect()
    lanes, rounds, written = 12, 12, threading.Event()
    running: dict[str, int] = {}
    overlaps: list[str] = []
    lock = threading.Lock()

    def call(attempt: Any) -> None:
        lane = attempt.tasks[0].lane
        with lock:
            if running.get(lane):
                overlaps.append(lane)
            running[lane] = 1
        time.sleep(0.001)
        with lock:
            running[lane] = 0

    work.answer = call

    def write(mine: range) -> list[int]:
        import uuid

        connection.set_schema(A)
        ids = []
        for _ in range(rounds):
            for lane in mine:
                with transaction.atomic():
                    ids.append(task_enqueue(kind=work.kind, subject=uuid.uuid4(), lane=f"lane:{lane}"))
        return ids

    def consume() -> None:
        with Session("arriwa test") as mine:
            drainer = Drain("interactive", mine, concurrency=4)
            end = time.monotonic() + 60
            while time.monotonic() < end:
                moved = drainer.step(patience=0.01)
                if not moved and not drainer.busy and written.is_set() and not OutboxTask.objects.exists():
                    break
            drainer.close()

    workers = [Threaded(consume) for _ in range(consumers)]
    writers = [Threaded(lambda r=r: write(r)) for r in (range(lanes // 2), range(lanes // 2, lanes))]
    ids = [task for writer in writers for task in writer.result()]
    written.set()
    for worker in workers:
        worker.result(65)
    assert not OutboxTask.objects.exists()
    assert sorted(work.called) == sorted(ids)
    assert overlaps == []
    by_lane: dict[str, list[int]] = {}
    for attempt in work.attempts:
        by_lane.setdefault(attempt.tasks[0].lane, []).append(attempt.tasks[0].id)
    assert len(by_lane) == lanes
    assert all(order == sorted(order) for order in by_lane.values())
