"""Effects that a test controls, on the real tables. Their tenants need no schema: they read no fact."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context

from arriwa.outbox import registry, wakeup
from arriwa.outbox.enqueue import task_enqueue
from arriwa.outbox.models import OutboxTask, RateLimit, Timer
from arriwa.outbox.session import Session
from tests.support.outbox import Recorder

A, B = "org_a", "org_b"


@pytest.fixture(scope="session")
def quiet(database: None) -> Iterator[None]:
    """Nobody is woken: tests look by themselves."""

    def listener(topic: str) -> None:
        """Takes the wake-up and does nothing."""

    wakeup.listen_here(listener)
    yield
    wakeup.stop_listening(listener)


@pytest.fixture(autouse=True)
def empty_queues(quiet: None) -> Iterator[None]:
    """Each test starts and ends with empty queues."""
    _empty()
    yield
    _empty()


def _empty() -> None:
    connection.set_schema_to_public()
    for model in (OutboxTask, Timer, RateLimit):
        model.objects.all().delete()


@pytest.fixture
def effect() -> Iterator[Callable[..., Recorder]]:
    """Registers a Recorder for the test: `effect(queue=…, batch=…)`."""
    made: list[str] = []

    def make(**kwargs: Any) -> Recorder:
        recorder = Recorder(kind=f"test.{uuid.uuid4().hex[:12]}", **kwargs)
        registry.register_effect(recorder)
        made.append(recorder.kind)
        return recorder

    yield make
    for kind in made:
        registry._effects.pop(kind)


@pytest.fixture
def rate() -> Iterator[Callable[..., str]]:
    """Registers a rate for the test and returns its prefix."""
    made: list[str] = []

    def make(*, per_second: float, burst: float) -> str:
        prefix = f"test-{uuid.uuid4().hex[:12]}"
        registry.register_rate(prefix, per_second=per_second, burst=burst)
        made.append(prefix)
        return prefix

    yield make
    for prefix in made:
        registry._rates.pop(prefix)


@pytest.fixture
def session() -> Iterator[Callable[[], Session]]:
    """Opens claim sessions and closes them at the end."""
    opened: list[Session] = []

    def make() -> Session:
        opened.append(Session("arriwa test"))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def put() -> Callable[..., list[int]]:
    """Enqueues `count` tasks of a Recorder in one transaction; returns their ids."""

    def enqueue(effect: Recorder, count: int = 1, *, schema: str = A, **kwargs: Any) -> list[int]:
        with schema_context(schema), transaction.atomic():
            return [task_enqueue(kind=effect.kind, subject=uuid.uuid4(), **kwargs) for _ in range(count)]

    return enqueue
