"""Ledgers as tests compare them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db.models import Q

from integrations.ledger import ledger
from subscribers.models import AliasKind, Subscriber, SubscriberAlias
from subscribers.services.identity import phone_hash
from tenants.context import in_organization


def subscriber_of(schema_name: str, phone: str) -> Subscriber:
    """The subscriber behind a phone or a WhatsApp user id."""
    with in_organization(schema_name):
        wanted = Q(kind=AliasKind.PHONE, key=phone_hash(phone)) | Q(kind=AliasKind.USER_ID, key=phone)
        return SubscriberAlias.objects.select_related("subscriber").get(wanted).subscriber


def rows_of(schema_name: str, phone: str) -> list[Any]:
    """The ledger's rows of the person behind a phone."""
    subscriber = subscriber_of(schema_name, phone)
    with in_organization(schema_name):
        return ledger(subscriber)


def canonical(schema_name: str, phone: str) -> Counter[tuple[Any, ...]]:
    """Kind, platform, business key, amount, state, last CRM stage: no ids, no times (issue 1).

    Of the CRM's stages the last alone counts: a mirror may pass one over.
    """
    rows = [row for row in rows_of(schema_name, phone) if row.kind != "decision"]
    stages = [row for row in rows if row.platform == "kommo" and row.key.startswith("stage:")]
    passed = {id(row) for row in stages[:-1]}
    return Counter(
        (row.kind, row.platform, row.key, row.amount_minor, row.currency, row.state)
        for row in rows
        if id(row) not in passed
    )


def states_of(schema_name: str, phone: str) -> dict[tuple[str, str], list[Any]]:
    """Deliveries by (platform, business key), each with its rows."""
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows_of(schema_name, phone):
        if row.kind == "delivery":
            found.setdefault((row.platform, row.key), []).append(row)
    return found


def unfinished(schema_name: str, phone: str) -> list[tuple[str, ...]]:
    """Deliveries that were not confirmed, with the reason."""
    return [
        (row.platform, row.key, row.state, row.reason)
        for row in rows_of(schema_name, phone)
        if row.kind == "delivery" and row.state != "confirmed"
    ]
