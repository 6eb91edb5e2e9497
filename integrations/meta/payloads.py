"""Fact → Meta's request body (design 4). Pure: no clock, no HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integrations.base.errors import ConfigurationError, Rejected
from integrations.meta import PARTNER_AGENT
from integrations.meta.user_data import hashed_user_data, normal_country, normal_phone, sha256_hex
from subscribers.click_id import ClickId, ClickState, click_id_problem, judge_click_id

__all__ = [
    "AUDIENCE_SCHEMA",
    "MESSAGING_EVENTS",
    "AudienceRow",
    "ClickId",
    "ClickState",
    "Content",
    "audience_row",
    "audience_users",
    "batch_body",
    "click_id_problem",
    "custom_data",
    "destinations",
    "event_time_problem",
    "hashed_user_data",
    "judge_click_id",
    "messaging_event",
    "pixel_event",
]

#: The closed list of a messaging dataset, case-sensitive.
MESSAGING_EVENTS = frozenset(
    {
        "AddToCart",
        "CartAbandoned",
        "InitiateCheckout",
        "LeadSubmitted",
        "OrderCanceled",
        "OrderCreated",
        "OrderDelivered",
        "OrderReturned",
        "OrderShipped",
        "Purchase",
        "QualifiedLead",
        "RatingProvided",
        "ReviewProvided",
        "ViewContent",
    }
)
#: Meta's limit is 7 days; a day is kept for retries.
MAX_EVENT_AGE = 6 * 86_400
MAX_BATCH = 1000

AUDIENCE_SCHEMA = ("EXTERN_ID", "PHONE", "COUNTRY")
MAX_AUDIENCE_ROWS = 10_000
AudienceRow = tuple[str, str, str]

Role = str  # messaging | good_pixel | noise_pixel


@dataclass(frozen=True, slots=True)
class Content:
    """A product in an event. `item_price` in the currency's major unit."""

    id: str
    quantity: int = 1
    item_price: Decimal | None = None


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def custom_data(
    *,
    lead_stage: str,
    value: Decimal | None = None,
    currency: str = "",
    contents: Sequence[Content] = (),
) -> dict[str, Any]:
    """`lead_stage` is always sent: custom conversions see neither the event's name nor its source.

    `value` in the currency's major unit (900.5 for 900.50 USD), sent as a number with `currency`, an
    ISO 4217 code. Raises Rejected ("100/2804023") for a value without a currency.
    """
    data: dict[str, Any] = {"lead_stage": lead_stage}
    if value is not None:
        if not currency:
            raise Rejected("A value needs its currency.", platform_code="100/2804023")
        data |= {"value": _number(value), "currency": currency.upper()}
    if contents:
        data["content_type"] = "product"
        data["contents"] = [
            {"id": item.id, "quantity": item.quantity}
            | ({} if item.item_price is None else {"item_price": _number(item.item_price)})
            for item in contents
        ]
    return data


def _event(
    event_name: str, event_id: str, event_time: int, user_data: dict[str, Any], data: Mapping[str, Any]
) -> dict[str, Any]:
    if not data.get("lead_stage"):
        raise Rejected("An event needs its lead_stage.", platform_code="lead_stage")
    if event_name == "Purchase" and "value" not in data:
        raise Rejected("A Purchase needs a value and a currency.", platform_code="100/2804009")
    return {
        "event_name": event_name,
        "event_time": event_time,
        "event_id": event_id,
        "user_data": user_data,
        "custom_data": dict(data),
    }


def messaging_event(
    *,
    event_name: str,
    event_id: str,
    event_time: int,
    click_id: str,
    waba_id: str,
    phone: str | None,
    external_id: str,
    country: str | None,
    custom_data: Mapping[str, Any],
) -> dict[str, Any]:
    """An event for the WhatsApp account's dataset. `event_time`: unix seconds; `click_id`: untouched.

    Raises ConfigurationError for a name outside MESSAGING_EVENTS, Rejected for a missing click id
    ("100/2804071"), stage or value. Meta documentation: Conversions API for business messaging.
    """
    if event_name not in MESSAGING_EVENTS:
        raise ConfigurationError(
            f'Meta\'s messaging dataset takes no event named "{event_name}": change the event map.',
            field="event_map",
        )
    if not click_id:
        raise Rejected("A messaging event needs its click id.", platform_code="100/2804071")
    user_data: dict[str, Any] = {"whatsapp_business_account_id": waba_id, "ctwa_clid": click_id}
    user_data |= hashed_user_data(phone=phone, external_id=external_id, country=country)
    event = _event(event_name, event_id, event_time, user_data, custom_data)
    return event | {"action_source": "business_messaging", "messaging_channel": "whatsapp"}


def pixel_event(
    *,
    event_name: str,
    event_id: str,
    event_time: int,
    phone: str | None,
    external_id: str,
    country: str | None,
    custom_data: Mapping[str, Any],
    noise: bool = False,
) -> dict[str, Any]:
    """An event for an ordinary pixel, GOOD or NOISE; custom names are allowed (brief R4).

    `noise`: marked opt_out, so that Meta does not learn to deliver from it. No click id is sent: a
    pixel does not know it. Raises Rejected for a missing stage or value.
    """
    user_data: dict[str, Any] = dict(hashed_user_data(phone=phone, external_id=external_id, country=country))
    event = _event(event_name, event_id, event_time, user_data, custom_data)
    event["action_source"] = "chat"
    if noise:
        event["opt_out"] = True
    return event


def batch_body(events: Sequence[Mapping[str, Any]], test_event_code: str | None = None) -> dict[str, Any]:
    """The body of POST /{dataset}/events. Events sent with a test code count for targeting all the same.

    Raises Rejected for none or for more than 1,000 events.
    """
    if not 0 < len(events) <= MAX_BATCH:
        raise Rejected(f"Meta takes 1 to {MAX_BATCH} events in one call.", platform_code="batch")
    body: dict[str, Any] = {"data": [dict(event) for event in events], "partner_agent": PARTNER_AGENT}
    if test_event_code:
        body["test_event_code"] = test_event_code
    return body


def event_time_problem(event_time: int, now: float) -> str | None:
    """ "too_old" above 6 days, "future" beyond `now`, else None. Unix seconds; a time is never restamped."""
    if event_time > now:
        return "future"
    return "too_old" if now - event_time > MAX_EVENT_AGE else None


def destinations(
    event_kind: str, event_map: Mapping[str, Mapping[str, str | None]], has_click_id: bool
) -> list[tuple[Role, str]]:
    """Where one fact goes and under which name; [] when it is not mapped (design 4).

    `event_map[kind]`: {"messaging", "pixel", "noise": name or None, "pixel_when": "always" (default) or
    "no_click_id"}. Without a click id the messaging dataset is skipped. Raises ConfigurationError for
    a kind mapped to GOOD and NOISE at once and for an unknown `pixel_when`.
    """
    entry = event_map.get(event_kind) or {}
    messaging, pixel, noise = entry.get("messaging"), entry.get("pixel"), entry.get("noise")
    when = entry.get("pixel_when") or "always"
    if noise and (messaging or pixel):
        raise ConfigurationError(
            f'The event "{event_kind}" is mapped to GOOD and NOISE: keep one of them.', field="event_map"
        )
    if when not in ("always", "no_click_id"):
        raise ConfigurationError(
            f'pixel_when of "{event_kind}" must be "always" or "no_click_id".', field="event_map"
        )
    found: list[tuple[Role, str]] = []
    if messaging and has_click_id:
        found.append(("messaging", messaging))
    if pixel and (when == "always" or not has_click_id):
        found.append(("good_pixel", pixel))
    if noise:
        found.append(("noise_pixel", noise))
    return found


def audience_row(external_id: str, phone: str | None, country: str | None) -> AudienceRow:
    """One person under AUDIENCE_SCHEMA; "" in an unknown cell. EXTERN_ID is the bare uuid, as Meta asks."""
    digits, iso = normal_phone(phone), normal_country(country)
    return (
        external_id.lower(),
        sha256_hex(digits) if digits else "",
        sha256_hex(iso) if iso else "",
    )


def audience_users(rows: Sequence[AudienceRow], session_id: int) -> dict[str, Any]:
    """`session` and `payload` of one call that is its whole session.

    `session_id`: positive 64-bit, unique in the ad account. Raises Rejected outside 1 to 10,000 rows.
    """
    if not 0 < len(rows) <= MAX_AUDIENCE_ROWS:
        raise Rejected(f"Meta takes 1 to {MAX_AUDIENCE_ROWS} rows in one call.", platform_code="rows")
    if not 0 < session_id < 2**63:
        raise Rejected("The session id must be a positive 64-bit number.", platform_code="session_id")
    return {
        "session": {
            "session_id": session_id,
            "batch_seq": 1,
            "last_batch_flag": True,
            "estimated_num_total": len(rows),
        },
        "payload": {"schema": list(AUDIENCE_SCHEMA), "data": [list(row) for row in rows]},
    }
