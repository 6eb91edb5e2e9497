"""Meta: facts become request bodies, exactly."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest

from integrations.base.errors import ConfigurationError, Rejected
from integrations.meta.payloads import (
    MESSAGING_EVENTS,
    Content,
    audience_row,
    audience_users,
    batch_body,
    custom_data,
    destinations,
    event_time_problem,
    hashed_user_data,
    messaging_event,
    pixel_event,
)
from integrations.meta.user_data import normal_country, normal_phone, phone_variants, sha256_hex

UUID = "3F2B8C1E-0000-4000-8000-00000000000A"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("5491155550123", "0cfefa0e", "c2bea7"), ("ana", "24d4b96f", "01e788ac"), ("ar", "ab5b6208", "ea2061")],
)
def test_hashes_equal_the_reference_vectors(text: str, start: str, end: str) -> None:
    value = sha256_hex(text)
    assert (value[:8], value[-len(end) :]) == (start, end)


@pytest.mark.parametrize(
    ("given", "normal"),
    [("+7 701 000-00-01", "77010000001"), ("0049 151 1", "491511"), ("", ""), (None, ""), ("٣٤", "")],
)
def test_phone_keeps_ascii_digits_without_leading_zeros(given: str | None, normal: str) -> None:
    assert normal_phone(given) == normal


@pytest.mark.parametrize(("given", "normal"), [(" KZ ", "kz"), ("Kazakhstan", ""), (None, ""), ("k1", "")])
def test_country_is_alpha_2_or_nothing(given: str | None, normal: str) -> None:
    assert normal_country(given) == normal


@pytest.mark.parametrize(
    ("phone", "variants"),
    [
        ("5491155550123", ("5491155550123", "541155550123")),
        ("541155550123", ("541155550123", "5491155550123")),
        ("5215512345678", ("5215512345678", "525512345678")),
        ("525512345678", ("525512345678", "5215512345678")),
        ("5511987654321", ("5511987654321", "551187654321")),
        ("551187654321", ("551187654321", "5511987654321")),
        ("551132345678", ("551132345678",)),
        ("77010000001", ("77010000001",)),
        (None, ()),
    ],
)
def test_phone_variants_cover_the_trunk_digits_of_three_countries(
    phone: str | None, variants: tuple[str, ...]
) -> None:
    assert phone_variants(phone) == variants


def test_user_data_without_a_phone_has_no_phone_key() -> None:
    assert hashed_user_data(phone=None, external_id=UUID, country="") == {
        "external_id": [digest(UUID.lower())]
    }


def test_messaging_event_is_golden() -> None:
    event = messaging_event(
        event_name="Purchase",
        event_id="6f9f1f0e-1111-5111-8111-111111111111",
        event_time=1795350000,
        click_id="AfClick_Zq-Untouched",
        waba_id="104455667788",
        phone="+7 701 000 00 01",
        external_id=UUID,
        country="KZ",
        custom_data=custom_data(
            lead_stage="paid",
            value=Decimal("900.50"),
            currency="usd",
            contents=[Content("course-start", 1, Decimal("900.50"))],
        ),
    )
    assert event == {
        "event_name": "Purchase",
        "event_time": 1795350000,
        "event_id": "6f9f1f0e-1111-5111-8111-111111111111",
        "action_source": "business_messaging",
        "messaging_channel": "whatsapp",
        "user_data": {
            "whatsapp_business_account_id": "104455667788",
            "ctwa_clid": "AfClick_Zq-Untouched",
            "ph": [digest("77010000001")],
            "external_id": [digest(UUID.lower())],
            "country": [digest("kz")],
        },
        "custom_data": {
            "lead_stage": "paid",
            "value": 900.5,
            "currency": "USD",
            "content_type": "product",
            "contents": [{"id": "course-start", "quantity": 1, "item_price": 900.5}],
        },
    }


def pixel(noise: bool) -> dict[str, object]:
    return pixel_event(
        event_name="QUALIFY_Q1",
        event_id="e1",
        event_time=1795350000,
        phone=None,
        external_id=UUID,
        country=None,
        custom_data=custom_data(lead_stage="q1"),
        noise=noise,
    )


def test_pixel_event_is_golden_and_holds_no_click_id() -> None:
    assert pixel(noise=False) == {
        "event_name": "QUALIFY_Q1",
        "event_time": 1795350000,
        "event_id": "e1",
        "action_source": "chat",
        "user_data": {"external_id": [digest(UUID.lower())]},
        "custom_data": {"lead_stage": "q1"},
    }


def test_noise_event_differs_only_by_opt_out() -> None:
    assert pixel(noise=True) == {**pixel(noise=False), "opt_out": True}


def test_whole_value_is_an_integer_number() -> None:
    value = custom_data(lead_stage="paid", value=Decimal("900.00"), currency="USD")["value"]
    assert (value, type(value)) == (900, int)


def test_value_without_currency_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        custom_data(lead_stage="paid", value=Decimal(1))
    assert caught.value.platform_code == "100/2804023"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"click_id": ""}, "100/2804071"),
        ({"event_name": "Purchase"}, "100/2804009"),
        ({"custom_data": {}}, "lead_stage"),
    ],
)
def test_incomplete_messaging_event_is_refused_before_it_is_sent(
    change: dict[str, object], code: str
) -> None:
    good: dict[str, object] = {
        "event_name": "LeadSubmitted",
        "event_id": "e",
        "event_time": 1,
        "click_id": "A" * 90,
        "waba_id": "1",
        "phone": None,
        "external_id": UUID,
        "country": None,
        "custom_data": {"lead_stage": "new"},
    }
    with pytest.raises(Rejected) as caught:
        messaging_event(**{**good, **change})  # type: ignore[arg-type]
    assert caught.value.platform_code == code


@pytest.mark.parametrize("name", ["Lead", "QUALIFY_Q1", "purchase", "CompleteRegistration"])
def test_name_outside_the_closed_list_is_a_configuration_error(name: str) -> None:
    assert name not in MESSAGING_EVENTS
    with pytest.raises(ConfigurationError, match=name):
        messaging_event(
            event_name=name,
            event_id="e",
            event_time=1,
            click_id="A" * 90,
            waba_id="1",
            phone=None,
            external_id=UUID,
            country=None,
            custom_data={"lead_stage": "new"},
        )


def test_batch_names_the_partner_and_the_test_code_only_when_given() -> None:
    assert batch_body([{"event_id": "1"}]) == {"data": [{"event_id": "1"}], "partner_agent": "arriwa"}
    assert batch_body([{}], "TEST1")["test_event_code"] == "TEST1"


@pytest.mark.parametrize("count", [0, 1001])
def test_batch_of_a_wrong_size_is_refused(count: int) -> None:
    with pytest.raises(Rejected):
        batch_body([{}] * count)


@pytest.mark.parametrize(
    ("age", "problem"), [(0, None), (6 * 86_400, None), (6 * 86_400 + 1, "too_old"), (-1, "future")]
)
def test_event_time_is_judged_with_a_day_of_reserve(age: int, problem: str | None) -> None:
    assert event_time_problem(1_000_000_000 - age, 1_000_000_000) == problem


EVENT_MAP: dict[str, dict[str, str | None]] = {
    "opt_in": {"messaging": "LeadSubmitted", "pixel": "OptIn", "pixel_when": "always", "noise": None},
    "qualify_q1": {"messaging": None, "pixel": "QUALIFY_Q1", "noise": None},
    "purchase": {"messaging": "Purchase", "pixel": "Purchase", "pixel_when": "no_click_id"},
    "noise": {"messaging": None, "pixel": None, "noise": "NOISE"},
    "both": {"pixel": "X", "noise": "NOISE"},
    "typo": {"pixel": "X", "pixel_when": "sometimes"},
}


@pytest.mark.parametrize(
    ("kind", "clicked", "expected"),
    [
        ("opt_in", True, [("messaging", "LeadSubmitted"), ("good_pixel", "OptIn")]),
        ("opt_in", False, [("good_pixel", "OptIn")]),
        ("qualify_q1", True, [("good_pixel", "QUALIFY_Q1")]),
        ("purchase", True, [("messaging", "Purchase")]),
        ("purchase", False, [("good_pixel", "Purchase")]),
        ("noise", True, [("noise_pixel", "NOISE")]),
        ("noise", False, [("noise_pixel", "NOISE")]),
        ("unmapped", True, []),
    ],
)
def test_routing_follows_the_event_map(kind: str, clicked: bool, expected: list[tuple[str, str]]) -> None:
    assert destinations(kind, EVENT_MAP, clicked) == expected


@pytest.mark.parametrize("kind", ["both", "typo"])
def test_map_that_contradicts_itself_is_a_configuration_error(kind: str) -> None:
    with pytest.raises(ConfigurationError, match=kind):
        destinations(kind, EVENT_MAP, True)


def test_audience_row_hashes_what_is_known_and_leaves_the_rest_empty() -> None:
    assert audience_row(UUID, "+77010000001", "KZ") == (UUID.lower(), digest("77010000001"), digest("kz"))
    assert audience_row(UUID, None, None) == (UUID.lower(), "", "")


def test_audience_call_is_one_closed_session() -> None:
    assert audience_users([("a", "", "")], 771002933) == {
        "session": {
            "session_id": 771002933,
            "batch_seq": 1,
            "last_batch_flag": True,
            "estimated_num_total": 1,
        },
        "payload": {"schema": ["EXTERN_ID", "PHONE", "COUNTRY"], "data": [["a", "", ""]]},
    }


@pytest.mark.parametrize(("count", "session"), [(0, 1), (10_001, 1), (1, 0), (1, 2**63)])
def test_audience_call_outside_metas_limits_is_refused(count: int, session: int) -> None:
    with pytest.raises(Rejected):
        audience_users([("a", "", "")] * count, session)
