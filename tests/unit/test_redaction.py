"""What is stored or logged holds no phone and no credential."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriwa.common import redaction
from arriwa.common.redaction import PHONE, SECRET, RedactingFilter, redact, redact_text

PHONE_NUMBER = "37129999999"


@pytest.mark.parametrize(
    "key",
    [
        "to",
        "from",
        "wa_id",
        "phone",
        "recipient_id",
        "input",
        "destination",
        "display_phone_number",
        "Phone",
    ],
)
@pytest.mark.parametrize("value", [PHONE_NUMBER, "+371 29-99 99 99", int(PHONE_NUMBER), [PHONE_NUMBER]])
def test_numbers_under_a_phones_key_are_masked(key: str, value: Any) -> None:
    redacted = redact({"contacts": [{key: value}]})
    assert redacted == {"contacts": [{key: [PHONE] if isinstance(value, list) else PHONE}]}


@pytest.mark.parametrize(
    "key",
    [
        "Authorization",
        "token",
        "access_token",
        "refresh-token",
        "secret",
        "client_secret",
        "apikey",
        "key",
        "X-Arriwa-Key",
        "appsecret_proof",
    ],
)
def test_a_secrets_key_loses_its_whole_value(key: str) -> None:
    assert redact({key: "opaque"}) == {key: SECRET}
    assert redact({key: {"inner": "opaque"}}) == {key: SECRET}
    assert redact({key: None}) == {key: None}


def test_ids_hashes_amounts_and_times_stay() -> None:
    answer = {
        "messages": [{"id": "wamid.HBgLMzcxMjk5OTk5OTk5FQIAERgSQUFBAA==", "gs_id": "7b1e2c3d-1111-2222"}],
        "user_data": {"ph": ["0a1234567890b" * 4], "ctwa_clid": "Aff-1234567890"},
        "to": "0a1234567890b" * 4,
        "from": "LV.881234567890",
        "timestamp": "1795000010",
        "amount_total": 90000000,
        "fbtrace_id": "A1234567890",
        "idempotency_key": "5b0c8a34-9d5e",
        "events_received": 1,
        "id": UUID(int=7),
        "at": "2026-11-22T10:00:00+00:00",
        "max_tokens": 512,
    }
    assert redact(answer) == answer


def test_the_given_value_is_not_changed() -> None:
    given = {"to": PHONE_NUMBER, "list": [{"token": "opaque"}]}
    redact(given)
    assert given == {"to": PHONE_NUMBER, "list": [{"token": "opaque"}]}


@pytest.mark.parametrize(
    "text",
    [
        "Bearer abcdef123456",
        "Authorization: Basic QWxhZGRpbjpvcGVu",
        "GET /v24.0/act_1/insights?access_token=EAAGm0PX4ZCpsBA1234 HTTP/1.1",
        "key sk_test_51H8abcdef is wrong",
        "rk_live_51H8abcdef",
        "whsec_abcdef1234",
        "EAAGm0PX4ZCpsBA1234567",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF",
        '{"token": "abcdef123456"}',
        '{"meta": "{\\"X-Arriwa-Key\\":\\"abcdef123456\\"}"}',
        "postgres://arriwa:abcdef123456@127.0.0.1/x",
        "client_secret=abcdef123456&next=1",
        "https://x.example/?key=abcdef123456",
    ],
)
def test_credentials_in_text_are_masked(text: str) -> None:
    redacted = redact_text(text)
    assert SECRET in redacted
    for part in ("abcdef", "EAAG", "eyJ", "QWxh"):
        assert part not in redacted


@pytest.mark.parametrize(
    "text",
    [
        "sent to +37129999999.",
        "+371 29 999 999",
        "https://wa.me/37129999999?text=Hi",
        "{'to': '37129999999'}",
        'phone="37129999999"',
        "recipient_id=37129999999",
    ],
)
def test_phones_in_text_are_masked(text: str) -> None:
    redacted = redact_text(text)
    assert PHONE in redacted
    assert "999" not in redacted


def test_ordinary_text_stays() -> None:
    text = "Delivery 12345678 of 550e8400-e29b took 0.25 s at 2026-11-22T10:00:00+0000, key gupshup:x"
    assert redact_text(text) == text


def test_a_bearer_in_a_list_of_headers_is_masked() -> None:
    assert redact(["Bearer abcdef123456", b"sk_live_abcdef"]) == [f"Bearer {SECRET}", SECRET]


def test_a_megabyte_of_hostile_text_takes_little_time() -> None:
    started = time.process_time()
    for piece in ("a-", "1", "+1 ", "token", "://a:", "eyJ", "Bearer "):
        redact_text(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 3


def _record(msg: Any, *args: Any, exc_info: Any = None) -> logging.LogRecord:
    return logging.LogRecord("arriwa", logging.INFO, "x.py", 1, msg, args, exc_info)


def _rendered(record: logging.LogRecord) -> str:
    assert RedactingFilter().filter(record) is True
    return logging.Formatter("%(message)s").format(record)


def test_the_filter_redacts_message_and_arguments() -> None:
    text = _rendered(_record("to %s with %s, %d times", "+37129999999", {"token": "opaque"}, 3))
    assert text == f"to {PHONE} with {{'token': '{SECRET}'}}, 3 times"


def test_the_filter_redacts_what_arises_only_when_rendered() -> None:
    assert _rendered(_record("phone=%s", PHONE_NUMBER)) == f"phone={PHONE}"
    assert _rendered(_record("%(token)s", {"token": "opaque"})) == SECRET


def test_the_filter_redacts_tracebacks() -> None:
    try:
        raise ValueError("no route for +37129999999 with sk_live_abcdef")
    except ValueError:
        text = _rendered(_record("failed", exc_info=sys.exc_info()))
    assert "Traceback" in text
    assert "3712" not in text and "abcdef" not in text


def test_the_filter_redacts_structured_events() -> None:
    record = _record({"event": "sent", "to": PHONE_NUMBER})
    RedactingFilter().filter(record)
    assert record.msg == {"event": "sent", "to": PHONE}


def test_the_filter_survives_arguments_that_do_not_fit() -> None:
    assert _rendered(_record("%s and %s", "+37129999999")) == f"%s and %s ('{PHONE}',)"


_PIECES = st.sampled_from(
    [
        *"aZ09 _-+./:=?&@\"'\\\n\u017f\u212a",
        "https://",
        "user:pw@host",
        "bearer abcdefghijk",
        "BA\u017fIC abcdefghijk",
        "token=",
        "x-arriwa-key: ",
        "sk_live_1",
        "whsec_abcd",
        "EAAabcdefghijkl",
        "eyJabcdefgh.a.b",
        "wa.me/",
        "what\u017fapp.com/send?phone=",
        "phone",
        PHONE_NUMBER,
    ]
)


@given(st.lists(_PIECES, max_size=12).map("".join))
def test_the_quick_look_leaves_out_nothing(text: str) -> None:
    """Every pattern in its turn, whatever the text holds, says the same as the look that spares most."""
    slow = text
    for pattern, replacement in (
        (redaction._URL_PASSWORD, rf"\g<1>{SECRET}"),
        (redaction._BEARER, rf"\g<1> {SECRET}"),
        (redaction._KEYED_SECRET, rf"\g<1>{SECRET}"),
        (redaction._BARE_SECRETS, SECRET),
        (redaction._CHAT_LINK, rf"\g<1>{PHONE}"),
        (redaction._KEYED_PHONE, rf"\g<1>{PHONE}"),
        (redaction._PLUS_PHONE, PHONE),
    ):
        slow = pattern.sub(replacement, slow)
    assert redact_text(text) == slow
