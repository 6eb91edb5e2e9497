"""Answers to hooks (design 3): one test per row, each per platform."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from arriwa.common import sealing
from arriwa.outbox.session import connection_parameters
from integrations.receipts.models import Receipt
from integrations.receipts.receiver import Receiver, counters
from tenants.services import hook_route_set_secrets
from tests.environment import free_port
from tests.support.proxy import Proxy
from tests.support.receiver import nothing_else
from tests.support.routes import PLATFORMS, Answer, call, knock, proof, route_of

BODY = b'{"anything": true}'
each_platform = pytest.mark.parametrize("platform", PLATFORMS)


def stored() -> int:
    connection.set_schema_to_public()
    return Receipt.objects.count()


def assert_answer(answer: Answer, status: int) -> None:
    """Never a word: Gupshup relays any body to the person."""
    assert (answer.status, answer.body) == (status, b"")
    assert answer.headers["Content-Length"] == "0"


@each_platform
def test_an_authenticated_hook_is_stored_sealed_and_answered_with_an_empty_body(
    demo: Any, receiver: Receiver, platform: str
) -> None:
    route = route_of(demo, platform)
    assert_answer(knock(receiver, route, BODY), 200)
    receipt = Receipt.objects.get()
    assert (receipt.platform, receipt.schema_name) == (platform, demo.organization.schema_name)
    assert (receipt.workspace_uuid, receipt.connection_uuid) == (route.workspace_uuid, route.connection_uuid)
    sealed = bytes(receipt.body_sealed)
    assert BODY not in sealed
    opened = sealing.unseal(sealed, organization=demo.organization.id, row=receipt.seal_row)
    assert opened == BODY


@each_platform
@pytest.mark.parametrize("key", ["a" * 43, "a", "a" * 65, "x/y", "", "%", "..", "a\x00b", "ä", "a b"])
def test_an_unknown_route_is_404(demo: Any, receiver: Receiver, platform: str, key: str) -> None:
    path = f"/hooks/{platform}/{key}/"
    assert_answer(call(receiver, path, BODY, headers=proof(platform, BODY, "any")), 404)
    assert stored() == 0


@pytest.mark.parametrize("platform", ["nobody", "meta", "base", "", "../gupshup"])
def test_an_unknown_platform_is_404(
    demo: Any, receiver: Receiver, new_route: Callable[..., Any], platform: str
) -> None:
    key = new_route("gupshup").key
    assert_answer(call(receiver, f"/hooks/{platform}/{key}/", BODY), 404)


@each_platform
def test_a_route_of_another_platform_is_404(
    demo: Any, receiver: Receiver, new_route: Callable[..., Any], platform: str
) -> None:
    other = next(name for name in PLATFORMS if name != platform)
    key = new_route(other, "current").key
    headers = proof(platform, BODY, "current")
    assert_answer(call(receiver, f"/hooks/{platform}/{key}/", BODY, headers=headers), 404)


@each_platform
def test_a_route_that_is_switched_off_is_404(
    demo: Any, receiver: Receiver, new_route: Callable[..., Any], platform: str
) -> None:
    route = new_route(platform)
    route.active = False
    route.save()
    assert_answer(knock(receiver, route, BODY), 404)


@each_platform
@pytest.mark.parametrize("given", ["none", "empty", "wrong", "foreign", "garbage", "old"])
def test_a_missing_or_wrong_signature_is_401(
    demo: Any, receiver: Receiver, new_route: Callable[..., Any], platform: str, given: str
) -> None:
    route = new_route(platform, "current")
    name = next(iter(proof(platform, BODY, "current")))
    headers = {
        "none": {},
        "empty": {name: ""},
        "wrong": proof(platform, BODY, "another"),
        "foreign": proof(platform, b"another body", "another"),
        "garbage": {name: "t=\xff,v1=\xff,,=;"},
        "old": proof(platform, BODY, "current" if platform == "stripe" else "curren", at=time.time() - 301),
    }[given]
    assert_answer(knock(receiver, route, BODY, headers=headers), 401)
    assert stored() == 0


@each_platform
def test_a_changed_body_is_401_where_the_body_is_signed(
    demo: Any, receiver: Receiver, new_route: Callable[..., Any], platform: str
) -> None:
    """Gupshup signs nothing: its header alone lets a hook in."""
    answer = knock(
        receiver,
        new_route(platform, "current"),
        BODY + b" ",
        headers=proof(platform, BODY, "current"),
    )
    assert_answer(answer, 200 if platform == "gupshup" else 401)


@each_platform
def test_the_previous_secret_is_accepted(
    demo: Any, receiver: Receiver, new_route: Callable[..., Any], platform: str
) -> None:
    route = new_route(platform, "current", "previous")
    assert_answer(knock(receiver, route, BODY, secret="previous"), 200)
    assert_answer(knock(receiver, route, BODY, secret="current"), 200)


@each_platform
def test_a_rotated_secret_is_picked_up_at_once(
    demo: Any, receiver: Receiver, new_route: Callable[..., Any], platform: str
) -> None:
    """The cached route does not know it: the one re-read does, and then the old one is refused."""
    route = new_route(platform, "first")
    assert_answer(knock(receiver, route, BODY, secret="first"), 200)
    hook_route_set_secrets(route=route, verification_secrets=["second"])
    assert_answer(knock(receiver, route, BODY, secret="second"), 200)
    assert_answer(knock(receiver, route, BODY, secret="first"), 401)


@each_platform
def test_a_route_without_secrets_lets_nobody_in(
    demo: Any, receiver: Receiver, new_route: Callable[..., Any], platform: str
) -> None:
    route = new_route(platform, "")
    assert_answer(knock(receiver, route, BODY, headers=proof(platform, BODY, "")), 401)


@each_platform
def test_more_than_four_mebibytes_are_413_and_counted(
    demo: Any, receiver: Receiver, new_route: Callable[..., Any], platform: str
) -> None:
    route, limit = new_route(platform), settings.HOOK_BODY_LIMIT
    assert limit == 4 * 1024 * 1024
    before = counters.by_status.get(413, 0)
    assert_answer(knock(receiver, route, b" " * (limit + 1)), 413)
    assert counters.by_status[413] == before + 1
    assert stored() == 0
    assert_answer(knock(receiver, route, b" " * limit), 200)
    assert stored() == 1


@each_platform
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_405(demo: Any, receiver: Receiver, platform: str, method: str) -> None:
    assert_answer(knock(receiver, route_of(demo, platform), b"", method=method), 405)
    assert stored() == 0


@each_platform
def test_a_database_that_is_away_is_503_and_the_sender_told_when_to_come_back(
    demo: Any, platform: str
) -> None:
    away = Receiver(nothing_else, database={**connection_parameters(), "port": free_port()}, patience=0.2)
    try:
        answer = knock(away, route_of(demo, platform), BODY)
    finally:
        away.close()
    assert_answer(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


@pytest.fixture
def cable() -> Iterator[Proxy]:
    """The way to the database, which a test may cut."""
    parameters = connection_parameters()
    made = Proxy(parameters.get("host", "127.0.0.1"), int(parameters.get("port", 5432)))
    yield made
    made.close()


def test_hooks_are_taken_again_when_the_database_comes_back(demo: Any, cable: Proxy) -> None:
    """Also with the route in the cache, so that the store itself meets the dead connection."""
    receiver = Receiver(
        nothing_else,
        database={**connection_parameters(), "host": "127.0.0.1", "port": cable.port},
        patience=0.5,
    )
    route = route_of(demo, "gupshup")
    try:
        assert_answer(knock(receiver, route, BODY), 200)
        cable.cut()
        answer = knock(receiver, route, BODY)
        assert_answer(answer, 503)
        assert stored() == 1
        cable.restore()
        end = time.monotonic() + 60
        while knock(receiver, route, BODY).status != 200:
            assert time.monotonic() < end, "the receiver does not recover"
        assert stored() == 2
    finally:
        receiver.close()


@each_platform
def test_a_fault_of_ours_asks_the_sender_to_repeat(
    demo: Any,
    receiver: Receiver,
    new_route: Callable[..., Any],
    platform: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A route whose secrets do not open, as after a lost master key: 503, never 500."""
    route = new_route(platform)
    headers = proof(platform, BODY, "current")
    route.secrets_sealed = b"\x01\x63" + b"\x00" * 40
    route.save()
    assert_answer(knock(receiver, route, BODY, headers=headers), 503)
    assert "asked to repeat it" in caplog.text


def test_what_is_no_hook_goes_to_django(receiver: Receiver) -> None:
    assert call(receiver, "/healthz", method="GET").status == 404
    assert call(receiver, "/hooksy", method="GET").status == 404
