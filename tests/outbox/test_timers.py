"""Timers: moments of domain time that become signals (design 3)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context

from arriwa.common import clock
from arriwa.outbox import registry
from arriwa.outbox.enqueue import timer_cancel, timer_set
from arriwa.outbox.models import Timer
from arriwa.outbox.timers import drain_timers
from tests.outbox.conftest import A, B
from tests.support.outbox import Threaded


@pytest.fixture
def bell() -> Iterator[Any]:
    """A kind of timer whose rings are written down."""

    class Bell:
        kind = f"test.{uuid.uuid4().hex[:12]}"
        rings: list[tuple[str, UUID, int]]
        then: Callable[[UUID, int], None]

        def __init__(self) -> None:
            self.rings = []
            self.then = lambda subject, turn: None

        def __call__(self, subject: UUID, turn: int) -> None:
            self.rings.append((connection.schema_name, subject, turn))
            self.then(subject, turn)

    made = Bell()
    registry.register_timer(made.kind, made)
    yield made
    registry._timers.pop(made.kind)
    clock.set_offset(timedelta(0))


def set_timer(bell: Any, subject: UUID, *, turn: int = 1, seconds: float = 0, schema: str = A) -> None:
    with schema_context(schema), transaction.atomic():
        timer_set(
            kind=bell.kind,
            subject=subject,
            turn=turn,
            due_at=clock.now() + timedelta(seconds=seconds),
        )


def test_a_due_timer_rings_once_in_its_tenant(bell: Any) -> None:
    subject = uuid.uuid4()
    set_timer(bell, subject, turn=7, schema=B)
    assert drain_timers() == 1
    assert drain_timers() == 0
    assert bell.rings == [(B, subject, 7)]


def test_a_timer_waits_for_domain_time(bell: Any) -> None:
    set_timer(bell, uuid.uuid4(), seconds=3600)
    assert drain_timers() == 0
    clock.set_offset(timedelta(hours=1, seconds=1))
    assert drain_timers() == 1


def test_setting_a_timer_again_replaces_it(bell: Any) -> None:
    subject = uuid.uuid4()
    set_timer(bell, subject, turn=1, seconds=0)
    set_timer(bell, subject, turn=2, seconds=60)
    assert drain_timers() == 0
    clock.set_offset(timedelta(seconds=61))
    drain_timers()
    assert [turn for _, _, turn in bell.rings] == [2]


def test_the_same_subject_of_two_tenants_has_two_timers(bell: Any) -> None:
    subject = uuid.uuid4()
    set_timer(bell, subject, schema=A)
    set_timer(bell, subject, schema=B)
    assert drain_timers() == 2
    assert {schema for schema, _, _ in bell.rings} == {A, B}


def test_a_cancelled_timer_does_not_ring(bell: Any) -> None:
    subject = uuid.uuid4()
    set_timer(bell, subject)
    set_timer(bell, subject, schema=B)
    with schema_context(A):
        timer_cancel(kind=bell.kind, subject=subject)
        timer_cancel(kind=bell.kind, subject=uuid.uuid4())
    drain_timers()
    assert [schema for schema, _, _ in bell.rings] == [B]


def test_a_timer_that_is_rolled_back_was_never_set(bell: Any) -> None:
    with pytest.raises(ZeroDivisionError), schema_context(A), transaction.atomic():
        timer_set(kind=bell.kind, subject=uuid.uuid4(), turn=1, due_at=clock.now())
        raise ZeroDivisionError
    assert drain_timers() == 0


def test_a_failing_handler_leaves_nothing_behind_and_rings_again(
    bell: Any, caplog: pytest.LogCaptureFixture
) -> None:
    subject, other = uuid.uuid4(), uuid.uuid4()

    def fail(of: UUID, turn: int) -> None:
        timer_set(kind=bell.kind, subject=other, turn=1, due_at=clock.now() + timedelta(hours=1))
        raise ZeroDivisionError("a fault of ours")

    bell.then = fail
    set_timer(bell, subject, turn=3)
    drain_timers()
    timer = Timer.objects.get()
    assert (timer.subject, timer.turn, timer.schema_name) == (subject, 3, A)
    assert timer.due_at > clock.now()
    assert "it rings again" in caplog.text
    bell.then = lambda of, turn: None
    clock.set_offset(timedelta(seconds=10))
    drain_timers()
    assert bell.rings == [(A, subject, 3)] * 2
    assert not Timer.objects.exists()


def test_a_failing_timer_does_not_hold_up_the_others(bell: Any) -> None:
    bad = uuid.uuid4()

    def fail(of: UUID, turn: int) -> None:
        if of == bad:
            raise ZeroDivisionError("a fault of ours")

    bell.then = fail
    set_timer(bell, bad, seconds=-5)
    for _ in range(3):
        set_timer(bell, uuid.uuid4())
    drain_timers()
    assert len(bell.rings) == 4
    assert Timer.objects.count() == 1


def test_a_timer_of_a_kind_that_nobody_knows_stays(bell: Any) -> None:
    set_timer(bell, uuid.uuid4())
    Timer.objects.update(kind="test.of_a_newer_release")
    drain_timers()
    assert Timer.objects.filter(kind="test.of_a_newer_release", due_at__gt=clock.now()).exists()


def test_a_handler_may_set_its_timer_anew(bell: Any) -> None:
    bell.then = lambda subject, turn: timer_set(
        kind=bell.kind, subject=subject, turn=turn + 1, due_at=clock.now() + timedelta(seconds=60)
    )
    set_timer(bell, uuid.uuid4(), turn=1)
    assert drain_timers() == 1
    assert Timer.objects.get().turn == 2


def test_two_processes_ring_each_timer_once(bell: Any) -> None:
    subjects = [uuid.uuid4() for _ in range(30)]
    for subject in subjects:
        set_timer(bell, subject)
    threads = [Threaded(drain_timers) for _ in range(3)]
    assert sum(thread.result() for thread in threads) == 30
    assert sorted(subject for _, subject, _ in bell.rings) == sorted(subjects)
