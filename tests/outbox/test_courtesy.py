"""Events and bulk stand back while people are answered, and never for long (design, decision 4)."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from arriwa.outbox import courtesy
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import OutboxTask
from tests.support.outbox import Threaded


def steps(queue: str) -> list[int]:
    """How many calls a step of the queue may begin now; 0 for as many as it likes."""
    asked: list[int] = []
    courtesy.step_politely(queue, lambda few: asked.append(few) or 0)
    return asked


@pytest.fixture
def answering(effect: Any, put: Any) -> Any:
    """A message to a person is under way."""
    (task,) = put(effect(queue="interactive"))
    OutboxTask.objects.filter(id=task).update(state="claimed")
    return task


@pytest.mark.parametrize("queue", ["events", "bulk", "agents", "interactive"])
def test_nobody_stands_back_while_nobody_is_answered(database: None, queue: str) -> None:
    assert steps(queue) == [0]


@pytest.mark.parametrize(("queue", "few"), [("events", courtesy.FEW), ("bulk", courtesy.FEW), ("agents", 0)])
def test_patient_queues_take_small_steps_while_people_are_answered(
    answering: int, queue: str, few: int
) -> None:
    assert steps(queue) == [few]


def test_a_message_that_hangs_at_its_platform_holds_nobody_back(answering: int) -> None:
    OutboxTask.objects.filter(id=answering).update(created_at=real_now() - timedelta(seconds=3))
    assert steps("events") == [0]


def test_a_step_that_is_held_up_does_not_stop_the_other_queue(answering: int) -> None:
    held, free = threading.Event(), threading.Event()

    def wait(few: int) -> int:
        held.set()
        free.wait(30)
        return 1

    stuck = Threaded(lambda: courtesy.step_politely("events", wait))
    try:
        assert held.wait(30)
        begin = time.monotonic()
        assert steps("bulk") == [courtesy.FEW]
        assert stuck.running
        assert time.monotonic() - begin < 10
    finally:
        free.set()
    assert stuck.result() == 1
