"""Batch keys: what one platform call may carry (design 3, "Lanes")."""

from __future__ import annotations

import uuid
from typing import Any

from arriwa.outbox.drain import drain
from arriwa.outbox.models import OutboxTask
from tests.support.outbox import claim, claimed, finish


def test_one_call_carries_what_shares_a_batch_key(effect: Any, put: Any) -> None:
    work = effect(batch=50)
    ids = put(work, 20, batch_key="pixel:1")
    drain("interactive", seconds=10)
    assert work.calls == [ids]


def test_no_call_carries_more_than_the_platform_takes(effect: Any, put: Any) -> None:
    """Also when two batches of one key are claimed in the same round."""
    work = effect(batch=5)
    ids = put(work, 18, batch_key="pixel:1")
    drain("interactive", seconds=10)
    assert sorted(work.called) == ids
    assert max(len(call) for call in work.calls) == 5
    assert len(work.calls) == 4


def test_batch_keys_do_not_mix(effect: Any, put: Any) -> None:
    work = effect(batch=50)
    first, second = put(work, 3, batch_key="pixel:1"), put(work, 3, batch_key="pixel:2")
    drain("interactive", seconds=10)
    assert sorted(work.calls) == [first, second]


def test_an_exclusive_key_never_runs_twice_at_once(effect: Any, put: Any, session: Any) -> None:
    work, one, two = effect(batch=50, exclusive=True), session(), session()
    put(work, 3, batch_key="audience:1")
    tasks = claimed(one)
    assert len(tasks) == 3
    later = put(work, 2, batch_key="audience:1")
    assert claim(two) == []
    finish(one, tasks)
    assert claim(two) == later


def test_an_exclusive_key_is_not_split_in_one_claim(effect: Any, put: Any, session: Any) -> None:
    """Even an effect that takes one task a call runs once at a time."""
    work, one = effect(batch=1, exclusive=True), session()
    first, second = put(work, 2, batch_key="audience:1")
    tasks = claimed(one)
    assert [task.id for task in tasks] == [first]
    finish(one, tasks)
    assert claim(one) == [second]


def test_a_key_that_is_not_exclusive_may_run_twice_at_once(effect: Any, put: Any, session: Any) -> None:
    work, one, two = effect(batch=2), session(), session()
    put(work, 2, batch_key="pixel:1")
    assert len(claim(one)) == 2
    later = put(work, 2, batch_key="pixel:1")
    assert claim(two) == later


def test_a_batch_counts_as_one_call_of_its_connection(effect: Any, put: Any, session: Any) -> None:
    """A full batch does not use up the connection's cap."""
    work, one = effect(queue="agents", batch=50), session()
    account = uuid.uuid4()
    put(work, 30, batch_key="pixel:1", connection=account)
    assert len(claim(one, "agents")) == 30
    single = effect(queue="agents")
    put(single, 3, connection=account)
    assert len(claim(one, "agents")) == 3
    put(single, 1, connection=account)
    assert claim(one, "agents") == []
    assert OutboxTask.objects.filter(state="ready").count() == 1
