"""Windows, consent and sends in doubt: nothing is sent twice, nothing is lost unseen (R3, L22; design 3)."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from arriwa.common import clock
from subscribers.models import Message, Subscriber
from tenants.context import in_organization
from tests.support.held import held
from tests.support.hooks import Door
from tests.support.journey import (
    BUDGET,
    STATUSES_OFF,
    hasten,
    sent_to,
    to_offer,
    user_id_of,
    walk,
)
from tests.support.ledger import canonical, states_of, subscriber_of, unfinished
from tests.support.sandbox import Phone, Sandbox
from tests.support.settle import work_once
from tests.support.workers import PATIENCE, wait_until

STRIPE_DOWN = {"platform": "stripe", "status": 503, "body": {"error": {"type": "api_error"}}}
ANSWER_LOST = {"platform": "gupshup", "path": "/v3/message", "drop_after_accept": True, "times": 1}
Q1, Q2 = ("gupshup", "question:niche:menu"), ("gupshup", "question:budget:text")


def test_a_closed_window_sends_the_mapped_template_with_proof(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any, clocks: Any
) -> None:
    to_offer(phone, settle)
    with sandbox.faults(STRIPE_DOWN):
        phone.order()
        settle(queues=("interactive",))
        work_once()
    clocks(25)
    hasten()
    settle()
    message = sent_to(sandbox, phone.number)[-1]
    assert (message["type"], message["template"]) == ("template", "payment_link_ru")
    [row] = states_of(schema, phone.number)["gupshup", "payment_link:link_button"]
    assert row.state == "confirmed"
    assert row.proof["template"] == "payment_link_ru"
    assert row.proof["message_id"] == message["gs_id"]
    assert row.proof["statuses"] == ["accepted", "sent", "delivered", "read"]


def test_a_window_that_whatsapp_calls_closed_is_followed_by_the_template_once(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any, clocks: Any, door: Door
) -> None:
    to_offer(phone, settle)
    with sandbox.faults(STRIPE_DOWN):
        phone.order()
        settle(queues=("interactive",))
        work_once()
    before = len(sent_to(sandbox, phone.number))
    clocks(25, product=False)
    hasten()
    settle()
    refused, template = sent_to(sandbox, phone.number)[before:]
    assert (refused["subtype"], refused["code"]) == ("cta_url", 131047)
    assert (template["type"], template["template"]) == ("template", "payment_link_ru")
    door.statuses(refused, "failed", code=131047, reason="again")
    settle()
    assert len(sent_to(sandbox, phone.number)) == before + 2
    with in_organization(schema):
        row = Message.objects.get(gs_id=template["gs_id"])
        assert (row.template, row.read_at is not None) == ("payment_link_ru", True)
    ledger = canonical(schema, phone.number)
    assert ledger["fact", "", "InitiateCheckout:course-start", 90000, "USD", ""] == 1


def test_somebody_who_opted_out_meanwhile_is_sent_nothing(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    phone.tap_ad()
    wait_until(lambda: sandbox.pending() == 0, PATIENCE, "the hook")
    work_once(queues=())
    person = subscriber_of(schema, phone.number)
    with in_organization(schema):
        Subscriber.objects.filter(id=person.id).update(opted_out_at=clock.now())
    settle()
    [row] = states_of(schema, phone.number)[Q1]
    assert (row.state, row.reason) == ("skipped", "The person opted out of messages.")
    assert sent_to(sandbox, phone.number) == []


def test_a_send_whose_answer_is_lost_takes_its_status_as_proof(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    with sandbox.faults(ANSWER_LOST):
        phone.tap_ad()
        settle()
    [message] = sent_to(sandbox, phone.number)
    [row] = states_of(schema, phone.number)[Q1]
    assert row.state == "confirmed"
    assert (row.proof["message_id"], row.proof["adopted_from"]) == (message["gs_id"], "status")
    assert row.proof["statuses"] == ["accepted", "sent", "delivered", "read"]
    phone.choose(0)
    settle()
    assert len(sent_to(sandbox, phone.number)) == 2
    assert unfinished(schema, phone.number) == []


def test_a_send_in_doubt_without_statuses_ends_as_unknown_and_is_never_repeated(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    with sandbox.faults(STATUSES_OFF, ANSWER_LOST):
        phone.tap_ad()
        settle()
        assert [row.state for row in states_of(schema, phone.number)[Q1]] == ["started"]
        phone.choose(0)
        settle()
        assert len(sent_to(sandbox, phone.number)) == 2, "a send in doubt holds up its lane"
        clock.set_offset(timedelta(seconds=settings.SEND_DOUBT_SECONDS + 1))
        settle()
    [row] = states_of(schema, phone.number)[Q1]
    assert row.state == "unknown"
    assert "may or may not have arrived" in row.reason
    assert [row.state for row in states_of(schema, phone.number)[Q2]] == ["confirmed"]
    hasten()
    settle()
    assert len(sent_to(sandbox, phone.number)) == 2


def test_a_status_that_comes_after_the_wait_still_proves_the_send(
    schema: str, phone: Phone, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    with sandbox.faults(STATUSES_OFF, ANSWER_LOST):
        phone.tap_ad()
        settle()
        clock.set_offset(timedelta(seconds=settings.SEND_DOUBT_SECONDS + 1))
        settle()
        assert [row.state for row in states_of(schema, phone.number)[Q1]] == ["unknown"]
        [message] = sent_to(sandbox, phone.number)
        late = str(int(time.time()))
        door.statuses(message, "sent", "delivered", timestamp=late)
        settle()
    [row] = states_of(schema, phone.number)[Q1]
    assert (row.state, row.proof.get("message_id")) == ("confirmed", message["gs_id"])


def test_two_sends_in_doubt_take_their_own_ids(
    schema: str, phone: Phone, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    with sandbox.faults(STATUSES_OFF, {**ANSWER_LOST, "times": 2}):
        phone.tap_ad()
        settle()
        phone.choose(0)
        settle()
        first, second = sent_to(sandbox, phone.number)
        door.statuses(first, "enqueued", "sent")
        door.statuses(second, "sent", "delivered")
        settle()
    rows = states_of(schema, phone.number)
    assert [row.proof["message_id"] for row in rows[Q1]] == [first["gs_id"]]
    assert [row.proof["message_id"] for row in rows[Q2]] == [second["gs_id"]]
    assert rows[Q2][0].proof["statuses"] == ["accepted", "sent", "delivered"]


@pytest.mark.parametrize("shape", ["flat", "errors"])
def test_a_failed_status_shows_in_the_ledger(
    shape: str, schema: str, phone: Phone, sandbox: Sandbox, settle: Any, whatsapp: Any
) -> None:
    whatsapp(fail={phone.number: 131026}, failure_shape=shape)
    phone.tap_ad()
    settle()
    whatsapp(failure_shape="flat")
    [row] = states_of(schema, phone.number)[Q1]
    assert row.proof["error"].startswith("131026 ")
    assert row.proof["statuses"][-1] == "failed"
    assert len(sent_to(sandbox, phone.number)) == 1


def test_a_lead_without_a_phone_goes_the_whole_way(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    phone.act("tap-ad", ad_id="120219876543210001", name=phone.name, hide_phone=True)
    settle()
    phone.choose(0)
    settle()
    phone.say(BUDGET)
    settle()
    phone.say("инстаграм")
    settle()
    phone.choose(0)
    settle()
    phone.order()
    settle()
    phone.pay()
    settle()
    name = user_id_of(sandbox, phone)
    assert unfinished(schema, name) == []
    sends = sent_to(sandbox, phone.number)
    assert sends[-1]["type"] == "template"
    assert {(m["recipient"], m["body"].get("to")) for m in sends} == {(name, None)}
    lead = held(sandbox, schema, subscriber_of(schema, name), name)
    assert lead.doubled() == []
    assert (len(lead.deals), len(lead.links)) == (1, 1)
    assert "Purchase" in {event["event_name"] for event in lead.events}
    assert {"CA_PURCHASERS"} <= {name for name, _ in lead.changes} or lead.member_of


def test_a_walk_whose_answers_are_lost_now_and_then_is_a_clean_walk(
    schema: str, phones: Any, sandbox: Sandbox, settle: Any
) -> None:
    clean, unlucky = phones(2)
    walk(clean, settle)
    with sandbox.faults({**ANSWER_LOST, "times": None}):
        walk(unlucky, settle)
    assert canonical(schema, unlucky.number) == canonical(schema, clean.number)
    assert len(sent_to(sandbox, unlucky.number)) == len(sent_to(sandbox, clean.number))
