"""One platform down or slow holds up no other; afterwards everything is there, exactly once (L9–L14, R2)."""

from __future__ import annotations

import secrets
import time
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ObjectDoesNotExist

from arriwa.outbox import registry
from arriwa.outbox.finish import connection_resume
from arriwa.outbox.models import OutboxTask
from integrations.models import Connection
from subscribers.models import Answer, DecisionLog, Judgement, Touchpoint
from tenants.context import in_organization
from tests.support.held import Held, held
from tests.support.hooks import Door
from tests.support.journey import BUDGET, hasten, requests_for, sent_to, to_offer, user_id_of
from tests.support.ledger import canonical, states_of, subscriber_of, unfinished
from tests.support.sandbox import Phone, Sandbox
from tests.support.settle import work_once
from tests.support.workers import PATIENCE, Workers, wait_until

#: The first message's effects, one of each platform (L9, L10, L11, L14, L15).
EFFECTS = {
    "meta": ("messaging:OptIn", "join:A1_STARTED_NOT_FINISHED"),
    "kommo": ("deal", "stage:new"),
    "flowise": ("agent:start",),
    "gupshup": ("question:niche:menu",),
}
LIMIT = 5.0
NOWHERE = "http://127.0.0.1:9"


def confirmed(schema: str, phone: Phone) -> set[str]:
    """Platforms at which the first message has had all its effects."""
    try:
        rows = states_of(schema, phone.number)
    except LookupError:
        return set()
    done = {key for key, found in rows.items() if all(row.state == "confirmed" for row in found)}
    return {p for p, keys in EFFECTS.items() if all((p, key) in done for key in keys)}


def begin_and_tap(schema: str, phone: Phone, sandbox: Sandbox, broken: str) -> None:
    """The first message's other effects and question 1 within 5 s; after a tap question 2 as well."""
    others = set(EFFECTS) - {broken}
    start = time.monotonic()
    phone.tap_ad()
    wait_until(lambda: subscribed(schema, phone), LIMIT, "the first message")
    wait_until(lambda: confirmed(schema, phone) >= others, LIMIT, f"{others} without {broken}")
    assert time.monotonic() - start < LIMIT
    if broken == "gupshup":
        return
    phone.choose(0)
    wait_until(lambda: len(sent_to(sandbox, phone.number)) == 2, LIMIT, "the next question")


def subscribed(schema: str, phone: Phone) -> bool:
    """Whether the phone's owner is known."""
    try:
        subscriber_of(schema, phone.number)
    except ObjectDoesNotExist:
        return False
    return True


def platforms_hold(schema: str, phone: Phone, sandbox: Sandbox) -> Held:
    """What the platforms hold of the phone's owner."""
    return held(sandbox, schema, subscriber_of(schema, phone.number), phone.number)


DOWN = [
    pytest.param("meta", {"status": 503}, id="meta answers 503"),
    pytest.param("kommo", {"drop_before_accept": True}, id="kommo hangs up"),
    pytest.param("flowise", {"drop_before_accept": True}, id="flowise hangs up"),
    pytest.param("gupshup", {"status": 503}, id="gupshup answers 503"),
    pytest.param("meta", None, id="meta refuses connections"),
    pytest.param("flowise", None, id="flowise refuses connections"),
]


@pytest.mark.parametrize(("platform", "fault"), DOWN)
def test_a_platform_that_is_down_holds_up_no_other(
    platform: str,
    fault: dict[str, Any] | None,
    schema: str,
    phone: Phone,
    sandbox: Sandbox,
    settle: Any,
    settings: Any,
) -> None:
    urls = dict(settings.PLATFORM_URLS)
    if fault is None:
        settings.PLATFORM_URLS = {**urls, platform: NOWHERE}
    with sandbox.faults(*([{"platform": platform, **fault}] if fault else [])), Workers():
        begin_and_tap(schema, phone, sandbox, platform)
    settings.PLATFORM_URLS = urls
    hasten()
    settle()
    assert unfinished(schema, phone.number) == []
    assert platforms_hold(schema, phone, sandbox).doubled() == []


@pytest.mark.parametrize("platform", ["meta", "kommo", "flowise"])
def test_a_platform_that_takes_30_seconds_holds_up_no_other(
    platform: str, schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    """The dial is cleared after the others arrived: what waits is served then."""
    with Workers(), sandbox.faults({"platform": platform, "delay": 30}):
        begin_and_tap(schema, phone, sandbox, platform)
        assert platform not in confirmed(schema, phone)
    hasten()
    settle()
    lead = platforms_hold(schema, phone, sandbox)
    assert unfinished(schema, phone.number) == []
    assert (len(lead.deals), len(lead.contacts), len(lead.messages)) == (1, 1, 2)
    if platform != "flowise":
        assert lead.doubled() == []


def test_stripe_down_delays_the_link_alone(schema: str, phone: Phone, sandbox: Sandbox, settle: Any) -> None:
    to_offer(phone, settle)
    down = {"platform": "stripe", "status": 503, "body": {"error": {"type": "api_error"}}}
    with sandbox.faults(down), Workers():
        phone.order()
        wanted = {("meta", "messaging:AddToCart:course-start"), ("kommo", "price")}

        def done() -> bool:
            rows = states_of(schema, phone.number)
            return all(rows.get(key, [None])[0] and rows[key][0].state == "confirmed" for key in wanted)

        wait_until(done, LIMIT, "cart event and price")
    hasten()
    settle()
    phone.pay()
    settle()
    assert unfinished(schema, phone.number) == []
    assert platforms_hold(schema, phone, sandbox).doubled() == []


# --- Flowise ------------------------------------------------------------------------------------

JUDGES = [
    pytest.param({"status": 503}, id="down"),
    pytest.param({"delay": 30}, id="slow"),
    pytest.param({"drop_after_accept": True}, id="hangs up"),
    pytest.param({"status": 200, "body": {"text": "¯\\_(ツ)_/¯"}}, id="garbage"),
    pytest.param({"status": 200, "body": {"text": '{"verdict": "noise", "confidence": 7}'}}, id="off scale"),
    pytest.param({"status": 200, "body": ["no", "object"]}, id="no object"),
    pytest.param({"status": 401, "body": {"error": "Unauthorized"}}, id="key refused"),
]


@pytest.mark.parametrize("fault", JUDGES)
def test_without_flowise_the_local_classifier_answers_in_time_and_never_says_noise(
    fault: dict[str, Any], schema: str, phones: Any, sandbox: Sandbox, settle: Any
) -> None:
    sensible, senseless = phones(2)
    for lead in (sensible, senseless):
        lead.tap_ad()
    settle()
    for lead in (sensible, senseless):
        lead.choose(0)
    settle()
    with sandbox.faults({"platform": "flowise", **fault}), Workers():
        start = time.monotonic()
        sensible.say(BUDGET)
        senseless.say("ывапрол")
        for lead in (sensible, senseless):
            wait_until(lambda lead=lead: len(sent_to(sandbox, lead.number)) == 3, LIMIT, "an answer")
        assert time.monotonic() - start < django_settings.AGENT_DEADLINE_SECONDS + LIMIT
    with in_organization(schema):
        found = {
            name: Answer.objects.get(
                conversation__subscriber=subscriber_of(schema, lead.number), question="budget"
            )
            for name, lead in (("sensible", sensible), ("senseless", senseless))
        }
        Connection.objects.filter(platform="flowise").update(state="active")
    assert (found["sensible"].verdict, found["sensible"].method) == ("valid", "local")
    assert (found["senseless"].verdict, found["senseless"].method) == ("ambiguous", "local")
    ledger = canonical(schema, senseless.number)
    assert not [key for key in ledger if "NOISE" in str(key[2]) and key[0] == "fact"]
    rows = states_of(schema, sensible.number)
    [judged] = [found[0] for key, found in rows.items() if key[1].startswith("judge:budget")]
    assert (judged.state, "local classifier" in judged.reason) == ("dead", True)


def test_a_judgement_that_was_overtaken_is_recorded_and_changes_nothing(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any, settings: Any
) -> None:
    settings.AGENT_DEADLINE_SECONDS = 2 * PATIENCE
    phone.tap_ad()
    settle()
    phone.choose(0)
    settle()
    held_back = {"platform": "flowise", "path": "/prediction", "answer_delay": 2 * PATIENCE, "times": 1}
    with Workers(), sandbox.faults(held_back):
        asked = len(requests_for(sandbox, "flowise", "/prediction", "ывапрол"))
        phone.say("ывапрол")
        wait_until(
            lambda: len(requests_for(sandbox, "flowise", "/prediction", "ывапрол")) > asked,
            PATIENCE,
            "the judge",
        )
        phone.say(BUDGET)
        wait_until(lambda: len(sent_to(sandbox, phone.number)) == 3, PATIENCE, "the next question")
        sandbox.clear_faults()
        person = subscriber_of(schema, phone.number)

        def judged() -> bool:
            with in_organization(schema):
                rows = Judgement.objects.filter(conversation__subscriber=person)
                return rows.count() == 2 and not rows.filter(judged_at=None).exists()

        wait_until(judged, PATIENCE, "both judgements")
    settle()
    with in_organization(schema):
        answers = Answer.objects.filter(conversation__subscriber=person, question="budget")
        assert [answer.verdict for answer in answers] == ["valid"]
        reasons = DecisionLog.objects.filter(conversation__subscriber=person, signal="Classified")
        assert any("stale" in log.reason for log in reasons)
    assert len(sent_to(sandbox, phone.number)) == 3


# --- lost answers -------------------------------------------------------------------------------

LOST = [
    pytest.param("kommo", {"path": "/leads/complex"}, id="kommo create"),
    pytest.param("kommo", {"method": "PATCH"}, id="kommo change"),
    pytest.param("kommo", {"path": "/contacts", "method": "GET"}, id="kommo look-up"),
    pytest.param("meta", {"path": "/events"}, id="meta events"),
    pytest.param("meta", {"path": "/users"}, id="meta audience"),
    pytest.param("stripe", {"path": "/payment_links"}, id="stripe link"),
    pytest.param("flowise", {"path": "/prediction"}, id="flowise start"),
]


@pytest.mark.parametrize(("platform", "where"), LOST)
def test_an_answer_that_is_lost_doubles_nothing(
    platform: str, where: dict[str, str], schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    if platform == "stripe":
        to_offer(phone, settle)
    with sandbox.faults({"platform": platform, **where, "drop_after_accept": True, "times": 1}):
        if platform == "stripe":
            phone.order()
        else:
            phone.tap_ad()
            settle()
            phone.choose(0)
        settle()
        assert sandbox.get("/_faults")[0]["times"] == 0
        hasten()
        settle()
    assert unfinished(schema, phone.number) == []
    lead = platforms_hold(schema, phone, sandbox)
    # Meta takes the same event or the same rows again and counts them once.
    again = [line for line in lead.doubled() if line.endswith((" times", ")")) and platform == "meta"]
    assert [line for line in lead.doubled() if line not in again] == []
    assert len(again) <= 2
    assert (len(lead.deals), len(lead.contacts)) == (1, 1)
    assert len(lead.links) == int(platform == "stripe")
    assert len({(e["dataset_id"], e["event_name"]) for e in lead.events}) == len(lead.events)


def test_a_lost_create_of_a_lead_without_a_phone_makes_one_deal(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    lost = {"platform": "kommo", "path": "/leads/complex", "drop_after_accept": True, "times": 1}
    with sandbox.faults(lost):
        phone.tap_ad(hide_phone=True)
        settle()
    name = user_id_of(sandbox, phone)
    lead = held(sandbox, schema, subscriber_of(schema, name), name)
    assert unfinished(schema, name) == []
    assert len(lead.deals) == 1


# --- refusals -----------------------------------------------------------------------------------


def test_a_poisoned_event_dies_alone_and_its_siblings_are_confirmed(
    schema: str, phones: Any, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    leads = phones(5)
    block = phones(1)[0].tap_ad()["referral"]
    for lead in leads[:4]:
        lead.tap_ad()
    fake = {**block, "ctwa_clid": "ARA" + secrets.token_hex(64)}
    door.text(leads[4], "Здравствуйте", referral=fake)
    settle()
    assert [key for _, key, *_ in unfinished(schema, leads[4].number)] == ["messaging:OptIn"]
    [row] = states_of(schema, leads[4].number)["meta", "messaging:OptIn"]
    assert (row.state, "click id" in row.reason) == ("dead", True)
    for lead in leads[:4]:
        assert unfinished(schema, lead.number) == []
        [told] = [
            e for e in platforms_hold(schema, lead, sandbox).events if e["event_name"] == "LeadSubmitted"
        ]
        assert told["count"] == 1
    with in_organization(schema):
        states = [
            Touchpoint.objects.get(subscriber=subscriber_of(schema, lead.number)).click_id_state
            for lead in leads
        ]
    assert states == ["accepted"] * 4 + ["rejected"]


REFUSED = [
    pytest.param("meta", {"status": 400, "body": {"error": {"code": 190, "message": "expired"}}}, id="meta"),
    pytest.param("kommo", {"status": 401, "body": {"title": "Unauthorized", "status": 401}}, id="kommo"),
    pytest.param("gupshup", {"status": 401, "body": {"message": "Authentication Failed"}}, id="gupshup"),
]


@pytest.mark.parametrize(("platform", "fault"), REFUSED)
def test_a_refused_credential_pauses_the_connection_until_it_is_resumed(
    platform: str, fault: dict[str, Any], schema: str, phone: Phone, sandbox: Sandbox, settle: Any, demo: Any
) -> None:
    connection = demo.connections[platform]
    try:
        with sandbox.faults({"platform": platform, **fault}):
            phone.tap_ad()
            settle()
            seen = len(sandbox.received(platform))
            with in_organization(schema):
                found = Connection.objects.get(id=connection.id)
            assert (found.state, found.state_reason != "") == ("paused", True)
            hasten()
            settle()
            assert len(sandbox.received(platform)) == seen, "a paused connection was called"
        held_tasks = OutboxTask.objects.filter(connection=connection.id)
        assert {task.state for task in held_tasks} <= {"held", "waiting", "new"}
        assert held_tasks.exists()
    finally:
        with in_organization(schema):
            Connection.objects.filter(id=connection.id).update(state="active", state_reason="")
            connection_resume(connection=connection.id)
    settle()
    assert confirmed(schema, phone) == set(EFFECTS)
    assert unfinished(schema, phone.number) == []
    assert platforms_hold(schema, phone, sandbox).doubled() == []


def test_retry_after_is_honoured_by_all_of_the_account(
    schema: str, phones: Any, sandbox: Sandbox, settle: Any
) -> None:
    leads = phones(3)
    wait = {"platform": "kommo", "status": 429, "headers": {"Retry-After": "1.5"}, "times": 1}
    before = sandbox.received("kommo")
    with sandbox.faults(wait):
        leads[0].tap_ad()
        wait_until(lambda: sandbox.pending() == 0, PATIENCE, "the hook")
        work_once()
        for lead in leads[1:]:
            lead.tap_ad()
        settle()
    calls = sandbox.received("kommo")[len(before) :]
    assert calls[0]["status"] == 429
    assert all(call["at"] - calls[0]["at"] >= 1.5 for call in calls[1:])
    for lead in leads:
        assert unfinished(schema, lead.number) == []


def test_a_burst_of_leads_stays_within_kommos_limit(
    schema: str, phones: Any, sandbox: Sandbox, settle: Any, full_buckets: Any, monkeypatch: Any
) -> None:
    monkeypatch.setitem(registry._rates, "kommo:account", full_buckets)
    leads = phones(10)
    before = len(sandbox.received("kommo"))
    # The account's last second still holds the calls of the test before, which knew no limit.
    time.sleep(1.1)
    sandbox.post("/kommo/_settings", {"rate": 7})
    try:
        for lead in leads:
            lead.tap_ad()
        settle()
    finally:
        sandbox.post("/kommo/_settings", {"rate": 1000})
    calls = sandbox.received("kommo")[before:]
    assert [call["status"] for call in calls if call["status"] == 429] == []
    for lead in leads:
        assert ("kommo", "deal") in states_of(schema, lead.number)
        assert unfinished(schema, lead.number) == []
