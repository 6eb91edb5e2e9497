"""Domain signals that Meta hears of: events, audiences, ads (L8–L10, L17, L18, L20, L21; R4)."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from integrations.base.deliveries import connection_for, delivery_enqueue
from integrations.meta import audiences
from integrations.meta.effects import AD, EVENT
from integrations.meta.payloads import destinations
from integrations.models import Audience, Connection
from subscribers import signals
from subscribers.models import Conversation, JourneyEvent, Touchpoint
from subscribers.playbook.document import Playbook

PLATFORM = "meta"
_TARGETS = {"messaging": "dataset_id", "good_pixel": "good_pixel_id", "noise_pixel": "noise_pixel_id"}
_SENDABLE = ("plausible", "suspicious", "accepted")


@receiver(signals.journey_event_recorded)
def journey_event_recorded(
    sender: Any, event: JourneyEvent, conversation: Conversation, playbook: Playbook, **kwargs: Any
) -> None:
    """Each destination of the event map gets the fact once (design 4)."""
    connection = connection_for(conversation, PLATFORM)
    if connection is None:
        return
    click = (
        Touchpoint.objects.filter(conversation=conversation, click_id_state__in=_SENDABLE)
        .exclude(click_id="")
        .order_by("-occurred_at")
        .first()
    )
    for role, name in destinations(event.kind, playbook.event_map, click is not None):
        target = str(connection.config.get(_TARGETS[role]) or "")
        if not target:
            continue
        data = {"role": role}
        if role == "messaging" and click is not None:
            data |= {
                "click_id": click.click_id,
                "touchpoint": str(click.id),
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
    mirror = _audience(connection, audience)
    if not audiences.membership_set(audience=mirror, conversation=conversation, member=member):
        return
    audiences.audience_poke(mirror, connection)


def _audience(connection: Connection, name: str) -> Audience:
    found = Audience.objects.filter(connection=connection, name=name).first()
    return found or Audience.objects.get_or_create(connection=connection, name=name)[0]


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
