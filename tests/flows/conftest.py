"""Fixtures of the flow tests: full rate buckets, hooks by hand, both clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from arriwa.common import clock
from tests.support.sandbox import Phone, Sandbox


@pytest.fixture(autouse=True)
def full_buckets(demo: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """No test waits for what another has drawn, nor for Kommo's few requests a second; its real rate."""
    from arriwa.outbox import registry
    from arriwa.outbox.models import RateLimit

    RateLimit.objects.all().delete()
    real = registry._rates["kommo:account"]
    monkeypatch.setitem(registry._rates, "kommo:account", registry.Rate(100.0, 100.0))
    return real


@pytest.fixture
def schema(demo: Any) -> str:
    """The first organization's schema."""
    name: str = demo.organization.schema_name
    return name


@pytest.fixture
def door(demo: Any, sandbox: Sandbox) -> Any:
    """The receiver, for hooks by hand."""
    from tests.support.hooks import Door

    return Door(sandbox)


@pytest.fixture
def phones(demo: Any, sandbox: Sandbox) -> Callable[[int], list[Phone]]:
    """New people's phones."""
    return lambda count: [Phone(sandbox) for _ in range(count)]


@pytest.fixture
def clocks(sandbox: Sandbox) -> Iterator[Callable[..., None]]:
    """Moves the product's clock and, unless told otherwise, the platforms' with it."""

    def move(hours: float, *, product: bool = True, platforms: bool = True) -> None:
        if product:
            clock.set_offset(timedelta(hours=hours))
        if platforms:
            sandbox.post("/_clock", {"offset_seconds": hours * 3600})

    yield move
    clock.set_offset(timedelta(0))
    sandbox.post("/_clock", {"offset_seconds": 0})


@pytest.fixture
def whatsapp(sandbox: Sandbox) -> Iterator[Callable[..., None]]:
    """Changes how the number behaves; afterwards it behaves as before."""
    from tests.support.hooks import ACCOUNTS

    app = ACCOUNTS["demo"]["gupshup"]["app_id"]
    yield lambda **settings: sandbox.post("/gupshup/_settings", {"app_id": app, **settings})
    sandbox.post("/gupshup/_settings", {"app_id": app, "fail": {}, "delay": 0.005})


@pytest.fixture
def nord(demo: Any) -> Any:
    """A workspace of its own in the demo organization."""
    from tests.support.onboarding import own_workspace

    return own_workspace(demo)


@pytest.fixture
def gupshup(sandbox: Sandbox, demo: Any) -> Iterator[Sandbox]:
    """Its limits per minute are not for tests that make many apps."""
    from django.core import mail

    sandbox.post("/gupshup/_partner", {"limits": False, "live_delay": 0.01, "review_delay": 0.01})
    mail.outbox.clear()
    yield sandbox
    sandbox.post("/gupshup/_partner", {"reject": {}, "taken": [], "most_links": 5})


@pytest.fixture
def walk(gupshup: Sandbox, nord: Any, settle: Callable[..., None]) -> Any:
    """A number at the beginning of its way."""
    from tests.support.onboarding import begin

    return begin(gupshup, nord, settle)
