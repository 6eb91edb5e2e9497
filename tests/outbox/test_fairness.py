"""No organization and no connection starves another (design 3, "Lanes")."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from arriwa.outbox.models import OutboxTask
from tests.outbox.conftest import A, B
from tests.support.outbox import claim, claimed, finish


def organizations(tasks: list[Any]) -> Counter[str]:
    return Counter(task.schema_name for task in tasks)


def test_a_small_organization_comes_in_the_first_round(effect: Any, put: Any, session: Any) -> None:
    work = effect()
    put(work, 500, schema=A, connection=uuid.uuid4())
    put(work, 5, schema=B, connection=uuid.uuid4())
    tasks = claimed(session(), limit=16)
    assert organizations(tasks) == {A: 11, B: 5}


def test_many_connections_win_no_larger_share(effect: Any, put: Any, session: Any) -> None:
    work = effect()
    for _ in range(12):
        put(work, 5, schema=A, connection=uuid.uuid4())
    put(work, 8, schema=B, connection=uuid.uuid4())
    assert organizations(claimed(session(), limit=16)) == {A: 8, B: 8}


def test_a_latecomer_gets_the_slots_that_free_up(effect: Any, put: Any, session: Any) -> None:
    """All slots are busy with A, and they free up one by one."""
    work, one = effect(), session()
    for _ in range(4):
        put(work, 20, schema=A, connection=uuid.uuid4())
    busy = claimed(one, limit=16)
    put(work, 5, schema=B, connection=uuid.uuid4())
    got = []
    for task in busy[:5]:
        finish(one, [task])
        got += claimed(one, limit=1)
    assert organizations(got) == {B: 5}


def test_the_oldest_goes_first_among_equals(effect: Any, put: Any, session: Any) -> None:
    """One slot and three organizations with work: names give no precedence."""
    work, one = effect(), session()
    served = []
    for name in ("org_c", "org_b", "org_a"):
        put(work, 2, schema=name, connection=uuid.uuid4())
    for _ in range(6):
        (task,) = claimed(one, limit=1)
        served.append(task.schema_name)
        finish(one, [task])
    assert served == ["org_c", "org_c", "org_b", "org_b", "org_a", "org_a"]


def test_a_connection_has_no_more_calls_under_way_than_its_cap(effect: Any, put: Any, session: Any) -> None:
    work, one, two = effect(queue="agents"), session(), session()
    slow, quick = uuid.uuid4(), uuid.uuid4()
    put(work, 10, connection=slow)
    put(work, 3, connection=quick)
    tasks = claimed(one, "agents")
    assert Counter(task.connection for task in tasks) == {slow: 4, quick: 3}
    assert claim(two, "agents") == [], "the cap holds for all sessions together"
    finish(one, [next(task for task in tasks if task.connection == slow)])
    assert len(claim(two, "agents")) == 1


def test_blocked_rows_are_not_in_the_way(effect: Any, put: Any, session: Any) -> None:
    work = effect()
    account = uuid.uuid4()
    put(work, 300, connection=account, lane="lane:1")
    put(work, 200, connection=account, delay=600)
    (free,) = put(work, connection=account)
    head = OutboxTask.objects.filter(lane="lane:1").order_by("id").values_list("id", flat=True)[0]
    assert sorted(claim(session())) == [head, free]
