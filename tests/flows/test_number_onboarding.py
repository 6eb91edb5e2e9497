"""The whole way of a number to WhatsApp against the fake Gupshup, its refusals and its crashes (T3.3)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from arriwa.common import clock
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import NO_CONNECTION, OutboxTask
from arriwa.outbox.registry import Claimed
from integrations.base.errors import CredentialRefused
from integrations.gupshup import onboarding
from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.onboarding_effect import OnboardingEffect
from integrations.gupshup.tokens import partner_client, partner_token, token_refused
from integrations.models import Connection, MessageTemplate, NumberOnboarding
from tenants.claims import claim_take
from tenants.context import in_organization
from tenants.models import AssetClaim, PartnerToken
from tests.support.onboarding import Walk, begin, fresh_number, own_workspace
from tests.support.sandbox import Phone, Sandbox

Settle = Callable[..., None]
BEFORE = ("app", "region", "contact", "subscriptions", "link")


@pytest.fixture
def nord(demo: Any) -> Any:
    """A workspace of its own in the demo organization."""
    return own_workspace(demo)


@pytest.fixture
def gupshup(sandbox: Sandbox, demo: Any) -> Iterator[Sandbox]:
    """Its limits per minute are not for tests that make many apps."""
    sandbox.post("/gupshup/_partner", {"limits": False, "live_delay": 0.01, "review_delay": 0.01})
    mail.outbox.clear()
    yield sandbox
    sandbox.post("/gupshup/_partner", {"reject": {}, "taken": [], "most_links": 5})


@pytest.fixture
def walk(gupshup: Sandbox, nord: Any, settle: Settle) -> Walk:
    return begin(gupshup, nord, settle)


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
    assert len(_made(gupshup, walk)) == 1
    assert len(_subscriptions(gupshup, walk)) == 2


def test_the_form_sent_twice_is_one_number(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    contact = onboarding.Contact("Somebody else", "else@example.com", "37120000000")
    walk.act(onboarding.onboarding_start, way="new", contact=contact, region="")
    settle()
    assert len(_made(gupshup, walk)) == 1
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
    assert len(_made(gupshup, walk)) == 1


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
    assert len(_subscriptions(gupshup, walk)) == 2


def test_an_expired_link_is_told_and_renewed_once(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    settle()
    first = walk.row.link
    _link_ended(walk)
    walk.act(onboarding.onboarding_retry)
    settle()
    assert walk.states()["link"] == "failed:link_expired"
    for _ in range(2):
        walk.act(onboarding.link_regenerate, seen=first)
    settle()
    assert walk.row.link != first and walk.states()["signup"] == "waiting:signup"
    assert len(_asked(gupshup, walk, "/onboarding/embed/link", "regenerate=true")) == 1
    walk.act(onboarding.link_regenerate, seen=first)
    settle()
    assert len(_asked(gupshup, walk, "/onboarding/embed/link", "regenerate=true")) == 1


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
    assert len(_asked(gupshup, walk, "/onboarding/register")) == 1


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
    assert _asked(gupshup, walk, "/obotoembed/whitelist") and _asked(gupshup, walk, "/obotoembed/verify")


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
            [attempt] = OnboardingEffect().prepare([_claimed(walk)])
            if attempt.verdict is None:
                OnboardingEffect().call(attempt)  # and the answer is lost
        settle()
    assert walk.states()["link"] == "done"
    assert len(_made(gupshup, walk)) == 1 and len(_subscriptions(gupshup, walk)) == 2


# --- tokens -------------------------------------------------------------------------------------


def test_sends_go_on_across_the_end_of_a_token(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    settle()
    walk.sign_up(fresh_number())
    settle()
    before = _token(walk)
    lead = Phone(gupshup, account=walk.row.app_name)
    gupshup.post("/_clock", {"offset_seconds": 86_500})
    try:
        lead.say("Здравствуйте")
        settle()
        assert lead.received(), "the refused send was made again with a new token"
    finally:
        gupshup.post("/_clock", {"offset_seconds": 0})
    row = walk.row
    assert row.connection is not None and row.connection.state == "active"
    assert _token(walk) != before


def test_a_token_is_renewed_before_its_end(walk: Walk, settle: Settle) -> None:
    settle()
    before = _token(walk)
    with in_organization(walk.made.organization.schema_name), transaction.atomic():
        Connection.objects.filter(id=walk.row.connection.id).update(  # type: ignore[union-attr]
            expires_at=real_now() + timedelta(minutes=20)
        )
    due_now("gupshup.token")
    settle()
    row = walk.row
    assert row.connection is not None and row.connection.expires_at is not None
    assert _token(walk) != before and row.connection.expires_at > real_now() + timedelta(hours=23)


def test_left_over_tokens_are_cleared_and_others_left_alone(
    walk: Walk, gupshup: Sandbox, settle: Settle
) -> None:
    settle()
    app_id = walk.row.app_id
    client, partner = partner_client(), partner_token()
    client.app_mint(partner, app_id, "somebody-else")
    client.app_mint(partner, app_id, "arriwa-left-over")
    with in_organization(walk.made.organization.schema_name), transaction.atomic():
        token_refused(walk.row.connection.id, _token(walk))  # type: ignore[union-attr]
    settle()
    names = {name for _, name in client.app_tokens(partner, app_id)}
    assert "somebody-else" in names and "arriwa-left-over" not in names and len(names) == 3


def test_the_partner_s_refusal_is_told_in_words(
    gupshup: Sandbox, nord: Any, settle: Settle, settings: Any
) -> None:
    PartnerToken.objects.all().delete()
    settings.GUPSHUP_PARTNER_CLIENT_SECRET = "ended"
    walk = begin(gupshup, nord, settle)
    settle()
    assert walk.states() == {"app": "failed:partner_refused"}
    settings.GUPSHUP_PARTNER_CLIENT_SECRET = "gupshup-sandbox-client-secret"
    PartnerToken.objects.update(tried_at=real_now() - timedelta(hours=1))
    walk.act(onboarding.onboarding_retry)
    settle()
    assert walk.states()["link"] == "done"


def test_the_legacy_tokens_do_the_same(gupshup: Sandbox, nord: Any, settle: Settle, settings: Any) -> None:
    PartnerToken.objects.all().delete()
    settings.GUPSHUP_PARTNER_AUTH = "legacy"
    walk = begin(gupshup, nord, settle)
    settle()
    walk.sign_up(fresh_number())
    settle()
    assert walk.row.live_at is not None and _token(walk).startswith("sk_")
    PartnerToken.objects.all().delete()


def test_no_secret_stands_in_the_rows_in_the_open(walk: Walk, settle: Settle) -> None:
    settle()
    row = walk.row
    assert row.connection is not None
    text = f"{row.steps} {row.connection.config} {row.contact_sealed!r} {row.connection.secrets_sealed!r}"
    for secret in (_token(walk), "ana@example.com", "37129990000", "Ana Ozola"):
        assert secret not in text


# --- what the tests look at ----------------------------------------------------------------------


def due_now(kind: str = "gupshup.onboarding") -> None:
    """What was put off is due."""
    OutboxTask.objects.filter(kind=kind).update(available_at=real_now())


def _made(sandbox: Sandbox, walk: Walk) -> list[str]:
    start = steps.app_name(walk.made.workspace.name, walk.identity.hex, 0)
    return [name for name in sandbox.get("/_accounts") if name.startswith(start)]


def _subscriptions(sandbox: Sandbox, walk: Walk) -> list[Any]:
    rows = sandbox.state("gupshup")["subscriptions"]
    return [row for row in rows if row["appId"] == walk.row.app_id]


def _asked(sandbox: Sandbox, walk: Walk, path: str, query: str = "") -> list[Any]:
    rows = [row for row in sandbox.received("gupshup") if walk.row.app_id in row["path"]]
    key, _, value = query.partition("=")
    return [row for row in rows if path in row["path"] and (not key or row["query"].get(key) == value)]


def _link_ended(walk: Walk) -> None:
    """Five days pass, for Gupshup and for us; the sandbox's clock stays, for tokens are older than it."""
    with in_organization(walk.made.organization.schema_name):
        NumberOnboarding.objects.filter(id=walk.identity).update(link_expires_at=real_now())
    walk.sandbox.post("/gupshup/_app", {"app_id": walk.row.app_id, "link_ends": 0})


def _claimed(walk: Walk) -> Claimed:
    schema = walk.made.organization.schema_name
    return Claimed(0, "events", "gupshup.onboarding", schema, walk.identity, NO_CONNECTION, "", "", (), 1)


def _token(walk: Walk) -> str:
    with in_organization(walk.made.organization.schema_name):
        connection = walk.row.connection
        assert connection is not None
        return str(connection.secrets()["token"])
