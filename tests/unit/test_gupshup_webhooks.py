"""Gupshup's v3 hooks, with their traps, become normalized events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.base.hooks import BrokenItem, UnparsableHook
from integrations.gupshup.webhooks import parse, verify
from subscribers.inbound import CartItem, ChannelNotice, HookIgnored, MessageReceived, MessageStatusChanged

AT = datetime.fromtimestamp(1795000000, UTC)
REFERRAL = {
    "source_type": "ad",
    "source_id": "12025",
    "source_url": "https://fb.me/x",
    "headline": "Tour",
    "ctwa_clid": "Aff-x",
    "welcome_message": {"text": "Hi!"},
}


def hook(*, messages: Any = None, statuses: Any = None, contacts: Any = None, **value: Any) -> bytes:
    value.setdefault("metadata", {"display_phone_number": "37120000001", "phone_number_id": "909"})
    value["messaging_product"] = "whatsapp"
    for key, items in (("messages", messages), ("statuses", statuses), ("contacts", contacts)):
        if items is not None:
            value[key] = items
    return envelope([{"field": "messages", "value": value}])


def envelope(changes: Any) -> bytes:
    entry = [{"id": "100200300", "changes": changes}]
    return json.dumps(
        {"gs_app_id": "0d0c-app", "object": "whatsapp_business_account", "entry": entry}
    ).encode()


CONTACT = {"wa_id": "37129999999", "user_id": "LV.88123", "profile": {"name": "Ana", "username": "ana.k"}}


def message(**fields: Any) -> dict[str, Any]:
    base = {"from": "37129999999", "from_user_id": "LV.88123", "id": "wamid.AAA", "timestamp": "1795000000"}
    return {**base, **fields}


def received(**fields: Any) -> MessageReceived:
    (event,) = parse(hook(messages=[message(**fields)], contacts=[CONTACT]))
    assert isinstance(event, MessageReceived)
    return event


def status(**fields: Any) -> Any:
    base = {
        "id": "wamid.OUT",
        "status": "delivered",
        "timestamp": "1795000000",
        "recipient_id": "37129999999",
    }
    item = {key: value for key, value in {**base, **fields}.items() if value is not None}
    (event,) = parse(hook(statuses=[item]))
    return event


def test_a_first_text_from_an_ad_is_read_whole() -> None:
    raw = message(type="text", text={"body": "Hi ref A7K2Q"}, referral=REFERRAL)
    assert parse(hook(messages=[raw], contacts=[CONTACT])) == [
        MessageReceived(
            key="gupshup:message:wamid.AAA",
            external_id="wamid.AAA",
            at=AT,
            phone="37129999999",
            user_id="LV.88123",
            name="Ana",
            number="37120000001",
            number_id="909",
            kind="text",
            text="Hi ref A7K2Q",
            referral=REFERRAL,
            raw=raw,
        )
    ]


@pytest.mark.parametrize(
    ("fields", "kind", "text", "choice_id"),
    [
        (
            {
                "type": "interactive",
                "interactive": {
                    "type": "button_reply",
                    "button_reply": {"id": "q2:sat", "title": "Saturday"},
                },
            },
            "choice",
            "Saturday",
            "q2:sat",
        ),
        (
            {
                "type": "interactive",
                "interactive": {
                    "type": "list_reply",
                    "list_reply": {"id": "loc:12", "title": "Old Town", "description": "near"},
                },
            },
            "choice",
            "Old Town",
            "loc:12",
        ),
        ({"type": "button", "button": {"payload": "help:o-1", "text": "Help"}}, "choice", "Help", "help:o-1"),
        ({"type": "image", "image": {"id": "m1", "caption": "my flat"}}, "image", "my flat", ""),
        ({"type": "audio", "audio": {"id": "m1"}}, "audio", "", ""),
        ({"type": "video", "video": {"id": "m1"}}, "video", "", ""),
        ({"type": "document", "document": {"id": "m1", "filename": "a.pdf"}}, "document", "", ""),
        ({"type": "sticker", "sticker": {"id": "m1"}}, "sticker", "", ""),
        ({"type": "location", "location": {"latitude": 56.9, "longitude": "24.1"}}, "location", "", ""),
        ({"type": "contacts", "contacts": [{"phones": [{"phone": "+371"}]}]}, "contacts", "", ""),
        ({"type": "request_welcome"}, "request_welcome", "", ""),
        (
            {
                "type": "interactive",
                "interactive": {"type": "nfm_reply", "nfm_reply": {"response_json": "{}"}},
            },
            "unsupported",
            "",
            "",
        ),
        ({"type": "unsupported", "errors": [{"code": 131051}]}, "unsupported", "", ""),
        ({"type": "hologram", "hologram": {}}, "unsupported", "", ""),
        ({}, "unsupported", "", ""),
    ],
)
def test_each_kind_of_message_is_read(fields: dict[str, Any], kind: str, text: str, choice_id: str) -> None:
    event = received(**fields)
    assert (event.kind, event.text, event.choice_id) == (kind, text, choice_id)


def test_a_reaction_points_at_its_message() -> None:
    event = received(type="reaction", reaction={"message_id": "wamid.OUT", "emoji": "👍"})
    assert (event.kind, event.text, event.reply_to) == ("reaction", "👍", "wamid.OUT")


def test_a_cart_is_read_line_by_line() -> None:
    items = [
        {"product_retailer_id": "sku-1", "quantity": 2, "item_price": 450, "currency": "EUR"},
        {"product_retailer_id": "sku-2", "quantity": "1", "item_price": "12.50", "currency": "eur"},
    ]
    event = received(type="order", order={"catalog_id": "55501", "text": "please", "product_items": items})
    assert event.kind == "order"
    assert event.text == "please"
    assert event.cart == (CartItem("sku-1", 2, "450", "EUR"), CartItem("sku-2", 1, "12.50", "EUR"))


@pytest.mark.parametrize(
    "line",
    [
        {"quantity": 1, "item_price": 1, "currency": "EUR"},
        {"product_retailer_id": "a", "quantity": 0, "item_price": 1},
        {"product_retailer_id": "a", "quantity": "many", "item_price": 1},
        {"product_retailer_id": "a", "quantity": 1.5, "item_price": 1},
        {"product_retailer_id": "a", "quantity": 1, "item_price": "free"},
        {"product_retailer_id": "a", "quantity": 1, "item_price": -1},
    ],
)
def test_a_cart_that_cannot_be_read_is_broken(line: dict[str, Any]) -> None:
    item = message(type="order", order={"product_items": [line]})
    (event,) = parse(hook(messages=[item]))
    assert isinstance(event, BrokenItem)
    assert event.raw == item


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "image", "image": {"id": "m1"}},
        {"type": "request_welcome"},
        {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "a"}}},
        {"type": "hologram"},
    ],
)
def test_a_referral_is_kept_on_any_kind_of_message(fields: dict[str, Any]) -> None:
    assert received(**fields, referral=REFERRAL).referral == REFERRAL


def test_a_referral_stays_as_it_came() -> None:
    odd = {"source_type": "ad", "ctwa_clid": "", "source_id": 12025, "new_key": None}
    assert received(type="text", referral=odd).referral == odd
    assert received(type="text").referral is None


@pytest.mark.parametrize("absent", [{}, {"from": ""}, {"from": None}, {"from": "LV.88123"}])
def test_a_person_without_a_phone_is_known_by_the_user_id(absent: dict[str, Any]) -> None:
    item = {"from_user_id": "LV.88123", "id": "wamid.A", "timestamp": 1795000000, "type": "text", **absent}
    contact = {"user_id": "LV.88123", "profile": {"name": "Ana"}}
    (event,) = parse(hook(messages=[item], contacts=[contact]))
    assert isinstance(event, MessageReceived)
    assert (event.phone, event.user_id, event.name) == (None, "LV.88123", "Ana")


def test_the_user_id_may_stand_in_the_contact_alone() -> None:
    item = {"id": "wamid.A", "timestamp": 1795000000, "type": "text"}
    (event,) = parse(hook(messages=[item], contacts=[{"user_id": "LV.88123"}]))
    assert isinstance(event, MessageReceived)
    assert event.user_id == "LV.88123"


def test_each_sender_gets_the_own_contact() -> None:
    other = {"wa_id": "37128888888", "user_id": "LV.77", "profile": {"name": "Bo"}}
    items = [message(), {"from": "37128888888", "id": "wamid.B", "timestamp": 1795000000, "type": "text"}]
    events = parse(hook(messages=items, contacts=[CONTACT, other]))
    assert [(e.name, e.user_id) for e in events if isinstance(e, MessageReceived)] == [
        ("Ana", "LV.88123"),
        ("Bo", "LV.77"),
    ]


def test_a_strangers_contact_is_not_taken() -> None:
    item = {"from": "37128888888", "id": "wamid.B", "timestamp": 1795000000, "type": "text"}
    (event,) = parse(hook(messages=[item], contacts=[CONTACT]))
    assert isinstance(event, MessageReceived)
    assert (event.phone, event.user_id, event.name) == ("37128888888", None, "")


@pytest.mark.parametrize("key", ["gs_id", "gsId"])
def test_a_quote_names_both_ids(key: str) -> None:
    event = received(type="text", context={"from": "37120000001", "id": "wamid.OUT", key: "7b1e"})
    assert (event.reply_to, event.reply_to_gs_id) == ("wamid.OUT", "7b1e")


@pytest.mark.parametrize("stamp", ["1795000000", 1795000000, "1795000000000", 1795000000000])
def test_seconds_and_milliseconds_as_number_or_text_are_one_time(stamp: Any) -> None:
    assert received(type="text", timestamp=stamp).at == AT
    assert status(timestamp=stamp).at == AT


def test_a_system_message_is_not_the_persons() -> None:
    item = message(type="system", system={"type": "user_changed_number", "wa_id": "37127777777"})
    (event,) = parse(hook(messages=[item]))
    assert event == HookIgnored("gupshup:message:wamid.AAA", "system message user_changed_number")


def test_a_delivery_status_is_read_whole() -> None:
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"}
    event = status(gs_id="7b1e", meta_msg_id="wamid.OUT", recipient_user_id="LV.88123", pricing=pricing)
    assert event == MessageStatusChanged(
        key="gupshup:status:7b1e:delivered",
        status="delivered",
        at=AT,
        external_id="wamid.OUT",
        gs_id="7b1e",
        phone="37129999999",
        user_id="LV.88123",
        pricing=pricing,
    )


@pytest.mark.parametrize(
    ("ids", "wamid", "gs_id", "key"),
    [
        ({"id": "wamid.OUT", "gs_id": "7b1e"}, "wamid.OUT", "7b1e", "7b1e"),
        ({"id": "wamid.OUT", "gsId": "7b1e"}, "wamid.OUT", "7b1e", "7b1e"),
        ({"id": "7b1e"}, "", "7b1e", "7b1e"),
        ({"id": "7b1e", "gs_id": "7b1e"}, "", "7b1e", "7b1e"),
        ({"id": "uuid", "gs_id": "7b1e", "meta_msg_id": "wamid.OUT"}, "wamid.OUT", "7b1e", "7b1e"),
        ({"id": "wamid.OUT"}, "wamid.OUT", "", "wamid.OUT"),
        ({"id": None, "gs_id": "7b1e"}, "", "7b1e", "7b1e"),
    ],
)
def test_a_status_is_known_by_either_id(ids: dict[str, Any], wamid: str, gs_id: str, key: str) -> None:
    event = status(**ids)
    assert (event.external_id, event.gs_id) == (wamid, gs_id)
    assert event.key == f"gupshup:status:{key}:delivered"


@pytest.mark.parametrize(
    ("failure", "code", "text"),
    [
        ({"code": 131049, "reason": "healthy ecosystem"}, "131049", "healthy ecosystem"),
        (
            {
                "errors": [
                    {"code": 131047, "title": "t", "message": "m", "error_data": {"details": "Over 24 hours"}}
                ]
            },
            "131047",
            "Over 24 hours",
        ),
        ({"errors": [{"code": 131026, "title": "Undeliverable"}]}, "131026", "Undeliverable"),
        ({}, "", ""),
    ],
)
def test_a_failure_is_read_in_both_forms(failure: dict[str, Any], code: str, text: str) -> None:
    event = status(status="failed", id="7b1e", **failure)
    assert (event.status, event.error_code, event.error_text) == ("failed", code, text)


def test_enqueued_comes_without_metadata_and_recipient() -> None:
    item = {"id": "7b1e", "status": "enqueued", "timestamp": 1795000000123}
    (event,) = parse(envelope([{"field": "messages", "value": {"statuses": [item]}}]))
    assert isinstance(event, MessageStatusChanged)
    assert (event.status, event.phone, event.user_id) == ("enqueued", None, None)


def test_the_test_event_of_a_new_subscription_tells_that_the_address_works() -> None:
    (event,) = parse(hook(statuses=[{"type": "set-callback"}]))
    assert event == ChannelNotice("", "set_callback", "3")


def test_messages_come_before_statuses_across_all_entries() -> None:
    def entry(n: int) -> dict[str, Any]:
        value = {
            "statuses": [{"id": f"wamid.S{n}", "status": "read", "timestamp": 1795000000}],
            "messages": [message(id=f"wamid.M{n}", type="text")],
        }
        return {"id": "1", "changes": [{"field": "messages", "value": value}] * 2}

    events = parse(json.dumps({"entry": [entry(1), entry(2)]}).encode())
    assert [e.key.split(":")[1] for e in events] == ["message"] * 4 + ["status"] * 4
    assert [e.key for e in events][:4:2] == ["gupshup:message:wamid.M1", "gupshup:message:wamid.M2"]


@pytest.mark.parametrize(
    "item", [None, 7, "x", [], {}, message(id=""), message(timestamp="soon"), message(timestamp=1e300)]
)
def test_one_broken_message_leaves_its_siblings_alone(item: Any) -> None:
    good = message(type="text", id="wamid.GOOD")
    events = parse(
        hook(messages=[item, good], statuses=[item, {"id": "g", "status": "read", "timestamp": 1}])
    )
    assert [type(e) for e in events] == [BrokenItem, MessageReceived, BrokenItem, MessageStatusChanged]


def test_a_message_without_a_sender_is_broken() -> None:
    (event,) = parse(hook(messages=[{"id": "wamid.A", "timestamp": 1795000000, "type": "text"}]))
    assert isinstance(event, BrokenItem)
    assert event.reason == "a message without a sender"


@pytest.mark.parametrize("field", ["billing-event", "user_preferences", "account_update", ""])
def test_other_fields_are_ignored_with_a_reason(field: str) -> None:
    (event,) = parse(envelope([{"field": field, "value": {}}]))
    assert isinstance(event, HookIgnored)
    assert "is not used" in event.reason


def test_a_status_without_use_is_ignored() -> None:
    assert isinstance(status(status="played"), HookIgnored)


def test_the_same_hook_has_the_same_keys() -> None:
    raw = hook(messages=[message(type="text"), {}], statuses=[{"type": "set-callback"}])
    assert [e.key for e in parse(raw)] == [e.key for e in parse(raw)]


def test_v2_events_of_the_app_are_notices_and_v2_messages_are_refused() -> None:
    (event,) = parse(b'{"app":"a","version":2,"type":"template-event","payload":{"id":"1"}}')
    assert isinstance(event, ChannelNotice) and event.kind == "template"
    (event,) = parse(b'{"app":"a","version":2,"type":"billing-event","payload":{"id":"1"}}')
    assert isinstance(event, HookIgnored)
    with pytest.raises(UnparsableHook, match="version 3"):
        parse(b'{"app":"a","version":2,"type":"message","payload":{"id":"1"}}')


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"entry":{}}',
        b'{"entry":NaN}',
        b"[" * 200_000,
        b'{"entry":[],"x":1e999}',
    ],
)
def test_what_is_no_known_envelope_is_unparsable(raw: bytes) -> None:
    with pytest.raises(UnparsableHook):
        parse(raw)


def test_texts_that_postgresql_refuses_are_made_storable() -> None:
    event = received(type="text", text={"body": "a\0b\ud83dc"})
    assert event.text == "a\ufffdb\ufffdc"
    assert event.raw["text"] == {"body": "a\ufffdb\ufffdc"}


def test_emoji_stay() -> None:
    assert received(type="text", text={"body": "Привет 👋"}).text == "Привет 👋"


KEYS = (
    "id type from timestamp text order interactive button_reply context referral errors status "
    "product_items quantity item_price product_retailer_id profile wa_id"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=5)
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(item=JSON, contact=JSON, metadata=JSON)
def test_no_item_can_break_the_parser(item: Any, contact: Any, metadata: Any) -> None:
    good = message(type="text", id="wamid.GOOD")
    items = [item, good]
    events = parse(hook(messages=items, statuses=[item], contacts=[contact], metadata=metadata))
    assert len(events) == 3
    assert "gupshup:message:wamid.GOOD" in [e.key for e in events]


HEADERS = {"x-arriwa-key": "current"}


def test_the_current_and_the_previous_key_are_accepted() -> None:
    assert verify(b"", HEADERS, ["current", "previous"], 0)
    assert verify(b"", {"x-arriwa-key": "previous"}, ["current", "previous"], 0)


@pytest.mark.parametrize(
    ("headers", "secrets"),
    [
        ({}, ["current"]),
        ({}, [""]),
        ({"x-arriwa-key": ""}, ["", "current"]),
        ({"x-arriwa-key": "curren"}, ["current"]),
        ({"x-arriwa-key": "CURRENT"}, ["current"]),
        ({"x-arriwa-key": "ключ\udcff"}, ["current"]),
        ({"x-arriwa-key": "current"}, []),
        ({"authorization": "current"}, ["current"]),
    ],
)
def test_any_other_key_is_refused(headers: dict[str, str], secrets: list[str]) -> None:
    assert not verify(b"", headers, secrets, 0)
