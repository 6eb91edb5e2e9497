"""Hooks stored in groups (ADR 0019): each gets its own answer, none is lost or doubled."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from arriwa.common import sealing
from arriwa.outbox.session import connection_parameters, direct_connection
from integrations.receipts.models import Receipt
from integrations.receipts.receiver import Receiver
from integrations.receipts.store import GROUP, StoreBusy
from tests.support.proxy import Proxy
from tests.support.receiver import nothing_else
from tests.support.routes import Answer, call, knock, route_of

BODY = b'{"anything": true}'


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


@pytest.fixture
def held_up(demo: Any) -> Iterator[Callable[[], Any]]:
    """`with held_up():` no receipt is stored meanwhile: hooks wait for the table."""

    @contextmanager
    def hold() -> Iterator[None]:
        with direct_connection(application_name="arriwa test") as blocker, blocker.transaction():
            blocker.execute("LOCK TABLE public.receipts_receipt IN SHARE MODE")
            yield

    yield hold


def wait(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def queued(receiver: Receiver) -> int:
    """Hooks that wait for the next statement."""
    return len(receiver._store_of()._queue)


def under_way(receiver: Receiver) -> bool:
    store = receiver._store_of()
    return store._led and not store._queue


def receipts() -> list[Receipt]:
    connection.set_schema_to_public()
    return list(Receipt.objects.order_by("id"))


def opened(receipt: Receipt, provisioned: Any) -> bytes:
    organization = provisioned.organization.id
    return sealing.unseal(receipt.body_sealed, organization=organization, row=receipt.seal_row)


def transactions() -> list[int]:
    """How many receipts each transaction stored, in the order of ids."""
    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM public.receipts_receipt GROUP BY xmin ORDER BY min(id)",
        )
        return [row[0] for row in cursor.fetchall()]


def statuses(answers: list[Future[Answer]]) -> list[int]:
    return [answer.result(30).status for answer in answers]


def test_hooks_of_several_routes_go_together_and_each_gets_its_own_answer(
    demo: Any, organizations: Any, receiver: Receiver, threads: ThreadPoolExecutor, held_up: Any
) -> None:
    ours, stripe = route_of(demo, "gupshup"), route_of(demo, "stripe")
    theirs = route_of(organizations.other, "gupshup")
    with held_up():
        first = threads.submit(knock, receiver, ours, b'{"first": 1}')
        wait(lambda: under_way(receiver), "nobody leads")
        good = []
        for number, (route, body) in enumerate(
            [(ours, b'{"a": 1}'), (stripe, b'{"b": 1}'), (theirs, b'{"c": 1}'), (ours, b'{"d": 1}')]
        ):
            good.append(threads.submit(knock, receiver, route, body))
            wait(lambda: queued(receiver) == number + 1, "a hook does not wait")  # noqa: B023
        # Whoever is refused does not wait for those who are stored.
        assert knock(receiver, ours, BODY, headers={}).status == 401
        assert knock(receiver, ours, b" " * (settings.HOOK_BODY_LIMIT + 1)).status == 413
        assert call(receiver, "/hooks/gupshup/nobody/", BODY).status == 404
        assert not first.done()
    assert statuses([first, *good]) == [200] * 5
    assert transactions() == [1, 4]
    rows = receipts()
    assert [row.connection_uuid for row in rows] == [
        route.connection_uuid for route in (ours, ours, stripe, theirs, ours)
    ]
    whose = [demo, demo, demo, organizations.other, demo]
    assert [opened(row, one) for row, one in zip(rows, whose, strict=True)] == [
        b'{"first": 1}',
        b'{"a": 1}',
        b'{"b": 1}',
        b'{"c": 1}',
        b'{"d": 1}',
    ]
    assert len({row.uid for row in rows}) == 5


def test_more_hooks_than_a_statement_takes_go_in_several(
    demo: Any, receiver: Receiver, threads: ThreadPoolExecutor, held_up: Any
) -> None:
    route = route_of(demo, "gupshup")
    with held_up():
        answers = [threads.submit(knock, receiver, route, BODY)]
        wait(lambda: under_way(receiver), "nobody leads")
        answers += [threads.submit(knock, receiver, route, BODY) for _ in range(GROUP + 3)]
        wait(lambda: queued(receiver) == GROUP + 3, "not all wait")
    assert statuses(answers) == [200] * (GROUP + 4)
    assert transactions() == [1, GROUP, 3]


@pytest.fixture
def refused(demo: Any, new_route: Callable[..., Any]) -> Iterator[Any]:
    """A route whose receipts the table refuses."""
    route = new_route("gupshup", "current")
    with direct_connection(application_name="arriwa test") as sql:
        sql.execute(
            "ALTER TABLE public.receipts_receipt ADD CONSTRAINT test_refused"
            f" CHECK (connection_uuid <> '{route.connection_uuid}')"
        )
        yield route
        sql.execute("ALTER TABLE public.receipts_receipt DROP CONSTRAINT test_refused")


def test_one_that_cannot_be_stored_does_not_keep_the_others_out(
    demo: Any, receiver: Receiver, threads: ThreadPoolExecutor, held_up: Any, refused: Any
) -> None:
    ours = route_of(demo, "gupshup")
    bodies = [b'{"n": %d}' % number for number in range(4)]
    with held_up():
        answers = [threads.submit(knock, receiver, ours, BODY)]
        wait(lambda: under_way(receiver), "nobody leads")
        answers += [threads.submit(knock, receiver, ours, body) for body in bodies[:2]]
        answers.append(threads.submit(knock, receiver, refused, BODY))
        answers += [threads.submit(knock, receiver, ours, body) for body in bodies[2:]]
        wait(lambda: queued(receiver) == 5, "not all wait")
    assert statuses(answers) == [200, 200, 200, 503, 200, 200]
    assert Counter(opened(row, demo) for row in receipts()) == Counter([BODY, *bodies])
    assert knock(receiver, refused, BODY).status == 503
    assert knock(receiver, ours, BODY).status == 200


def test_receipts_have_the_order_in_which_hooks_came(
    demo: Any, receiver: Receiver, threads: ThreadPoolExecutor, held_up: Any
) -> None:
    """One after the other through two processes' receivers, and those that wait together."""
    route, second = route_of(demo, "gupshup"), Receiver(nothing_else)
    bodies = [b'{"n": %d}' % number for number in range(24)]
    try:
        for body, through in zip(bodies[:12], itertools.cycle([receiver, second]), strict=False):
            assert knock(through, route, body).status == 200
        with held_up():
            answers = [threads.submit(knock, receiver, route, bodies[12])]
            wait(lambda: under_way(receiver), "nobody leads")
            for number, body in enumerate(bodies[13:], 1):
                answers.append(threads.submit(knock, receiver, route, body))
                wait(lambda: queued(receiver) == number, "a hook does not wait")  # noqa: B023
        assert set(statuses(answers)) == {200}
    finally:
        second.close()
    assert [opened(row, demo) for row in receipts()] == bodies


def test_a_stop_waits_for_the_hooks_that_wait(
    demo: Any, receiver: Receiver, threads: ThreadPoolExecutor, held_up: Any
) -> None:
    route = route_of(demo, "gupshup")
    with held_up():
        answers = [threads.submit(knock, receiver, route, BODY)]
        wait(lambda: under_way(receiver), "nobody leads")
        store = receiver._store_of()
        answers += [threads.submit(knock, receiver, route, BODY) for _ in range(3)]
        wait(lambda: queued(receiver) == 3, "not all wait")
        stop = threads.submit(receiver.close)
        time.sleep(0.1)
        assert not stop.done()
    stop.result(10)
    assert statuses(answers) == [200] * 4
    assert len(receipts()) == 4
    assert store._connection is None
    assert knock(receiver, route, BODY).status == 200


def test_whoever_waits_too_long_is_asked_to_repeat_and_not_stored(
    demo: Any, threads: ThreadPoolExecutor, held_up: Any
) -> None:
    impatient, route = Receiver(nothing_else, patience=0.2), route_of(demo, "gupshup")
    try:
        with held_up():
            first = threads.submit(knock, impatient, route, b'{"first": 1}')
            wait(lambda: under_way(impatient), "nobody leads")
            late = [threads.submit(knock, impatient, route, BODY) for _ in range(3)]
            assert statuses(late) == [503] * 3
            assert not first.done()
        assert statuses([first]) == [200]
        assert [opened(row, demo) for row in receipts()] == [b'{"first": 1}']
        assert knock(impatient, route, BODY).status == 200
    finally:
        impatient.close()


@pytest.fixture
def cable(demo: Any) -> Iterator[Proxy]:
    """The way to the database."""
    parameters = connection_parameters()
    made = Proxy(parameters.get("host", "127.0.0.1"), int(parameters.get("port", 5432)))
    yield made
    made.close()


@pytest.fixture
def distant(cable: Proxy) -> Iterator[Receiver]:
    """A receiver that reaches the database by `cable`."""
    made = Receiver(
        nothing_else,
        database={**connection_parameters(), "host": "127.0.0.1", "port": cable.port},
        patience=2,
    )
    yield made
    made.close()


def test_a_commit_that_nobody_heard_of_is_not_repeated(
    demo: Any, cable: Proxy, distant: Receiver, threads: ThreadPoolExecutor
) -> None:
    route = route_of(demo, "gupshup")
    assert knock(distant, route, BODY).status == 200
    cable.mute = True
    answer = threads.submit(knock, distant, route, b'{"second": 1}')
    wait(lambda: len(receipts()) == 2, "the hook does not reach the server")
    assert not answer.done()
    cable.mute = False
    cable.hang_up()
    assert statuses([answer]) == [200]
    assert [opened(row, demo) for row in receipts()] == [BODY, b'{"second": 1}']


def test_a_connection_that_died_while_nothing_ran_is_not_noticed_by_senders(
    demo: Any, receiver: Receiver
) -> None:
    route = route_of(demo, "gupshup")
    assert knock(receiver, route, BODY).status == 200
    end_connections()
    assert knock(receiver, route, BODY).status == 200
    assert len(receipts()) == 2


def end_connections() -> None:
    """What a restarting server does to the receivers' connections."""
    with direct_connection(application_name="arriwa test") as sql:
        sql.execute(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
            " WHERE application_name = 'arriwa hooks' AND datname = current_database()"
        )


def test_a_database_that_restarts_under_load_loses_and_doubles_nothing(
    demo: Any, cable: Proxy, distant: Receiver, threads: ThreadPoolExecutor
) -> None:
    """Each hook is posted once: whatever is answered 200 is there, and nothing is there twice."""
    route = route_of(demo, "gupshup")
    numbers, stop = itertools.count(), time.monotonic() + 4

    def post() -> list[tuple[bytes, int]]:
        told = []
        while time.monotonic() < stop:
            body = b'{"n": %d}' % next(numbers)
            told.append((body, knock(distant, route, body).status))
        return told

    senders = [threads.submit(post) for _ in range(8)]
    for _ in range(3):
        time.sleep(0.3)
        end_connections()
        time.sleep(0.3)
        cable.hang_up()
        time.sleep(0.2)
        cable.cut()
        time.sleep(0.2)
        cable.restore()
    told = dict(pair for sender in senders for pair in sender.result(30))
    assert set(told.values()) == {200, 503}
    found = Counter(opened(row, demo) for row in receipts())
    assert {body for body, status in told.items() if status == 200} <= set(found)
    assert max(found.values()) == 1
    assert knock(distant, route, BODY).status == 200


def test_the_store_says_what_it_could_not_do(
    demo: Any, receiver: Receiver, threads: ThreadPoolExecutor, held_up: Any
) -> None:
    """Its own errors are few: the database's, and that there was no time."""
    store = receiver._store_of()
    with pytest.raises(psycopg.DataError):
        store.put((b"no uuid",) * 8)
    with held_up():
        leader = threads.submit(knock, receiver, route_of(demo, "gupshup"), BODY)
        wait(lambda: under_way(receiver), "nobody leads")
        store._patience, patience = 0.05, store._patience
        with pytest.raises(StoreBusy):
            store.put((b"no uuid",) * 8)
        store._patience = patience
    assert leader.result(10).status == 200
