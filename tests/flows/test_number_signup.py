"""Signup at Meta, going live, templates, claims, own apps, test messages (T3.3)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from arriwa.common import clock
from arriwa.outbox.enqueue import real_now
from integrations.base.errors import CredentialRefused
from integrations.gupshup import onboarding
from integrations.gupshup.onboarding_effect import OnboardingEffect
from integrations.models import MessageTemplate, NumberOnboarding
from tenants.claims import claim_take
from tenants.context import in_organization
from tenants.models import AssetClaim
from tests.support.onboarding import (
    Walk,
    apps_of,
    asked_of,
    begin,
    claimed,
    fresh_number,
    link_end,
    subscriptions_of,
)
from tests.support.sandbox import Phone, Sandbox

Settle = Callable[..., None]


def test_an_expired_link_is_told_and_renewed_once(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    settle()
    first = walk.row.link
    link_end(walk)
    walk.act(onboarding.onboarding_retry)
    settle()
    assert walk.states()["link"] == "failed:link_expired"
    for _ in range(2):
        walk.act(onboarding.link_regenerate, seen=first)
    settle()
    assert walk.row.link != first and walk.states()["signup"] == "waiting:signup"
    assert len(asked_of(gupshup, walk, "/onboarding/embed/link", "regenerate=true")) == 1
    walk.act(onboarding.link_regenerate, seen=first)
    settle()
    assert len(asked_of(gupshup, walk, "/onboarding/embed/link", "regenerate=true")) == 1


def test_the_cap_on_links_is_told(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    gupshup.post("/gupshup/_partner", {"most_links": 1})
    settle()
    walk.act(onboarding.link_regenerate, seen=walk.row.link)
    settle()
    assert walk.states()["link"] == "failed:max_links"


def test_the_owner_is_told_a_day_before_the_link_ends_and_once(walk: Walk, settle: Settle) -> None:
    settle()
    with in_organization(walk.made.organization.schema_name):
        ends = real_now() + timedelta(hours=20)
        NumberOnboarding.objects.filter(id=walk.identity).update(link_expires_at=ends)
    for _ in range(3):
        walk.act(onboarding.onboarding_retry)
        settle()
    assert len(mail.outbox) == 1 and str(walk.identity) in str(mail.outbox[0].body)


def test_a_refused_name_is_told_and_can_be_given_anew(walk: Walk, settle: Settle) -> None:
    settle()
    number = fresh_number()
    walk.sign_up(number, outcome="refused")
    settle()
    assert walk.states()["signup"] == "failed:name_refused"
    assert "Display name" in walk.row.steps["signup"]["said"]
    assert walk.row.live_at is None and len(mail.outbox) == 1
    walk.sign_up(number)
    settle()
    assert walk.row.live_at is not None
    assert len(mail.outbox) == 2


def test_a_signup_left_halfway_changes_nothing(walk: Walk, settle: Settle) -> None:
    settle()
    assert walk.sign_up("", do="leave").ok
    walk.act(onboarding.onboarding_retry)
    settle()
    assert walk.states()["signup"] == "waiting:signup"


def test_without_events_the_signup_is_seen_by_looking(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    settle()
    with gupshup.faults({"platform": "gupshup", "hook": "account-event", "mute": True}):
        walk.sign_up(fresh_number())
        settle()
        assert walk.states()["signup"] == "waiting:signup"
        clock.set_offset(timedelta(seconds=20))
        settle()
        clock.set_offset(timedelta(seconds=100))
        settle()
    assert walk.row.live_at is not None


def test_events_twice_late_and_in_any_order_change_nothing(
    walk: Walk, gupshup: Sandbox, settle: Settle
) -> None:
    settle()
    with gupshup.faults({"platform": "gupshup", "duplicate": 1}):
        walk.sign_up(fresh_number())
        settle()
    before, told = walk.states(), len(mail.outbox)
    gupshup.post("/_hooks/replay", {"platform": "gupshup", "order": "shuffled", "seed": 7})
    settle()
    assert walk.states() == before and len(mail.outbox) == told == 1
    assert len(asked_of(gupshup, walk, "/onboarding/register")) == 1


def test_a_rejected_template_is_told_and_a_later_approval_ends_it(
    gupshup: Sandbox, nord: Any, settle: Settle
) -> None:
    gupshup.post("/gupshup/_partner", {"reject": {"cards": "PROMOTIONAL"}})
    walk = begin(gupshup, nord, settle)
    settle()
    walk.sign_up(fresh_number())
    settle()
    assert walk.row.live_at is not None, "templates hold no gate"
    assert walk.states()["templates"] == "failed:template_rejected"
    with in_organization(nord.organization.schema_name):
        bad = MessageTemplate.objects.filter(connection=walk.row.connection, status="REJECTED")
        assert {row.reason for row in bad} == {"PROMOTIONAL"} and len(bad) == 2
    for language in ("ru", "en"):
        given = {"app_id": walk.row.app_id, "name": f"cards_{language}", "language": language}
        gupshup.post("/gupshup/_review", {**given, "status": "APPROVED"})
    settle()
    assert walk.states()["templates"] == "done"
    paused = {"app_id": walk.row.app_id, "name": "text_ru", "language": "ru", "status": "PAUSED"}
    gupshup.post("/gupshup/_review", paused)
    settle()
    assert walk.states()["templates"] == "failed:template_rejected"


def test_a_restriction_after_going_live_is_told_and_locks_nothing(
    walk: Walk, gupshup: Sandbox, settle: Settle
) -> None:
    settle()
    walk.sign_up(fresh_number())
    settle()
    gupshup.post("/gupshup/_app", {"app_id": walk.row.app_id, "facts": {"errors": ["Account restricted"]}})
    settle()
    row = walk.row
    assert row.live_at is not None and row.connection is not None
    assert (row.connection.health, row.connection.health_text) == ("broken", "Account restricted")


def test_a_number_of_another_organization_is_explained(
    walk: Walk, gupshup: Sandbox, organizations: Any, settle: Settle
) -> None:
    number = fresh_number()
    with in_organization(organizations.other.organization.schema_name):
        claim_take(
            kind="number",
            external_id=number,
            organization=organizations.other.organization,
            workspace=organizations.other.workspace,
        )
    settle()
    walk.sign_up(number)
    settle()
    row = walk.row
    assert walk.states()["signup"] == "failed:claimed" and row.live_at is None
    told = row.steps["signup"]["said"]
    assert number in told and str(organizations.other.organization.id) not in told
    AssetClaim.objects.filter(external_id=number).delete()


def test_a_number_that_moves_waits_for_its_owner(gupshup: Sandbox, nord: Any, settle: Settle) -> None:
    walk = begin(gupshup, nord, settle, way="migrate", waba_id="100999888777")
    settle()
    assert walk.states()["signup"] == "waiting:move"
    walk.sign_up(fresh_number())
    settle()
    assert walk.row.live_at is not None
    assert asked_of(gupshup, walk, "/obotoembed/whitelist") and asked_of(gupshup, walk, "/obotoembed/verify")


def test_an_own_app_is_bound_by_its_token_alone(gupshup: Sandbox, nord: Any, settle: Settle) -> None:
    app_id, number, token = f"own-app-{uuid.uuid4().hex[:8]}", fresh_number(), f"sk_{uuid.uuid4().hex}"
    settings = {"app_id": app_id, "app_name": f"own{app_id[-8:]}", "token": token, "number": number}
    settings |= {"number_id": f"9{number}", "waba_id": f"1{number}", "templates": []}
    gupshup.post("/_accounts", {settings["app_name"]: {"gupshup": settings}})
    walk = Walk(gupshup, nord, settle, uuid.uuid4())
    with pytest.raises(CredentialRefused):
        walk.act(onboarding.number_bind, app_id=app_id, token="sk_wrong")
    walk.act(onboarding.number_bind, app_id=app_id, token=token)
    walk.act(onboarding.number_bind, app_id=app_id, token=token)
    settle()
    row = walk.row
    assert row.live_at is not None and row.connection is not None
    assert row.connection.config["number"] == number and row.way == "existing"


def test_a_test_message_goes_to_the_owner_once_for_each_press(
    walk: Walk, gupshup: Sandbox, settle: Settle
) -> None:
    with pytest.raises(onboarding.NotYet):
        walk.act(onboarding.test_message_request, phone="+7 701 000 33 44")
    settle()
    walk.sign_up(fresh_number())
    settle()
    for _ in range(2):
        walk.act(onboarding.test_message_request, phone="+7 701 000 33 44")
    settle()
    assert walk.states()["test_message"] == "done"
    chat = Phone(gupshup, account=walk.row.app_name, number="77010003344")
    assert len(chat.received()) == 1


def test_a_test_message_in_doubt_is_not_sent_again(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    settle()
    walk.sign_up(fresh_number())
    settle()
    lost = {"platform": "gupshup", "path": "/v3/message", "drop_after_accept": True}
    with gupshup.faults(lost):
        walk.act(onboarding.test_message_request, phone="77010003355")
        settle()
    assert walk.states()["test_message"] == "failed:maybe_sent"
    assert len(Phone(gupshup, account=walk.row.app_name, number="77010003355").received()) == 1


def test_a_worker_that_dies_in_a_step_loses_and_doubles_nothing(
    gupshup: Sandbox, nord: Any, settle: Settle
) -> None:
    """Each step's task is claimed and prepared by a session that ends before the answer."""
    walk = begin(gupshup, nord, settle)
    for _ in range(6):
        with in_organization(nord.organization.schema_name), transaction.atomic():
            [attempt] = OnboardingEffect().prepare([claimed(walk)])
            if attempt.verdict is None:
                OnboardingEffect().call(attempt)  # and the answer is lost
        settle()
    assert walk.states()["link"] == "done"
    assert len(apps_of(gupshup, walk)) == 1 and len(subscriptions_of(gupshup, walk)) == 2
