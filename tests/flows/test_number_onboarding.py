"""The way of a number to WhatsApp against the fake Gupshup: steps, faults, crashes (T3.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from arriwa.common import clock
from integrations.gupshup import onboarding
from integrations.gupshup import onboarding_steps as steps
from integrations.models import MessageTemplate
from tenants.context import in_organization
from tests.support.onboarding import (
    Walk,
    apps_of,
    begin,
    due_now,
    fresh_number,
    subscriptions_of,
)
from tests.support.sandbox import Phone, Sandbox

Settle = Callable[..., None]
BEFORE = ("app", "region", "contact", "subscriptions", "link")


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


def test_a_step_that_is_over_is_never_taken_again(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    settle()
    for _ in range(3):
        walk.act(onboarding.onboarding_retry)
        settle()
    assert len(apps_of(gupshup, walk)) == 1
    assert len(subscriptions_of(gupshup, walk)) == 2


def test_the_form_sent_twice_is_one_number(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    contact = onboarding.Contact("Somebody else", "else@example.com", "37120000000")
    walk.act(onboarding.onboarding_start, way="new", contact=contact, region="")
    settle()
    assert len(apps_of(gupshup, walk)) == 1
    assert walk.row.region == "DE"


def test_a_taken_name_gets_another_one(gupshup: Sandbox, nord: Any, settle: Settle) -> None:
    walk = begin(gupshup, nord, settle)
    first = steps.app_name(nord.workspace.name, walk.identity.hex, 0)
    gupshup.post("/gupshup/_partner", {"taken": [first]})
    settle()
    assert walk.row.app_name == f"{first}1"


def test_an_app_whose_answer_was_lost_is_taken_over(gupshup: Sandbox, nord: Any, settle: Settle) -> None:
    lost = {"platform": "gupshup", "path": "/partner/app", "method": "POST", "drop_after_accept": True}
    gupshup.post("/_faults", [{**lost, "times": 2}])
    walk = begin(gupshup, nord, settle)
    settle()
    assert walk.states()["link"] == "done"
    assert len(apps_of(gupshup, walk)) == 1


def test_every_name_taken_is_told(gupshup: Sandbox, nord: Any, settle: Settle) -> None:
    walk = begin(gupshup, nord, settle)
    names = [steps.app_name(nord.workspace.name, walk.identity.hex, number) for number in range(3)]
    gupshup.post("/gupshup/_partner", {"taken": names})
    settle()
    assert walk.states() == {"app": "failed:name_taken"}
    gupshup.post("/gupshup/_partner", {"taken": []})
    walk.act(onboarding.onboarding_retry)
    settle()
    assert walk.states()["link"] == "done"


@pytest.mark.parametrize("fault", [{"status": 429, "times": 1}, {"status": 500, "times": 2}])
def test_what_passes_is_waited_for(gupshup: Sandbox, nord: Any, settle: Settle, fault: Any) -> None:
    body = {"status": "error", "message": "Too Many Requests"}
    gupshup.post("/_faults", [{"platform": "gupshup", "path": "/onboarding/contact", "body": body, **fault}])
    walk = begin(gupshup, nord, settle)
    settle()
    if fault["status"] == 429:
        assert walk.states()["contact"] == "waiting:throttled"
    # A back-off may be longer than settling waits for.
    for _ in range(3):
        due_now()
        settle()
    assert walk.states()["link"] == "done"


def test_a_test_call_that_never_comes_is_told_and_made_anew(
    gupshup: Sandbox, nord: Any, settle: Settle
) -> None:
    gupshup.post("/_faults", [{"platform": "gupshup", "hook": "set-callback", "mute": True}])
    walk = begin(gupshup, nord, settle)
    settle()
    assert walk.states()["subscriptions"] == "waiting:test_call"
    clock.set_offset(timedelta(minutes=4))
    settle()
    assert walk.states()["subscriptions"] == "failed:no_test_call"
    gupshup.clear_faults()
    walk.act(onboarding.onboarding_retry)
    settle()
    assert walk.states()["link"] == "done"
    assert len(subscriptions_of(gupshup, walk)) == 2
