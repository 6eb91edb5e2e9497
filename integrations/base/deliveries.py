"""Making deliveries: one row and one task per effect, both or neither (R1, R2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from arriwa.common import clock, ids
from arriwa.common.schema import current_schema
from arriwa.common.statements import Statement, row_columns, row_insert_once, row_values
from arriwa.outbox.enqueue import TASK_COLUMNS, TASK_PLACES, poke_at_commit, task_values
from integrations.base.remembered import forget, remembered
from integrations.models import Connection, Delivery
from subscribers.models import Conversation
from tenants.context import current_organization_id


def connection_of(channel: UUID, platform: str) -> Connection | None:
    """The connection with this id when it is of the platform, None otherwise."""
    return remembered(
        (current_schema(), channel, platform),
        lambda: Connection.objects.filter(id=channel, platform=platform).first(),
    )


def connections_forget() -> None:
    """A connection, asset or route changed in this process: look again. Called where they are saved."""
    forget()


def delivery_create(**delivery: Any) -> Delivery | None:
    """The delivery with its deterministic id, or None when the effect is there already.

    Takes what `_delivery` takes. Runs inside the transaction of the fact.
    """
    made = _delivery(**delivery)
    return made if row_insert_once(made) else None


def _delivery(
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
) -> Delivery:
    return Delivery(
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


#: A row and its task, both or neither.
_ENQUEUE = Statement(
    f"WITH made AS (INSERT INTO {{schema}}.integrations_delivery ({', '.join(row_columns(Delivery))})"
    f" VALUES ({', '.join(['%s'] * len(row_columns(Delivery)))}) ON CONFLICT (id) DO NOTHING RETURNING id)"
    f" INSERT INTO public.outbox_outboxtask ({TASK_COLUMNS}) SELECT {TASK_PLACES} FROM made"
)


def delivery_enqueue(
    *,
    lane: str = "",
    batch_key: str = "",
    rate_keys: Sequence[str] = (),
    **delivery: Any,
) -> Delivery | None:
    """`delivery_create` and its task; a conflict means no task (design 3).

    How the task stands in the queue is kept with the delivery, for a replay.
    """
    made = _delivery(**delivery)
    made.data = {
        **made.data,
        "task": {"lane": lane, "batch_key": batch_key, "rate_keys": list(rate_keys)},
    }
    task = task_values(
        kind=made.kind,
        subject=made.id,
        connection=made.connection_id,
        lane=lane,
        batch_key=batch_key,
        rate_keys=rate_keys,
    )
    if not _ENQUEUE.run(*row_values(made), *task):
        return None
    poke_at_commit(made.kind)
    return made
