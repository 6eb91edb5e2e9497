"""Wake-ups: throttled per process with a trailing edge, sent after commit (design, decision 4)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from arriwa.outbox import wakeup
from arriwa.outbox.session import direct_connection
from tests.support.outbox import Threaded


class Sent:
    """What a Throttle sent, and when."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.changed = threading.Condition()

    def __call__(self, topic: str) -> None:
        with self.changed:
            self.topics.append(topic)
            self.changed.notify_all()

    def wait_for(self, count: int, seconds: float = 30.0) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.topics) >= count, seconds), self.topics


def test_the_first_wake_up_goes_at_once() -> None:
    sent = Sent()
    throttle = wakeup.Throttle(sent, interval=60)
    throttle.poke("interactive")
    throttle.poke("events")
    assert sent.topics == ["interactive", "events"]


def test_a_burst_ends_in_one_more_wake_up() -> None:
    """The trailing edge: whoever woke at the first may have looked before the last was committed."""
    for _ in range(20):
        sent, began = Sent(), time.monotonic()
        throttle = wakeup.Throttle(sent, interval=0.2)
        for _ in range(50):
            throttle.poke("interactive")
        at_once = list(sent.topics)
        if time.monotonic() - began < 0.2:
            break
    else:
        pytest.fail("this machine takes too long for 50 pokes: no burst came about")
    assert at_once == ["interactive"]
    sent.wait_for(2)
    time.sleep(0.3)
    assert sent.topics == ["interactive"] * 2


def test_each_topic_has_its_own_trailing_edge() -> None:
    sent = Sent()
    throttle = wakeup.Throttle(sent, interval=0.05)
    for _ in range(3):
        throttle.poke("events")
        throttle.poke("bulk")
    sent.wait_for(4)
    assert sorted(sent.topics) == ["bulk", "bulk", "events", "events"]


def test_the_last_poke_is_always_followed_by_a_wake_up() -> None:
    sent = Sent()
    throttle = wakeup.Throttle(sent, interval=0.05)
    last = 0.0
    moments: list[float] = []
    original = sent.__call__

    def note(topic: str) -> None:
        original(topic)
        moments.append(time.monotonic())

    throttle._send = note
    for _ in range(40):
        last = time.monotonic()
        throttle.poke("events")
        time.sleep(0.003)
    end = time.monotonic() + 30
    while not (moments and moments[-1] >= last) and time.monotonic() < end:
        time.sleep(0.005)
    assert moments[-1] >= last
    assert len(moments) < 40


@pytest.fixture
def alone(quiet: None) -> Iterator[None]:
    """Nobody in this process listens, so that wake-ups go through the database."""
    listeners = wakeup._local[:]
    wakeup._local.clear()
    yield
    wakeup._local[:] = listeners


def test_a_committed_task_wakes_other_processes(alone: None, effect: Any, put: Any) -> None:
    work = effect(queue="bulk")
    with direct_connection(application_name="arriwa test") as listener:
        for topic in ("bulk", "interactive"):
            listener.execute(f"LISTEN {wakeup.channel(topic)}")

        def write() -> None:
            put(work)
            wakeup._notifier.close()

        Threaded(write).result()
        notes = list(listener.notifies(timeout=30, stop_after=1))
    assert [note.channel for note in notes] == [wakeup.channel("bulk")]


def test_nobody_is_woken_before_the_commit(effect: Any, put: Any) -> None:
    topics: list[str] = []
    wakeup.listen_here(topics.append)
    try:
        with transaction.atomic():
            put(effect(queue="events"))
            assert topics == []
        assert topics == ["events"]
    finally:
        wakeup.stop_listening(topics.append)
