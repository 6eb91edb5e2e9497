"""A lead's ledger: every fact, every decision with its reason, every delivery with its proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.models import Delivery
from subscribers.models import Answer, DecisionLog, JourneyEvent, Message, Order, Subscriber, Touchpoint


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `kind`: fact | decision | delivery; `state` is a delivery's, "" else."""

    at: datetime
    kind: str
    title: str
    #: The business key: the same for the same thing in every run (no ids, no times).
    key: str = ""
    platform: str = ""
    state: str = ""
    reason: str = ""
    proof: dict[str, Any] = field(default_factory=dict)
    amount_minor: int | None = None
    currency: str = ""


def ledger(subscriber: Subscriber) -> list[Row]:
    """All rows of a subscriber in the order of time."""
    rows = [*_facts(subscriber), *_decisions(subscriber), *_deliveries(subscriber)]
    return sorted(rows, key=lambda row: row.at)


def _facts(subscriber: Subscriber) -> list[Row]:
    rows = []
    for touch in Touchpoint.objects.filter(subscriber=subscriber):
        proof = {
            "clickId": touch.click_id_state,
            "adId": touch.ad_id,
            "campaignId": touch.campaign_id,
            "adsetId": touch.adset_id,
            "creativeId": touch.creative_id,
            "utm": touch.utm,
            "referral": sorted(touch.referral),
        }
        rows.append(
            Row(touch.occurred_at, "fact", f"Came by {touch.get_kind_display()}", touch.kind, proof=proof)
        )
    for answer in Answer.objects.filter(conversation__subscriber=subscriber):
        title = f"Answer to {answer.question}: {answer.verdict}"
        proof = {"value": answer.value, "confidence": answer.confidence, "method": answer.method}
        # What was not understood is the person's own words: no part of a business key.
        value = answer.value if answer.verdict == "valid" else ""
        key = f"answer:{answer.question}:{answer.attempt}:{answer.verdict}:{value}"
        rows.append(Row(answer.answered_at, "fact", title, key, proof=proof))
    for event in JourneyEvent.objects.filter(subscriber=subscriber):
        key = "Purchase" if event.kind == "Purchase" else event.key
        rows.append(
            Row(
                event.occurred_at,
                "fact",
                event.kind,
                key,
                amount_minor=event.amount_minor,
                currency=event.currency,
            )
        )
    for order in Order.objects.filter(conversation__subscriber=subscriber, paid_at__isnull=False):
        assert order.paid_at is not None
        rows.append(
            Row(
                order.paid_at,
                "fact",
                f"Paid: {order.product}",
                f"paid:{order.product}",
                amount_minor=order.paid_amount_minor,
                currency=order.paid_currency,
            )
        )
    return rows


def _decisions(subscriber: Subscriber) -> list[Row]:
    return [
        Row(
            log.decided_at,
            "decision",
            f"{log.state_before} → {log.state_after}",
            log.signal,
            reason=log.reason,
        )
        for log in DecisionLog.objects.filter(conversation__subscriber=subscriber).order_by("id")
    ]


def _deliveries(subscriber: Subscriber) -> list[Row]:
    deliveries = list(Delivery.objects.filter(conversation__subscriber=subscriber).order_by("created_at"))
    messages = Message.objects.in_bulk([d.fact for d in deliveries if d.kind == "gupshup.message"])
    rows = []
    for delivery in deliveries:
        proof = dict(delivery.proof)
        message = messages.get(delivery.fact)
        if message is not None:
            proof |= _statuses(message)
        rows.append(
            Row(
                delivery.created_at,
                "delivery",
                delivery.action,
                delivery.business_key,
                platform=delivery.platform,
                state=delivery.state,
                reason=delivery.error_text,
                proof={**proof, "target": delivery.target},
                amount_minor=delivery.amount_minor,
                currency=delivery.currency,
            )
        )
    return rows


def _statuses(message: Message) -> dict[str, Any]:
    statuses = [
        name
        for name, at in (
            ("accepted", message.accepted_at),
            ("sent", message.sent_at),
            ("delivered", message.delivered_at),
            ("read", message.read_at),
            ("failed", message.failed_at),
        )
        if at is not None
    ]
    found: dict[str, Any] = {"statuses": statuses, "wamid": message.external_id, "kind": message.kind}
    if message.template:
        found["template"] = message.template
    if message.error_code:
        found["error"] = f"{message.error_code} {message.error_text}"
    return found
