"""The pure parts of a number's way: steps, names, waits, templates, notices."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.account_events import read_notice
from integrations.gupshup.tasks import secret_notice
from integrations.gupshup.template_forms import drafts, form
from subscribers.inbound import ChannelNotice
from subscribers.playbook.load import default_document, parse

DONE = {"state": steps.DONE}


@pytest.mark.parametrize("way", list(steps.STEPS))
def test_steps_follow_each_other_to_the_end(way: str) -> None:
    known: dict[str, dict[str, str]] = {}
    taken = []
    while (step := steps.next_step(way, known)) is not None:
        taken.append(step)
        known[step] = DONE
    assert taken == [step for step in steps.STEPS[way] if step not in steps.BY_OWNER]


def test_a_failed_step_is_the_next_one() -> None:
    known = {"app": DONE, "region": {"state": steps.SKIPPED}, "contact": {"state": steps.FAILED}}
    assert steps.next_step(steps.NEW, known) == "contact"


def test_a_test_message_that_was_asked_for_comes_first() -> None:
    known = {"test_message": {"state": steps.WAITING}}
    assert steps.next_step(steps.EXISTING, known) == steps.TEST_MESSAGE


def test_looks_become_rarer() -> None:
    ages = [timedelta(minutes=1), timedelta(minutes=30), timedelta(hours=5), timedelta(days=3)]
    pauses = [steps.poll_pause(age) for age in ages]
    assert pauses == sorted(pauses) and pauses[0] == timedelta(seconds=15)
    assert pauses[-1] == timedelta(hours=1)


def test_names_have_letters_and_digits_and_are_the_same_for_the_same_number() -> None:
    name = steps.app_name("Кафе Nord & Süd / 7", "0123456789abcdef", 0)
    assert name == "arriwaNordSd70123456789ab"
    assert steps.app_name("x", "0123456789abcdef", 2).endswith("ab2")
    assert 6 <= len(steps.app_name("n" * 300, "f" * 32, 9)) <= 150


def test_each_template_of_the_playbook_is_submitted_once_for_each_language() -> None:
    found = drafts(parse(default_document()))
    assert len(found) == len({(one.name, one.language) for one in found}) == 12
    for draft in found:
        fields = form(draft)
        assert not draft.body.startswith("{{") and not draft.body.endswith("}}")
        assert "{{" not in fields["example"] and fields["content"] != fields["example"]
        assert draft.body.count("{{") == len(draft.example)


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        ("user-event", {"phone": "callbackSetPhone", "type": "sandbox-start"}, ("", "set_callback", "2", "")),
        ("user-event", {"phone": "37120000000", "type": "opted-in"}, None),
        ("billing-event", {"deductions": {}}, None),
        ("account-event", {"type": "x", "status": "LIVE"}, ("gupshup:account:d", "account", "2", "x · LIVE")),
        ("account-event", {}, ("gupshup:account:d", "account", "2", "")),
        (
            "template-event",
            {"elementName": "a", "status": "rejected", "rejectedReason": "WHY"},
            ("gupshup:template:d", "template", "2", "rejected · a · WHY"),
        ),
    ],
)
def test_notices_are_knocks(kind: str, payload: dict[str, str], expected: tuple[str, ...] | None) -> None:
    assert read_notice(kind, payload, "d") == (ChannelNotice(*expected) if expected else None)


@pytest.mark.parametrize(
    ("ends", "told"),
    [("", False), ("2027-03-01", False), ("2026-12-08", True), ("2026-11-01", True), ("soon", True)],
)
def test_staff_are_told_before_the_secret_ends(ends: str, told: bool) -> None:
    assert bool(secret_notice(ends, date(2026, 11, 25))) is told
