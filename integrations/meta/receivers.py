"""Domain signals that Meta hears of: events, audiences, ads (L8–L10, L17, L18, L20, L21; R4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import receiver

from arriwa.common.statements import Statement
from integrations.base.deliveries import connection_for, delivery_enqueue
from integrations.meta import audiences
from integrations.meta.effects import AD, EVENT
from integrations.meta.payloads import destinations
from integrations.models import Audience
from subscribers import signals
from subscribers.models import Conversation, JourneyEvent, Touchpoint
from subscribers.playbook.document import Playbook

PLATFORM = "meta"
_TARGETS = {"messaging": "dataset_id", "good_pixel": "good_pixel_id", "noise_pixel": "noise_pixel_id"}
_SENDABLE = ("plausible", "suspicious", "accepted")
_CLICK = Statement(
    "SELECT id, click_id FROM {schema}.subscribers_touchpoint WHERE conversation_id = %s"
    " AND click_id_state = ANY(%s::text[]) AND click_id <> '' ORDER BY occurred_at DESC LIMIT 1"
)


@receiver(signals.journey_event_recorded)
def journey_event_recorded(
    sender: Any, event: JourneyEvent, conversation: Conversation, playbook: Playbook, **kwargs: Any
) -> None:
    """Each destination of the event map gets the fact once (design 4)."""
    connection = connection_for(conversation, PLATFORM)
    if connection is None:
        return
    click = _CLICK.row(conversation.id, list(_SENDABLE))
    for role, name in destinations(event.kind, playbook.event_map, click is not None):
        target = str(connection.config.get(_TARGETS[role]) or "")
        if not target:
            continue
        data = {"role": role}
        if role == "messaging" and click is not None:
            data |= {
                "click_id": click[1],
                "touchpoint": str(click[0]),
                "waba_id": str(connection.config.get("waba_id", "")),
            }
        delivery_enqueue(
            connection=connection,
            kind=EVENT,
            action=name,
            target=target,
            business_key=f"{role}:{event.key}" if event.kind != "Purchase" else f"{role}:Purchase",
            fact=event.id,
            conversation=conversation,
            amount_minor=event.amount_minor,
            currency=event.currency,
            data=data,
            batch_key=f"{connection.id}:{target}",
            rate_keys=(f"meta:account:{connection.account}",),
        )


@receiver(signals.segment_changed)
def segment_changed(
    sender: Any, conversation: Conversation, playbook: Playbook, audience: str, member: bool, **kwargs: Any
) -> None:
    """The mirror's desired state changes, and a poke asks for a look (design, decision 7)."""
    connection = connection_for(conversation, PLATFORM)
    if connection is None:
        return
    audiences.membership_set(
        audience=_audience(connection.id, audience),
        connection=connection,
        conversation=conversation,
        member=member,
    )


_AUDIENCE = Statement("SELECT id FROM {schema}.integrations_audience WHERE connection_id = %s AND name = %s")
#: An audience is never deleted and never gets another id. By connection, whose id no other tenant has.
_audiences: dict[tuple[UUID, str], UUID] = {}


def _audience(connection: UUID, name: str) -> UUID:
    found = _audiences.get((connection, name))
    if found is not None:
        return found
    row = _AUDIENCE.row(connection, name)
    if row is None:
        return Audience.objects.get_or_create(connection_id=connection, name=name)[0].id
    # It may be this very transaction's, which may be undone.
    transaction.on_commit(lambda: _audiences.setdefault((connection, name), row[0]))
    return UUID(str(row[0]))


@receiver(signals.touchpoint_recorded)
def touchpoint_recorded(
    sender: Any, touchpoint: Touchpoint, conversation: Conversation, **kwargs: Any
) -> None:
    """An ad brought someone: the Graph is asked for the names above it (L8)."""
    connection = connection_for(conversation, PLATFORM)
    if connection is None or not touchpoint.ad_id:
        return
    delivery_enqueue(
        connection=connection,
        kind=AD,
        action="ad metadata",
        target=touchpoint.ad_id,
        business_key=f"ad:{touchpoint.ad_id}",
        fact=touchpoint.id,
        conversation=conversation,
        rate_keys=(f"meta:account:{connection.account}",),
    )
