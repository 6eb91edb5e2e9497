"""Whatever is authenticated is stored, and then served or seen as a dead receipt (design 3)."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arriwa.common import sealing
from arriwa.outbox.enqueue import real_now
from integrations.base.hooks import UnparsableHook
from integrations.models import DeadReceipt, InboundEvent
from integrations.receipts import intake, registry
from integrations.receipts.intake import drain_receipts
from integrations.receipts.models import Receipt
from integrations.receipts.receiver import Receiver, hook_handler
from integrations.receipts.replay import NoDeadReceipt, dead_receipt_replay
from subscribers.models import Message
from tenants.context import in_organization
from tests.support.hooks import ACCOUNTS
from tests.support.routes import PLATFORMS, knock, route_of

each_platform = pytest.mark.parametrize("platform", PLATFORMS)
STRIPE_EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "checkout.session.completed",
    "created": 1_790_000_000,
    "data": {
        "object": {
            "id": "cs_1",
            "object": "checkout.session",
            "mode": "payment",
            "payment_status": "paid",
            "payment_intent": "pi_1",
            "amount_total": 90000,
            "currency": "usd",
            "metadata": {"arriwa_order": str(uuid.UUID(int=5)), "arriwa_organization": ""},
        }
    },
}


def whatsapp(*messages: Any, statuses: Any = ()) -> dict[str, Any]:
    """A v3 hook of the first organization's number."""
    account = ACCOUNTS["demo"]["gupshup"]
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": account["number"],
            "phone_number_id": account["number_id"],
        },
        "contacts": [{"profile": {"name": "Ана"}, "wa_id": "77015550001"}],
        "messages": list(messages),
    }
    if statuses:
        value["statuses"] = list(statuses)
    return {
        "gs_app_id": account["app_id"],
        "object": "whatsapp_business_account",
        "entry": [{"id": account["waba_id"], "changes": [{"field": "messages", "value": value}]}],
    }


def text(body: str = "привет", **changes: Any) -> dict[str, Any]:
    """One WhatsApp message."""
    message = {
        "id": f"wamid.{uuid.uuid4().hex}",
        "from": "77015550001",
        "timestamp": str(int(real_now().timestamp())),
        "type": "text",
        "text": {"body": body},
    }
    return {**message, **changes}


class Seen:
    """What the tenant's schema holds of hooks."""

    def __init__(self, demo: Any) -> None:
        self.schema: str = demo.organization.schema_name
        self.organization = demo.organization.id
        self.dead_before, self.events_before = self._dead(), self._events()

    def _dead(self) -> set[uuid.UUID]:
        with in_organization(self.schema):
            return set(DeadReceipt.objects.values_list("id", flat=True))

    def _events(self) -> set[str]:
        with in_organization(self.schema):
            return set(InboundEvent.objects.values_list("key", flat=True))

    def dead(self) -> list[DeadReceipt]:
        """Dead receipts that are new."""
        with in_organization(self.schema):
            return list(DeadReceipt.objects.filter(id__in=self._dead() - self.dead_before))

    def events(self) -> set[str]:
        """Keys of events that were taken in since."""
        return self._events() - self.events_before

    def known(self) -> set[str]:
        """Keys of all events that were ever taken in."""
        return self._events()

    def body(self, dead: DeadReceipt) -> bytes:
        """The hook as it came in."""
        return sealing.unseal(dead.body_sealed, organization=self.organization, row=dead.seal_row)


@pytest.fixture
def seen(demo: Any) -> Seen:
    return Seen(demo)


def take(receiver: Receiver, route: Any, body: bytes) -> None:
    """In by the receiver and worked off; nothing may stay."""
    connection.set_schema_to_public()
    answer = knock(receiver, route, body)
    assert (answer.status, answer.body) == (200, b"")
    drain_receipts()
    assert Receipt.objects.count() == 0


UNREADABLE = [
    b"",
    b" ",
    b"no json",
    b"\xff\xfe\x00",
    b"{",
    b"null",
    b"5",
    b'"text"',
    b"[]",
    b"{}",
    b'[{"entry": []}]',
    b'{"entry": 5}',
    b'{"n": NaN}',
    b'{"n": 1e999}',
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"9" * 10_000,
    b'{"object": "event"}',
    b'{"object": "event", "id": "evt_1", "type": "x"}',
    b'{"object": "v2.core.event", "id": "evt_1", "type": "x"}',
]


@each_platform
@pytest.mark.parametrize("body", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_cannot_be_read_is_kept_as_it_came(
    demo: Any, receiver: Receiver, seen: Seen, platform: str, body: bytes
) -> None:
    route = route_of(demo, platform)
    take(receiver, route, body)
    (dead,) = seen.dead()
    assert (dead.platform, dead.connection_uuid) == (platform, route.connection_uuid)
    assert dead.error_code == "unparsable_hook"
    assert dead.error_text
    assert seen.body(dead) == body
    assert seen.events() == set()


@pytest.mark.parametrize(
    ("platform", "hook"),
    [
        ("gupshup", {"entry": [{"changes": [{"field": "account_update", "value": {}}]}]}),
        ("gupshup", {"entry": []}),
        ("gupshup", {"type": "template-event", "payload": {}}),
        ("stripe", {**STRIPE_EVENT, "id": "evt_unused", "type": "customer.created"}),
    ],
)
def test_what_is_understood_and_unused_is_noted(
    demo: Any, receiver: Receiver, seen: Seen, platform: str, hook: dict[str, Any]
) -> None:
    """Nothing is to be done, and its key tells that it came."""
    hook = {**hook, "nonce": uuid.uuid4().hex, "id": f"evt_{uuid.uuid4().hex}"}
    take(receiver, route_of(demo, platform), json.dumps(hook).encode())
    assert seen.dead() == []
    assert len(seen.events()) == 1


def test_messages_in_an_old_form_are_not_ignored(demo: Any, receiver: Receiver, seen: Seen) -> None:
    hook = {"type": "message", "payload": {"text": "words of a person"}}
    take(receiver, route_of(demo, "gupshup"), json.dumps(hook).encode())
    assert [dead.error_code for dead in seen.dead()] == ["unparsable_hook"]


def test_one_broken_item_dies_alone(demo: Any, receiver: Receiver, seen: Seen) -> None:
    """Its siblings are served; the dead receipt holds the whole hook, for a part cannot be replayed."""
    good, late = text("раз"), text("два")
    body = json.dumps(whatsapp(good, {"type": "text"}, late)).encode()
    take(receiver, route_of(demo, "gupshup"), body)
    (dead,) = seen.dead()
    assert seen.body(dead) == body
    with in_organization(seen.schema):
        assert Message.objects.filter(external_id__in=[good["id"], late["id"]]).count() == 2


@pytest.mark.parametrize("order", [str(uuid.UUID(int=5)), "", "no uuid", "\0", 7, None])
def test_money_that_is_not_ours_is_kept_for_a_person(
    demo: Any, receiver: Receiver, seen: Seen, order: Any
) -> None:
    event = spoiled(STRIPE_EVENT, ("data", "object", "metadata", "arriwa_order"), order)
    event["id"] = f"evt_{uuid.uuid4().hex}"
    take(receiver, route_of(demo, "stripe"), json.dumps(event).encode())
    assert [dead.error_code for dead in seen.dead()] == ["foreign_payment"]
    assert seen.events() == set(), "a replay must be able to take it in"


def test_a_value_that_no_table_takes_is_dead_at_once(demo: Any, receiver: Receiver, seen: Seen) -> None:
    message = text(id="wamid." + "x" * 5000)
    take(receiver, route_of(demo, "gupshup"), json.dumps(whatsapp(message)).encode())
    assert [dead.error_code for dead in seen.dead()] == ["DataError"]


# --- replay ---------------------------------------------------------------------------------------


def test_a_dead_receipt_is_replayed_once_its_cause_is_gone(demo: Any, receiver: Receiver, seen: Seen) -> None:
    """No code takes the hooks of WhatsApp in, as between two releases; then it does."""
    message = text("важно")
    taking = registry.intakes.pop("gupshup")
    try:
        take(receiver, route_of(demo, "gupshup"), json.dumps(whatsapp(message)).encode())
    finally:
        registry.intakes["gupshup"] = taking
    (dead,) = seen.dead()
    assert dead.error_code == "no_intake"
    with in_organization(seen.schema):
        dead_receipt_replay(dead.id)
        assert not Message.objects.filter(external_id=message["id"]).exists(), "it takes its turn"
    assert drain_receipts() == 1
    with in_organization(seen.schema):
        dead.refresh_from_db()
        assert Message.objects.get(external_id=message["id"]).content["text"] == "важно"
    assert dead.replayed_at is not None
    assert len(seen.dead()) == 1


def test_a_replay_takes_nothing_in_twice(demo: Any, receiver: Receiver, seen: Seen) -> None:
    good = text("раз")
    take(receiver, route_of(demo, "gupshup"), json.dumps(whatsapp(good, {"type": "text"})).encode())
    (dead,) = seen.dead()
    for _ in range(2):
        with in_organization(seen.schema):
            dead_receipt_replay(dead.id)
        drain_receipts()
    with in_organization(seen.schema):
        assert Message.objects.filter(external_id=good["id"]).count() == 1
    assert len(seen.dead()) == 3, "what is still broken is dead again, and seen"


def test_a_dead_receipt_of_another_organization_is_not_there(
    demo: Any, organizations: Any, receiver: Receiver, seen: Seen
) -> None:
    take(receiver, route_of(demo, "gupshup"), b"no json")
    (dead,) = seen.dead()
    with in_organization(organizations.other.organization.schema_name), pytest.raises(NoDeadReceipt):
        dead_receipt_replay(dead.id)
    connection.set_schema_to_public()
    assert Receipt.objects.count() == 0


# --- a receipt that cannot be worked off --------------------------------------------------------------


def test_a_receipt_that_does_not_open_blocks_nobody(
    demo: Any, receiver: Receiver, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    """It was moved, or its key is gone: it waits, with a growing pause, and others pass it."""
    route, message = route_of(demo, "gupshup"), text()
    knock(receiver, route, b"{}")
    Receipt.objects.update(uid=uuid.uuid4())
    knock(receiver, route, json.dumps(whatsapp(message)).encode())
    drain_receipts()
    (stuck,) = Receipt.objects.all()
    assert stuck.attempts == 1
    assert stuck.available_at > real_now()
    with in_organization(seen.schema):
        assert Message.objects.filter(external_id=message["id"]).exists()
    assert "could not be worked off" in caplog.text


def test_a_fault_of_ours_is_tried_again_and_then_kept(
    demo: Any, receiver: Receiver, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(origin: Any, event: Any) -> None:
        raise ZeroDivisionError("a fault of ours")

    taking = registry.intakes["gupshup"]
    registry.register_intake("gupshup", crash)
    try:
        knock(receiver, route_of(demo, "gupshup"), json.dumps(whatsapp(text())).encode())
        for attempt in range(1, intake.MAX_ATTEMPTS):
            drain_receipts()
            assert Receipt.objects.get().attempts == attempt
            Receipt.objects.update(available_at=real_now())
        drain_receipts()
    finally:
        registry.register_intake("gupshup", taking)
    assert Receipt.objects.count() == 0
    assert [dead.error_code for dead in seen.dead()] == ["ZeroDivisionError"]
    assert seen.events() == set()


# --- anything at all --------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "\0", "\ud800", "text", "messages", "1790000000", "77015550001", "0", "-1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "from", "text", "body", "entry", "value", "\0"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
TEMPLATES = {
    "gupshup": [
        whatsapp(
            text(),
            text(
                type="interactive",
                interactive={"type": "list_reply", "list_reply": {"id": "q:1", "title": "x"}},
            ),
            text(
                type="order",
                order={
                    "catalog_id": "1",
                    "product_items": [
                        {"product_retailer_id": "p", "quantity": 1, "item_price": 1, "currency": "USD"}
                    ],
                },
            ),
            text(referral={"source_type": "ad", "source_id": "1", "ctwa_clid": "c", "source_url": "u"}),
            statuses=[
                {
                    "id": "wamid.1",
                    "gs_id": "g1",
                    "status": "delivered",
                    "timestamp": "1790000000",
                    "recipient_id": "77015550001",
                }
            ],
        )
    ],
    "stripe": [
        STRIPE_EVENT,
        {
            **STRIPE_EVENT,
            "type": "payment_intent.succeeded",
            "data": {"object": {"id": "pi_1", "amount_received": 5, "currency": "usd", "metadata": {}}},
        },
    ],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a JSON value."""
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


def spoiled(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """The value with `by` at the place."""
    if not path:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = spoiled(value[path[0]], path[1:], by)
    return copy


@st.composite
def hooks_of(draw: Any, platform: str) -> bytes:
    """Random bytes, random JSON, or a real hook with up to two places spoiled."""
    kind = draw(st.sampled_from(["bytes", "json", "spoiled", "spoiled", "spoiled"]))
    if kind == "bytes":
        return bytes(draw(st.binary(max_size=200)))
    if kind == "json":
        return json.dumps(draw(VALUES)).encode()
    hook = draw(st.sampled_from(TEMPLATES[platform]))
    for _ in range(draw(st.integers(1, 2))):
        hook = spoiled(hook, draw(st.sampled_from(places(hook))), draw(VALUES))
    return json.dumps(hook).encode()


def keys_of(platform: str, body: bytes) -> set[str]:
    """The keys of a hook's events; what has none is expected among the dead."""
    try:
        return {item.key for item in hook_handler(platform).parse(body)}
    except UnparsableHook:
        return {"nothing is known by this key"}


@each_platform
def test_whatever_comes_is_served_or_seen(
    demo: Any, receiver: Receiver, platform: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No hook raises, none is lost, and none meets a fault of our own code."""
    route = route_of(demo, platform)

    @settings(
        max_examples=50,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(body=hooks_of(platform))
    def any_hook(body: bytes) -> None:
        caplog.clear()
        before = Seen(demo)
        take(receiver, route, body)
        ours = [dead for dead in before.dead() if dead.error_text == intake.OUR_FAULT]
        assert [dead.error_code for dead in ours if dead.error_code != "DataError"] == []
        assert before.dead() or keys_of(platform, body) <= before.known()

    any_hook()
