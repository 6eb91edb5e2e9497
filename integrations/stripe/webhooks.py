"""Stripe's hooks → normalized events. Pure.

Signature: docs.stripe.com/webhooks/signature. Events: docs.stripe.com/checkout/fulfillment.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from arriwa.common.money import decimals
from integrations.base.hooks import BrokenItem, UnparsableHook, read_json
from subscribers.inbound import HookIgnored, Inbound, PaymentReceived

#: Seconds by which a signature may be old, or ahead of our clock.
TOLERANCE = 300

_SESSION_PAID = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded"})
_INTENT_PAID = "payment_intent.succeeded"


class _Unreadable(Exception):
    """The event lacks what a payment must tell; the text names it."""


def verify(raw: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: float) -> bool:
    """Whether one of `secrets` signed `raw` not longer than 300 s ago or ahead of `now`.

    The library's own check reads the clock by itself and lets signatures from the future pass.
    """
    stamp, signatures = _read_signature(headers.get("stripe-signature", ""))
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16) or abs(now - int(stamp)) > TOLERANCE:
        return False
    found = False
    for secret in secrets:
        digest = hmac.new(secret.encode("utf-8", "surrogatepass"), f"{stamp}.".encode() + raw, hashlib.sha256)
        expected = digest.hexdigest().encode()
        for signature in signatures:
            same = hmac.compare_digest(expected, signature.encode("utf-8", "surrogatepass"))
            found = found or (same and bool(secret))
    return found


def _read_signature(header: str) -> tuple[str, list[str]]:
    """The timestamp and all v1 signatures; several while a secret is rolled."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    return (stamps[0] if len(stamps) == 1 else ""), [value for name, _, value in pairs if name == "v1"]


def parse(raw: bytes) -> list[Inbound | BrokenItem]:
    """The one event that a hook holds.

    A payment's key is its type and object, so a repeated event has the same key, while both events of
    one sale (session and intent) come through; they share `payment_id`. Raises UnparsableHook.
    """
    event = read_json(raw)
    if not isinstance(event, dict):
        raise UnparsableHook("The hook is no JSON object.")
    if event.get("object") == "v2.core.event":
        raise UnparsableHook("Stripe sends thin events: create the endpoint for snapshot events.")
    id_, type_, data = event.get("id"), event.get("type"), event.get("data")
    if not (event.get("object") == "event" and isinstance(id_, str) and id_ and isinstance(type_, str)):
        raise UnparsableHook("The hook is no Stripe event.")
    subject = data.get("object") if isinstance(data, dict) else None
    if not isinstance(subject, dict):
        raise UnparsableHook("The Stripe event has no object.")
    try:
        return [_read_event(event, id_, type_, subject)]
    except _Unreadable as error:
        return [BrokenItem(key=f"stripe:broken:{id_}", reason=str(error), raw=event)]


def _read_event(event: dict[str, Any], id_: str, type_: str, subject: dict[str, Any]) -> Inbound:
    if type_ in _SESSION_PAID:
        reason = _why_unpaid(subject)
        if reason:
            return HookIgnored(key=f"stripe:event:{id_}", reason=reason)
        # A session that nothing was due for has no PaymentIntent and stands for itself.
        payment_id = _id(subject.get("payment_intent")) or _id(subject)
        return _payment(event, id_, type_, subject, payment_id, subject.get("amount_total"))
    if type_ == _INTENT_PAID:
        received = subject.get("amount_received")
        amount = subject.get("amount") if received is None else received
        return _payment(event, id_, type_, subject, _id(subject), amount)
    return HookIgnored(key=f"stripe:event:{id_}", reason=f"{type_} is not used")


def _why_unpaid(session: dict[str, Any]) -> str:
    mode, status = session.get("mode", "payment"), session.get("payment_status")
    if mode != "payment":
        return f"a session of mode {mode}"
    if status == "unpaid":
        return "unpaid session: its payment is still to come"
    # A tuple: an answer of another shape may not be hashable.
    if status not in ("paid", "no_payment_required"):
        raise _Unreadable("a session without a known payment_status")
    return ""


def _payment(
    event: dict[str, Any], id_: str, type_: str, subject: dict[str, Any], payment_id: str, amount: Any
) -> PaymentReceived:
    if not payment_id or not _id(subject):
        raise _Unreadable("a payment without an id")
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        raise _Unreadable("a payment without a whole amount")
    metadata = subject.get("metadata")
    ids = metadata if isinstance(metadata, dict) else {}
    return PaymentReceived(
        key=f"stripe:{type_}:{_id(subject)}",
        at=_time(event.get("created")),
        event_id=id_,
        event_type=type_,
        payment_id=payment_id,
        order_id=_string(ids.get("arriwa_order")),
        organization_id=_string(ids.get("arriwa_organization")),
        amount_minor=amount,
        currency=_currency(subject.get("currency")),
    )


def _id(value: Any) -> str:
    """An id, or the id of an object that came expanded."""
    return _string(value.get("id") if isinstance(value, dict) else value)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _currency(value: Any) -> str:
    code = _string(value).upper()
    try:
        decimals(code)
    except ValueError as error:
        raise _Unreadable("a payment without a currency") from error
    return code


def _time(value: Any) -> datetime:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Unreadable("an event without a time")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _Unreadable("an event without a readable time") from error
