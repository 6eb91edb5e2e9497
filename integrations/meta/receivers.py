"""Domain signals that Meta hears of: events, audiences, ads (L8–L10, L17, L18, L20, L21; R4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.dispatch import receiver

from arriwa.common.schema import current_schema
from arriwa.common.statements import Statement
from integrations.base.deliveries import delivery_enqueue
from integrations.base.remembered import remembered
from integrations.base.routing import route_for_conversation
from integrations.meta import audiences
from integrations.meta.effects import AD, EVENT
from integrations.meta.payloads import destinations
from integrations.models import Asset, Audience
from subscribers import signals
from subscribers.models import Conversation, JourneyEvent, Touchpoint
from subscribers.playbook.document import Playbook

_FIELDS = {"messaging": "dataset", "good_pixel": "good_pixel", "noise_pixel": "noise_pixel"}
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
    route = route_for_conversation(conversation)
    click = _CLICK.row(conversation.id, list(_SENDABLE)) if route.dataset is not None else None
    for role, name in destinations(event.kind, playbook.event_map, click is not None):
        asset: Asset | None = getattr(route, _FIELDS[role])
        if asset is None:
            continue
        connection = asset.connection
        data = {"role": role}
        if role == "messaging" and click is not None:
            data |= {
                "click_id": click[1],
                "touchpoint": str(click[0]),
                "waba_id": str(asset.details.get("waba_id", "")),
            }
        delivery_enqueue(
            connection=connection,
            kind=EVENT,
            action=name,
            target=asset.external_id,
            business_key=f"{role}:{event.key}" if event.kind != "Purchase" else f"{role}:Purchase",
            fact=event.id,
            conversation=conversation,
            amount_minor=event.amount_minor,
            currency=event.currency,
            data=data,
            batch_key=f"{connection.id}:{asset.external_id}",
            rate_keys=(f"meta:account:{connection.account}",),
        )


@receiver(signals.segment_changed)
def segment_changed(
    sender: Any, conversation: Conversation, playbook: Playbook, audience: str, member: bool, **kwargs: Any
) -> None:
    """The mirror's desired state changes, and a poke asks for a look (design, decision 7)."""
    account = route_for_conversation(conversation).ad_account
    if account is None:
        return
    audiences.membership_set(
        audience=_audience(account, audience),
        ad_account_id=account.external_id,
        connection=account.connection,
        conversation=conversation,
        member=member,
    )
    if not member:
        _leave_elsewhere(conversation, audience, account)


_AUDIENCE = Statement(
    "SELECT id FROM {schema}.integrations_audience WHERE connection_id = %s AND ad_account_id = %s"
    " AND name = %s"
)
#: An audience is never deleted and never gets another id. By connection, whose id no other tenant has.
_audiences: dict[tuple[UUID, str, str], UUID] = {}


def _audience(account: Asset, name: str) -> UUID:
    key = (account.connection_id, account.external_id, name)
    found = _audiences.get(key)
    if found is not None:
        return found
    row = _AUDIENCE.row(*key)
    if row is None:
        return Audience.objects.get_or_create(
            connection_id=account.connection_id, ad_account_id=account.external_id, name=name
        )[0].id
    # It may be this very transaction's, which may be undone.
    transaction.on_commit(lambda: _audiences.setdefault(key, row[0]))
    return UUID(str(row[0]))


def _leave_elsewhere(conversation: Conversation, name: str, account: Asset) -> None:
    """Who joined while the chat was routed to another ad account leaves there too."""
    if not _several(conversation.workspace_id):
        return
    others = (
        Audience.objects.filter(
            name=name,
            connection__workspace=conversation.workspace_id,
            memberships__subscriber=conversation.subscriber_id,
            memberships__desired=True,
        )
        .exclude(connection=account.connection_id, ad_account_id=account.external_id)
        .select_related("connection")
    )
    for audience in others:
        audiences.membership_set(
            audience=audience.id,
            ad_account_id=audience.ad_account_id,
            connection=audience.connection,
            conversation=conversation,
            member=False,
        )


def _several(workspace: UUID) -> bool:
    """Whether the workspace has ever filled audiences of more than one ad account."""

    def count() -> int:
        held = Audience.objects.filter(connection__workspace=workspace, memberships__isnull=False)
        return held.values("connection", "ad_account_id").distinct().count()

    return (remembered((current_schema(), workspace, "audience accounts"), count) or 0) > 1


@receiver(signals.touchpoint_recorded)
def touchpoint_recorded(
    sender: Any, touchpoint: Touchpoint, conversation: Conversation, **kwargs: Any
) -> None:
    """An ad brought someone: the Graph is asked for the names above it (L8)."""
    connection = route_for_conversation(conversation).meta if touchpoint.ad_id else None
    if connection is None:
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
