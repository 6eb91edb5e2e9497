"""Shared rate limits are drawn on in the claim (design 3, "Lanes")."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from arriwa.outbox.enqueue import real_now
from arriwa.outbox.finish import tasks_finish
from arriwa.outbox.models import RateLimit
from arriwa.outbox.registry import Outcome, Verdict
from arriwa.outbox.session import QUEUE_LOCK, direct_connection, queue_key
from integrations.base.effects import after_transient
from integrations.base.errors import Throttled, WaitScope
from tests.support.outbox import Threaded, claim, claimed, finish


def test_tokens_are_shared_by_sessions(effect: Any, put: Any, session: Any, rate: Any) -> None:
    work, one, two = effect(), session(), session()
    key = f"{rate(per_second=1, burst=3)}:account"
    ids = put(work, 7, rate_keys=[key])
    start = real_now()
    assert [t.id for t in one.claim("interactive", now=start, limit=2)] == ids[:2]
    assert [t.id for t in two.claim("interactive", now=start, limit=16)] == ids[2:3]
    assert two.claim("interactive", now=start, limit=16) == []
    later = start + timedelta(seconds=1.01)
    assert [t.id for t in one.claim("interactive", now=later, limit=16)] == ids[3:4]
    assert two.claim("interactive", now=later, limit=16) == []


def test_a_bucket_holds_no_more_than_its_burst(effect: Any, put: Any, session: Any, rate: Any) -> None:
    work, one = effect(), session()
    key = f"{rate(per_second=100, burst=2)}:account"
    put(work, 6, rate_keys=[key])
    assert len(claim(one)) == 2
    assert len(claim(one, ahead=3600)) == 2


def test_a_pair_key_delays_only_its_own_lane(effect: Any, put: Any, session: Any, rate: Any) -> None:
    work, one = effect(), session()
    pair = rate(per_second=1 / 6, burst=1)
    app = rate(per_second=100, burst=100)
    chatty = put(work, 2, lane="lane:1", rate_keys=[f"{app}:1", f"{pair}:1"])
    (other,) = put(work, lane="lane:2", rate_keys=[f"{app}:1", f"{pair}:2"])
    tasks = claimed(one)
    assert sorted(task.id for task in tasks) == [chatty[0], other]
    finish(one, tasks)
    (next_other,) = put(work, lane="lane:3", rate_keys=[f"{app}:1", f"{pair}:3"])
    assert claim(one) == [next_other]
    assert claim(one, ahead=7) == [chatty[1]]


def test_a_task_that_finds_one_key_empty_draws_on_none(
    effect: Any, put: Any, session: Any, rate: Any
) -> None:
    work, one = effect(), session()
    scarce, plenty = f"{rate(per_second=0.001, burst=1)}:x", f"{rate(per_second=0.001, burst=2)}:x"
    first, second = put(work, 2, rate_keys=[scarce, plenty])
    (third,) = put(work, rate_keys=[plenty])
    assert sorted(claim(one)) == [first, third]
    assert RateLimit.objects.get(key=plenty).tokens == pytest.approx(0, abs=0.01)
    assert second not in claim(one)


def test_a_throttled_key_is_closed_for_every_session(effect: Any, put: Any, session: Any, rate: Any) -> None:
    work, one, two = effect(), session(), session()
    prefix = rate(per_second=100, burst=100)
    mine, ours, others = put(work, 3, rate_keys=[f"{prefix}:full"])
    verdict = Verdict(Outcome.RETRY, delay=30, block_keys=(f"{prefix}:full",))
    tasks = one.claim("interactive", now=real_now(), limit=1)
    finish(one, tasks, verdict)
    (free,) = put(work, rate_keys=[f"{prefix}:free"])
    assert claim(two) == [free]
    assert claim(two, ahead=20) == []
    assert sorted(claim(two, ahead=31)) == [mine, ours, others]


def test_a_closed_key_stays_closed_as_long_as_the_longest_demand(
    effect: Any, put: Any, session: Any, rate: Any
) -> None:
    work, one = effect(), session()
    key = f"{rate(per_second=100, burst=100)}:full"
    put(work, 2, rate_keys=[key])
    long, short = claimed(one)
    finish(one, [long], Verdict(Outcome.RETRY, delay=60, block_keys=(key,)))
    finish(one, [short], Verdict(Outcome.RETRY, delay=5, block_keys=(key,)))
    assert claim(one, ahead=30) == []
    assert len(claim(one, ahead=61)) == 2


@pytest.mark.parametrize(
    ("scope", "waits"),
    [
        (WaitScope.TASK, set()),
        (WaitScope.RATE_KEY, {"same key"}),
        (WaitScope.CONNECTION, {"same key", "same connection"}),
    ],
)
def test_the_scope_of_a_throttle_decides_who_waits(
    effect: Any, put: Any, session: Any, scope: WaitScope, waits: set[str]
) -> None:
    work, one, connection = effect(), session(), uuid4()
    key = f"test-nobody:{connection}"
    put(work, rate_keys=[key], connection=connection)
    (task,) = claimed(one)
    finish(one, [task], after_transient(Throttled(retry_after=12, scope=scope), task))
    (same_key,) = put(work, rate_keys=[key], connection=connection)
    (same_connection,) = put(work, connection=connection)
    (other,) = put(work, connection=uuid4())
    named = {same_key: "same key", same_connection: "same connection", other: "other connection"}
    free = {named[found] for found in claim(one)}
    assert free == set(named.values()) - waits


def test_closing_keys_and_claiming_lock_in_the_same_order(
    effect: Any, put: Any, session: Any, rate: Any
) -> None:
    """A claim holds the queue's lock and wants the key's row: a throttled task of a lane must not hold
    the row and want the lock."""
    work, one = effect(), session()
    key = f"{rate(per_second=100, burst=100)}:full"
    put(work, 2, lane="lane:1", rate_keys=[key])
    tasks = claimed(one)
    with direct_connection(application_name="arriwa test") as claimer, claimer.transaction():
        claimer.execute("SELECT pg_advisory_xact_lock(%s, %s)", (QUEUE_LOCK, queue_key("interactive")))

        def throttle() -> None:
            with transaction.atomic():
                verdict = Verdict(Outcome.RETRY, delay=30, block_keys=(key,))
                tasks_finish(session_id=one.id, tasks=tasks, verdicts=[verdict], queue="interactive")

        finishing = Threaded(throttle)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while claimer.execute(waiting).fetchone() == (0,):
            assert finishing.running
        claimer.execute("SELECT 1 FROM public.outbox_ratelimit WHERE key = %s FOR UPDATE", (key,))
    finishing.result()


def test_a_rate_key_without_a_rate_limits_nothing(effect: Any, put: Any, session: Any) -> None:
    ids = put(effect(), 8, rate_keys=[f"nobody-{uuid.uuid4().hex}:1"])
    assert claim(session()) == ids
