"""Conversions API: what Meta's messaging dataset and pixels refuse. Pure: no clock, no HTTP.

Source: reference/meta.md 1.2-1.8 and 3. Where Meta's subcode is not known the error is a bare 100.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from sandbox.meta_graph import GraphError

MESSAGING_EVENTS = frozenset(
    [
        "Purchase",
        "LeadSubmitted",
        "InitiateCheckout",
        "AddToCart",
        "ViewContent",
        "OrderCreated",
        "OrderShipped",
        "OrderDelivered",
        "OrderCanceled",
        "OrderReturned",
        "CartAbandoned",
        "QualifiedLead",
        "RatingProvided",
        "ReviewProvided",
    ]
)
ACTION_SOURCES = frozenset(
    [
        "email",
        "website",
        "app",
        "phone_call",
        "chat",
        "physical_store",
        "system_generated",
        "business_messaging",
        "other",
    ]
)
HASHED = frozenset(["em", "ph", "fn", "ln", "ct", "st", "zp", "country", "db", "ge"])
PLAIN = frozenset(
    [
        "external_id",
        "client_ip_address",
        "client_user_agent",
        "fbc",
        "fbp",
        "lead_id",
        "fb_login_id",
        "subscription_id",
        "madid",
        "anon_id",
        "ctwa_clid",
        "page_id",
        "page_scoped_user_id",
        "ig_account_id",
        "ig_sid",
        "whatsapp_business_account_id",
    ]
)
EVENT_KEYS = frozenset(
    [
        "event_name",
        "event_time",
        "event_id",
        "action_source",
        "messaging_channel",
        "user_data",
        "custom_data",
        "event_source_url",
        "opt_out",
        "referrer_url",
        "app_data",
        "data_processing_options",
        "data_processing_options_country",
        "data_processing_options_state",
        "original_event_data",
        "attribution_data",
    ]
)
#: Subsets of these say too little about a person (reference/meta.md 3).
TOO_LITTLE = (
    frozenset(["ct", "country", "st", "zp", "ge", "client_user_agent"]),
    frozenset(["db", "client_user_agent"]),
    frozenset(["fn", "ge"]),
    frozenset(["ln", "ge"]),
)
SHA256_HEX = re.compile(r"[0-9a-f]{64}")
MAX_EVENTS = 1000
DAY = 86_400
#: Clocks differ; Meta's own tolerance is unpublished.
FUTURE_TOLERANCE = 60


def check_batch(data: Any) -> list[dict[str, Any]]:
    """The events of a request. Raises GraphError 100 when it is no list of 1 to 1000 objects."""
    if not isinstance(data, list) or not data:
        raise GraphError("(#100) The parameter data is required and must be a non-empty array")
    if len(data) > MAX_EVENTS:
        raise GraphError(f"(#100) Too many events: at most {MAX_EVENTS} per request, split the batch")
    for index, event in enumerate(data):
        if not isinstance(event, dict):
            raise GraphError(f"(#100) param data[{index}] must be an object")
    return data


def check_event(
    event: dict[str, Any],
    *,
    messaging: bool,
    waba_id: str,
    clicks: Collection[str],
    now: float,
) -> None:
    """Raises the GraphError that Meta answers for this event, or returns.

    `messaging`: the target is the messaging dataset of the WABA `waba_id`, otherwise a pixel. `clicks`: ids
    of real clicks. `now`: seconds since the epoch.
    """
    _shape(event)
    _time(event, now)
    source = event.get("action_source")
    if source not in ACTION_SOURCES:
        raise GraphError(f"(#100) param action_source must be one of {sorted(ACTION_SOURCES)}")
    if messaging:
        if source != "business_messaging":
            raise _invalid(2804064, "This dataset takes action_source business_messaging only")
        _messaging(event, waba_id, clicks)
    elif source == "business_messaging":
        raise _invalid(2804132, "This dataset is not linked to a WhatsApp Business Account")
    else:
        _pixel(event, source)
    _custom_data(event)


def _invalid(subcode: int, text: str) -> GraphError:
    return GraphError("Invalid parameter", 100, subcode, title=text)


def _shape(event: dict[str, Any]) -> None:
    name = event.get("event_name")
    if not isinstance(name, str) or not name.strip():
        raise GraphError("(#100) param event_name is required")
    for key, allowed in (("", EVENT_KEYS), ("user_data", HASHED | PLAIN)):
        part = event.get(key, {}) if key else event
        if not isinstance(part, dict):
            raise GraphError(f"(#100) param {key} must be an object")
        if unknown := sorted(set(part) - allowed):
            raise GraphError(
                f'(#100) Invalid keys "{", ".join(unknown)}" were found in param "{key or "data"}"'
            )
    if not isinstance(event.get("event_id", ""), str):
        raise GraphError("(#100) param event_id must be a string")
    for key, value in event.get("user_data", {}).items():
        if key in HASHED:
            for one in value if isinstance(value, list) else [value]:
                if not isinstance(one, str) or not SHA256_HEX.fullmatch(one):
                    raise GraphError(f"(#100) param user_data.{key} must be SHA-256 in lower-case hex")


def _time(event: dict[str, Any], now: float) -> None:
    at = event.get("event_time")
    if not isinstance(at, int) or isinstance(at, bool) or at <= 0:
        raise GraphError("(#100) param event_time must be an integer of unix seconds")
    days = 62 if event.get("action_source") == "physical_store" else 7
    if at < now - days * DAY:
        raise _invalid(2804003, f"Event time is more than {days} days old")
    if at > now + FUTURE_TOLERANCE:
        raise _invalid(2804004, "Event time is in the future")


def _messaging(event: dict[str, Any], waba_id: str, clicks: Collection[str]) -> None:
    channel = event.get("messaging_channel")
    if not channel:
        raise _invalid(2804063, "messaging_channel is missing")
    if channel != "whatsapp":
        raise _invalid(2804131, "This dataset is linked to WhatsApp only")
    user = event.get("user_data", {})
    if {"client_ip_address", "client_user_agent"} & set(user):
        raise _invalid(2804064, "client_ip_address and client_user_agent are not allowed here")
    if not user.get("whatsapp_business_account_id"):
        if user.get("page_id"):
            raise _invalid(2804131, "This dataset has no page linked")
        raise _invalid(2804116, "Neither page_id nor whatsapp_business_account_id is given")
    if str(user["whatsapp_business_account_id"]) != waba_id:
        raise _invalid(2804118, "The dataset is not of this WhatsApp Business Account")
    if event["event_name"] not in MESSAGING_EVENTS:
        raise _invalid(2804066, f"Event name {event['event_name']} is not allowed for messaging events")
    click = user.get("ctwa_clid")
    if not click:
        raise _invalid(2804071, "ctwa_clid is missing")
    if click not in clicks:
        raise _invalid(2804087, "ctwa_clid is not of a click on an ad")


def _pixel(event: dict[str, Any], source: str) -> None:
    user = event.get("user_data", {})
    given = {key for key, value in user.items() if value not in (None, "", [])}
    if not given or any(given <= subset for subset in TOO_LITTLE):
        raise _invalid(2804050, "The event does not have enough user_data to match a person")
    if source == "website" and not (event.get("event_source_url") and user.get("client_user_agent")):
        raise GraphError("(#100) Website events need event_source_url and client_user_agent")


def _custom_data(event: dict[str, Any]) -> None:
    custom = event.get("custom_data") or {}
    if not isinstance(custom, dict):
        raise GraphError("(#100) param custom_data must be an object")
    value = custom.get("value")
    if value is None:
        if event["event_name"] == "Purchase":
            raise _invalid(2804009, "Purchase without a value")
    else:
        try:
            float(value)
        except (TypeError, ValueError):
            raise GraphError("(#100) param custom_data.value must be a number") from None
        if not re.fullmatch(r"[A-Za-z]{3}", str(custom.get("currency") or "")):
            raise _invalid(2804023, "A value without a currency (three letters, ISO 4217)")
    for item in custom.get("contents") or []:
        if not isinstance(item, dict) or not item.get("id"):
            raise _invalid(2804008, "An item of contents has no id")
