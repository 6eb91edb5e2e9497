"""The whole way of a number to WhatsApp against the fake Gupshup, its refusals and its crashes (T3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core import mail

from integrations.models import MessageTemplate
from tenants.context import in_organization
from tests.support.onboarding import Walk, begin, fresh_number
from tests.support.sandbox import Phone, Sandbox

Settle = Callable[..., None]
BEFORE = ("app", "region", "contact", "subscriptions", "link")


@pytest.fixture
def gupshup(sandbox: Sandbox, demo: Any) -> Iterator[Sandbox]:
    """Its limits per minute are not for tests that make many apps."""
    sandbox.post("/gupshup/_partner", {"limits": False, "live_delay": 0.01, "review_delay": 0.01})
    mail.outbox.clear()
    yield sandbox
    sandbox.post("/gupshup/_partner", {"reject": {}, "taken": [], "most_links": 5})


@pytest.fixture
def walk(gupshup: Sandbox, demo: Any, settle: Settle) -> Walk:
    return begin(gupshup, demo, settle)


def test_a_number_goes_from_nothing_to_live_and_answers(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    settle()
    assert walk.states() == {step: "done" for step in BEFORE} | {"signup": "waiting:signup"}
    number = fresh_number()
    assert walk.sign_up(number).ok
    settle()
    row = walk.row
    assert row.live_at is not None
    assert row.connection is not None and row.connection.config["number"] == number
    assert row.connection.config["waba_id"] and row.connection.config["number_id"]
    states = walk.states()
    assert {state for step, state in states.items()} == {"done"}, states
    with in_organization(walk.made.organization.schema_name):
        templates = MessageTemplate.objects.filter(connection=row.connection)
        assert {one.status for one in templates} == {"APPROVED"} and len(templates) == 12
    assert [one.to for one in mail.outbox] == [["ana@example.com"]]
    lead = Phone(gupshup, account=row.app_name)
    lead.say("Здравствуйте")
    settle()
    assert lead.received(), "the bot answers on the new number"
