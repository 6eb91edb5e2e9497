"""Making deliveries: one row and one task per effect, both or neither (R1, R2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection as db
from psycopg.types.json import Jsonb

from arriwa.common import clock, ids
from arriwa.common.schema import current_schema
from arriwa.outbox.enqueue import task_enqueue
from integrations.models import Connection, Delivery
from subscribers.models import Conversation
from tenants.context import current_organization_id


def connection_for(conversation: Conversation, platform: str) -> Connection | None:
    """The workspace's connection of a platform, None when it has none (later: by the routing table)."""
    return (
        Connection.objects.filter(workspace_id=conversation.workspace_id, platform=platform)
        .order_by("created_at")
        .first()
    )


def delivery_create(
    *,
    connection: Connection,
    kind: str,
    action: str,
    target: str,
    business_key: str,
    fact: UUID,
    conversation: Conversation,
    amount_minor: int | None = None,
    currency: str = "",
    data: dict[str, Any] | None = None,
) -> Delivery | None:
    """The delivery with its deterministic id, or None when the effect is there already.

    Runs inside the transaction of the fact.
    """
    delivery = Delivery(
        id=ids.event_id(
            organization=current_organization_id(),
            fact=str(fact),
            account=f"{connection.platform}:{connection.account}:{target}",
            action=action,
        ),
        connection=connection,
        platform=connection.platform,
        kind=kind,
        action=action,
        target=target,
        business_key=business_key[:200],
        fact=fact,
        conversation=conversation,
        amount_minor=amount_minor,
        currency=currency,
        data=data or {},
        created_at=clock.now(),
    )
    return delivery if _insert(delivery) else None


_COLUMNS = (
    "id", "connection_id", "platform", "kind", "action", "target", "business_key", "fact",
    "conversation_id", "state", "amount_minor", "currency", "data", "attempts", "external_id", "proof",
    "error_code", "error_text", "created_at",
)  # fmt: skip


def _insert(delivery: Delivery) -> bool:
    """One INSERT that tells whether the row is new; the ORM's ignore_conflicts does not."""
    values = [getattr(delivery, name) for name in _COLUMNS]
    values = [Jsonb(value) if isinstance(value, dict) else value for value in values]
    table = f"{db.ops.quote_name(current_schema())}.integrations_delivery"
    with db.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(_COLUMNS)})"
            f" VALUES ({', '.join(['%s'] * len(_COLUMNS))}) ON CONFLICT (id) DO NOTHING",
            values,
        )
        return bool(cursor.rowcount)


def delivery_enqueue(
    *,
    lane: str = "",
    batch_key: str = "",
    rate_keys: Sequence[str] = (),
    **delivery: Any,
) -> Delivery | None:
    """`delivery_create` and its task; a conflict means no task (design 3)."""
    made = delivery_create(**delivery)
    if made is not None:
        task_enqueue(
            kind=made.kind,
            subject=made.id,
            connection=made.connection_id,
            lane=lane,
            batch_key=batch_key,
            rate_keys=rate_keys,
        )
    return made
