"""Ledgers as tests compare them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from integrations.ledger import ledger
from subscribers.models import AliasKind, Subscriber, SubscriberAlias
from subscribers.services.identity import phone_hash
from tenants.context import in_organization


def subscriber_of(schema_name: str, phone: str) -> Subscriber:
    """The subscriber behind a phone."""
    with in_organization(schema_name):
        return (
            SubscriberAlias.objects.select_related("subscriber")
            .get(kind=AliasKind.PHONE, key=phone_hash(phone))
            .subscriber
        )


def rows_of(schema_name: str, phone: str) -> list[Any]:
    """The ledger's rows of the person behind a phone."""
    subscriber = subscriber_of(schema_name, phone)
    with in_organization(schema_name):
        return ledger(subscriber)


def canonical(schema_name: str, phone: str) -> Counter[tuple[Any, ...]]:
    """Kind, platform, business key, amount: no ids, no times (issue 1, "It must hold")."""
    return Counter(
        (row.kind, row.platform, row.key, row.amount_minor, row.currency, row.state)
        for row in rows_of(schema_name, phone)
        if row.kind != "decision"
    )
