"""Stripe's signed events become payments."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from stripe import WebhookSignature

from integrations.base.hooks import BrokenItem, UnparsableHook
from integrations.stripe.webhooks import parse, verify
from subscribers.inbound import HookIgnored, PaymentReceived

CREATED = 1795302000
METADATA = {"arriwa_order": "order-1", "arriwa_organization": "org-1", "arriwa_workspace": "ws-1"}
SESSION = {
    "id": "cs_test_9",
    "object": "checkout.session",
    "mode": "payment",
    "payment_status": "paid",
    "payment_intent": "pi_5",
    "amount_total": 90000,
    "currency": "eur",
    "metadata": METADATA,
    "customer_details": {"email": "ana@example.org"},
}
INTENT = {
    "id": "pi_5",
    "object": "payment_intent",
    "amount": 90000,
    "amount_received": 90000,
    "currency": "eur",
    "metadata": METADATA,
}


def event(type_: str, subject: dict[str, Any], **changes: Any) -> bytes:
    body = {
        "id": "evt_1",
        "object": "event",
        "type": type_,
        "created": CREATED,
        "livemode": False,
        "data": {"object": subject},
    }
    return json.dumps({**body, **changes}).encode()


def one(type_: str, subject: dict[str, Any], **changes: Any) -> Any:
    (found,) = parse(event(type_, subject, **changes))
    return found


@pytest.mark.parametrize(
    ("type_", "subject", "object_id"),
    [
        ("checkout.session.completed", SESSION, "cs_test_9"),
        ("checkout.session.async_payment_succeeded", SESSION, "cs_test_9"),
        ("payment_intent.succeeded", INTENT, "pi_5"),
    ],
)
def test_a_paid_event_is_a_payment(type_: str, subject: dict[str, Any], object_id: str) -> None:
    assert one(type_, subject) == PaymentReceived(
        key=f"stripe:{type_}:{object_id}",
        at=datetime.fromtimestamp(CREATED, UTC),
        event_id="evt_1",
        event_type=type_,
        payment_id="pi_5",
        order_id="order-1",
        organization_id="org-1",
        amount_minor=90000,
        currency="EUR",
    )


def test_both_events_of_a_sale_come_through_and_share_the_payment() -> None:
    session, intent = one("checkout.session.completed", SESSION), one("payment_intent.succeeded", INTENT)
    assert session.key != intent.key
    assert session.payment_id == intent.payment_id


def test_a_repeated_event_has_the_same_key_even_under_a_new_id() -> None:
    first = one("payment_intent.succeeded", INTENT)
    again = one("payment_intent.succeeded", INTENT, id="evt_2")
    assert first.key == again.key


def test_an_expanded_payment_intent_is_read() -> None:
    assert one("checkout.session.completed", {**SESSION, "payment_intent": INTENT}).payment_id == "pi_5"


def test_a_session_without_a_payment_intent_stands_for_itself() -> None:
    subject = {**SESSION, "payment_intent": None, "payment_status": "no_payment_required", "amount_total": 0}
    payment = one("checkout.session.completed", subject)
    assert (payment.payment_id, payment.amount_minor) == ("cs_test_9", 0)


@pytest.mark.parametrize("metadata", [None, {}, [], {"other": "x"}])
def test_a_payment_that_is_not_ours_has_no_order(metadata: Any) -> None:
    payment = one("payment_intent.succeeded", {**INTENT, "metadata": metadata})
    assert (payment.order_id, payment.organization_id) == ("", "")


@pytest.mark.parametrize(
    ("type_", "subject", "reason"),
    [
        ("checkout.session.completed", {**SESSION, "payment_status": "unpaid"}, "unpaid"),
        ("checkout.session.completed", {**SESSION, "mode": "subscription"}, "subscription"),
        ("checkout.session.expired", SESSION, "not used"),
        ("charge.refunded", {"id": "ch_1"}, "not used"),
    ],
)
def test_events_that_bring_no_money_are_ignored(type_: str, subject: dict[str, Any], reason: str) -> None:
    ignored = one(type_, subject)
    assert isinstance(ignored, HookIgnored)
    assert reason in ignored.reason
    assert ignored.key == "stripe:event:evt_1"


@pytest.mark.parametrize(
    "change",
    [
        {"amount_total": None},
        {"amount_total": "90000"},
        {"amount_total": 900.5},
        {"amount_total": True},
        {"amount_total": -1},
        {"currency": None},
        {"currency": "euro"},
        {"payment_status": None},
        {"id": None},
    ],
)
def test_a_payment_that_cannot_be_read_is_broken_and_not_guessed(change: dict[str, Any]) -> None:
    broken = one("checkout.session.completed", {**SESSION, **change})
    assert isinstance(broken, BrokenItem)
    assert broken.key == "stripe:broken:evt_1"


@pytest.mark.parametrize("created", [None, "soon", True, 10**30])
def test_an_event_without_a_time_is_broken(created: Any) -> None:
    assert isinstance(one("payment_intent.succeeded", INTENT, created=created), BrokenItem)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b"\xff",
        b'{"object":"event","id":"evt_1","type":"x","data":{}}',
        b'{"object":"event","id":"evt_1","type":"x","data":[]}',
        b'{"object":"event","id":"","type":"x","data":{"object":{}}}',
        b'{"object":"event","id":"evt_1","type":[],"data":{"object":{}}}',
        b'{"object":"v2.core.event","id":"evt_1","type":"v1.checkout.session.completed"}',
    ],
)
def test_what_is_no_event_is_unparsable(raw: bytes) -> None:
    with pytest.raises(UnparsableHook):
        parse(raw)


NOW = 1795302000
RAW = '{"id":"evt_1","name":"Привет"}'.encode()
CURRENT, PREVIOUS = "whsec_current", "whsec_previous"


def signed(secret: str = CURRENT, at: int = NOW) -> dict[str, str]:
    """As Stripe's own library signs."""
    header = WebhookSignature.generate_signature_header(RAW.decode(), secret, at)
    return {"stripe-signature": header}


def test_the_current_and_the_previous_secret_are_accepted() -> None:
    assert verify(RAW, signed(), [CURRENT, PREVIOUS], NOW)
    assert verify(RAW, signed(PREVIOUS), [CURRENT, PREVIOUS], NOW)


def test_one_of_several_signatures_is_enough() -> None:
    header = signed()["stripe-signature"]
    time_, _, signature = header.partition(",")
    assert verify(RAW, {"stripe-signature": f"{time_}, v1={'0' * 64}, {signature},v0=x"}, [CURRENT], NOW)


@pytest.mark.parametrize("drift", [-300, 0, 300])
def test_a_clock_may_differ_by_five_minutes(drift: int) -> None:
    assert verify(RAW, signed(at=NOW + drift), [CURRENT], NOW)


@pytest.mark.parametrize("drift", [-301, 301, 10**9])
def test_an_old_or_future_signature_is_refused(drift: int) -> None:
    assert not verify(RAW, signed(at=NOW + drift), [CURRENT], NOW)


def test_a_changed_body_or_time_is_refused() -> None:
    assert not verify(RAW + b" ", signed(), [CURRENT], NOW)
    moved = signed()["stripe-signature"].replace(f"t={NOW}", f"t={NOW + 1}")
    assert not verify(RAW, {"stripe-signature": moved}, [CURRENT], NOW)


@pytest.mark.parametrize("secrets", [[], [""], ["whsec_other"]])
def test_other_secrets_are_refused(secrets: list[str]) -> None:
    assert not verify(RAW, signed(), secrets, NOW)


def test_an_empty_secret_proves_nothing() -> None:
    assert not verify(RAW, signed(secret=""), ["", CURRENT], NOW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        f"t={NOW}",
        "v1=abc",
        "t=x,v1=abc",
        f"t={NOW},v1=ключ",
        f"t={NOW},t={NOW},v1=a",
        "t=²,v1=a",
        ",=,",
    ],
)
def test_a_header_that_cannot_be_read_is_refused(header: str) -> None:
    assert not verify(RAW, {"stripe-signature": header}, [CURRENT], NOW)
    assert not verify(RAW, {}, [CURRENT], NOW)


def test_a_body_that_is_no_text_is_refused_without_an_error() -> None:
    assert not verify(b"\xff\xfe", signed(), [CURRENT], NOW)


def test_a_payment_status_of_another_shape_is_a_broken_item() -> None:
    session = {"id": "cs_1", "object": "checkout.session", "mode": "payment", "payment_status": []}
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.session.completed",
        "created": 1790000000,
        "data": {"object": session},
    }
    [item] = parse(json.dumps(event).encode())
    assert isinstance(item, BrokenItem)
