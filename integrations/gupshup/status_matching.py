"""Statuses find their message: before it is recorded, after it, or in place of a lost answer (design 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from arriwa.common import clock
from arriwa.common.statements import Statement, array, row_read, selection
from arriwa.outbox.enqueue import timer_cancel
from integrations.gupshup.kinds import DOUBT_TIMER, MESSAGE
from integrations.models import Delivery, OrphanStatus
from subscribers.inbound import MessageStatusChanged
from subscribers.models import AliasKind, Conversation, Message, SubscriberAlias
from subscribers.services.conversation import conversation_lock
from subscribers.services.identity import phone_hash
from subscribers.services.inbound import MOVING_PURPOSES, status_apply

# Scalar subqueries and not EXISTS, which may be planned as a hash of the whole table.
_AWAITED = Statement("""
SELECT v.id FROM unnest(%s::uuid[], %s::text[], %s::uuid[]) AS v (id, gs_id, conversation)
WHERE (SELECT true FROM {schema}.integrations_orphanstatus o WHERE o.gs_id = v.gs_id LIMIT 1)
   OR (SELECT true FROM {schema}.integrations_delivery d
       WHERE d.conversation_id = v.conversation AND d.kind = %s AND d.state = 'started'
         AND (d.data -> 'doubt') = 'true'::jsonb LIMIT 1)
""")


def status_take_in(connection: UUID, event: MessageStatusChanged) -> None:
    """Applies a status to its message, or keeps it until the message is known."""
    message = _message_of(event.gs_id, event.external_id)
    if message is not None:
        status_apply(message=message, event=event)
        return
    recipient = phone_hash(event.phone) if event.phone else (event.user_id or "")
    conversation = _conversation_of(connection, recipient)
    if conversation is not None:
        # The answer may be being recorded right now: wait for it, then look once more.
        conversation_lock(conversation.id)
        message = _message_of(event.gs_id, event.external_id)
        if message is not None:
            status_apply(message=message, event=event)
            return
    OrphanStatus.objects.create(
        connection_id=connection,
        gs_id=event.gs_id,
        external_id=event.external_id,
        recipient=recipient,
        status=_to_json(event),
        received_at=clock.now(),
    )
    if conversation is not None:
        doubts = _doubts(conversation)
        if doubts:
            statuses_match(doubts[0])


def statuses_match(delivery: Delivery) -> None:
    """Applies waiting statuses to a send that was recorded or is in doubt.

    A send with a known id takes its own. A send in doubt adopts the oldest unknown id for its
    recipient as its proof, but only while no other send to that person may still be answered.
    """
    if delivery.conversation_id is None:
        return
    conversation = conversation_lock(delivery.conversation_id)
    message = Message.objects.filter(id=delivery.fact).first()
    if message is not None and message.gs_id:
        _apply_waiting(message, OrphanStatus.objects.filter(gs_id=message.gs_id))
    if _in_flight(conversation):
        return
    for doubt in _doubts(conversation):
        gs_id = _oldest_unknown(conversation, doubt)
        if gs_id is not None:
            _adopt(doubt, gs_id)


def deliveries_awaited(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Those of recorded sends for which `statuses_match` has something to do, by one statement.

    Their conversations are locked before (`sends_accepted`): a status that is being taken in is kept by
    then, or finds its message.
    """
    rows = _AWAITED.rows(
        array(delivery.id for delivery in deliveries),
        array(delivery.external_id for delivery in deliveries),
        array(delivery.conversation_id for delivery in deliveries),
        MESSAGE,
    )
    awaited = {number for (number,) in rows}
    return [delivery for delivery in deliveries if delivery.id in awaited]


#: What statuses change or are found by.
_STATUS_FIELDS = (
    "id", "external_id", "gs_id", "pricing", "sent_at", "delivered_at", "read_at", "failed_at",
)  # fmt: skip
_OF_STATUSES = Statement(
    f"SELECT {selection(Message, 'm', *_STATUS_FIELDS)} FROM {{schema}}.subscribers_message m"
    " WHERE (m.gs_id = ANY(%s::text[]) OR m.external_id = ANY(%s::text[])) AND m.direction = %s"
    " AND m.purpose <> ALL(%s::text[]) ORDER BY m.id FOR UPDATE"
)


def messages_of_statuses(events: Sequence[MessageStatusChanged]) -> list[Message | None]:
    """Each event's message, locked; None for one that is unknown or whose arrival moves its conversation."""
    gs_ids = [event.gs_id for event in events if event.gs_id]
    wamids = [event.external_id for event in events if event.external_id]
    rows = _OF_STATUSES.rows(gs_ids, wamids, Message.Direction.OUT.value, list(MOVING_PURPOSES))
    found = [row_read(Message, row, *_STATUS_FIELDS) for row in rows]
    by_gs_id = {message.gs_id: message for message in found if message.gs_id}
    by_wamid = {message.external_id: message for message in found if message.external_id}
    return [by_gs_id.get(event.gs_id) or by_wamid.get(event.external_id) for event in events]


def _message_of(gs_id: str, external_id: str) -> Message | None:
    names = Q()
    if gs_id:
        names |= Q(gs_id=gs_id)
    if external_id:
        names |= Q(external_id=external_id) | Q(gs_id=external_id)
    if not names:
        return None
    return Message.objects.select_for_update().filter(names, direction=Message.Direction.OUT).first()


def _conversation_of(connection: UUID, recipient: str) -> Conversation | None:
    if not recipient:
        return None
    return Conversation.objects.filter(
        channel=connection,
        subscriber__aliases__key=recipient,
        subscriber__aliases__kind__in=[AliasKind.PHONE, AliasKind.USER_ID],
    ).first()


def _recipients(conversation: Conversation) -> list[str]:
    return list(
        SubscriberAlias.objects.filter(subscriber_id=conversation.subscriber_id).values_list("key", flat=True)
    )


def _sends(conversation: Conversation) -> Any:
    return Delivery.objects.filter(
        conversation=conversation, kind=MESSAGE, state=Delivery.State.STARTED
    ).order_by("started_at", "created_at")


def _doubts(conversation: Conversation) -> list[Delivery]:
    """Sends in doubt in the order in which they went out, then those that were given up as unknown."""
    states = [Delivery.State.STARTED, Delivery.State.UNKNOWN]
    rows = Delivery.objects.filter(
        conversation=conversation, kind=MESSAGE, state__in=states, data__doubt=True
    ).order_by("started_at", "created_at")
    return sorted(rows, key=lambda row: row.state == Delivery.State.UNKNOWN)


def _in_flight(conversation: Conversation) -> bool:
    return bool(_sends(conversation).exclude(data__doubt=True).exists())


def _oldest_unknown(conversation: Conversation, doubt: Delivery) -> str | None:
    """The id to adopt. A send given up takes only statuses of before: later ones tell of other messages."""
    orphans = OrphanStatus.objects.filter(
        connection_id=conversation.channel,
        recipient__in=_recipients(conversation),
        received_at__gte=doubt.started_at,
    ).exclude(gs_id="")
    for orphan in orphans.order_by("received_at"):
        if doubt.finished_at is None or _from_json(orphan.status).at <= doubt.finished_at:
            return orphan.gs_id
    return None


def _adopt(doubt: Delivery, gs_id: str) -> None:
    doubt.state = Delivery.State.CONFIRMED
    doubt.external_id = gs_id
    doubt.proof = {"message_id": gs_id, "adopted_from": "status"}
    doubt.finished_at = clock.now()
    doubt.error_code = doubt.error_text = ""
    doubt.save(update_fields=["state", "external_id", "proof", "finished_at", "error_code", "error_text"])
    timer_cancel(kind=DOUBT_TIMER, subject=doubt.id)
    message = Message.objects.select_for_update().get(id=doubt.fact)
    message.gs_id = gs_id
    message.accepted_at = clock.now()
    message.template = doubt.data.get("template", "")
    message.save(update_fields=["gs_id", "accepted_at", "template"])
    _apply_waiting(message, OrphanStatus.objects.filter(gs_id=gs_id))


def _apply_waiting(message: Message, waiting: Any) -> None:
    for orphan in waiting.order_by("received_at"):
        status_apply(message=message, event=_from_json(orphan.status))
        orphan.delete()


def _to_json(event: MessageStatusChanged) -> dict[str, Any]:
    """Without the phone: the orphan is found by its hash."""
    return {**asdict(event), "phone": None, "at": event.at.isoformat()}


def _from_json(data: dict[str, Any]) -> MessageStatusChanged:
    return MessageStatusChanged(**{**data, "at": datetime.fromisoformat(data["at"])})
