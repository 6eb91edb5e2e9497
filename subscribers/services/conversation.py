"""From a signal to facts: the pure decision is carried out in one transaction (design 3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from functools import singledispatch
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from psycopg.types.json import Jsonb

from arriwa.common import clock
from arriwa.common.statements import Statement, row_insert, row_insert_once
from arriwa.outbox.enqueue import timer_set
from subscribers import signals
from subscribers.conversation import machine
from subscribers.conversation import types as t
from subscribers.conversation.serialise import snapshot_from_json, snapshot_to_json
from subscribers.models import (
    Answer,
    Conversation,
    DecisionLog,
    JourneyEvent,
    Judgement,
    Message,
    Order,
)
from subscribers.playbook.document import Playbook
from subscribers.selectors import playbook_content, playbook_speaks
from subscribers.sender import message_queue

SILENCE = "silence"

_KEEP = Statement(
    "UPDATE {schema}.subscribers_conversation SET snapshot = %s, state = %s, last_inbound_at = %s"
    " WHERE id = %s"
)


def conversation_lock(conversation_id: UUID) -> Conversation:
    """The conversation, locked until the transaction ends: its decisions come one by one."""
    return conversations_locked().get(id=conversation_id)


def conversations_locked() -> QuerySet[Conversation]:
    """Conversations with subscriber and workspace, locked as they are read."""
    return Conversation.objects.select_for_update(of=("self",)).select_related("subscriber", "workspace")


def conversation_advance(
    conversation: Conversation, signal: t.Signal, *, changed: bool = False
) -> t.Decision:
    """Decides on `signal` and records what follows. The conversation must be locked.

    `changed`: the caller has set `last_inbound_at`, which is saved with the decision.
    """
    playbook = playbook_content(conversation.playbook_id)
    before = snapshot_from_json(conversation.snapshot)
    now = clock.now()
    facts = _facts(conversation, playbook, now)
    decision = machine.decide(before, signal, facts)
    _log(conversation, signal, before, decision, now)
    if decision.snapshot != before:
        conversation.snapshot = snapshot_to_json(decision.snapshot)
        conversation.state = decision.snapshot.state
        changed = True
    if changed:
        _KEEP.run(
            Jsonb(conversation.snapshot),
            conversation.state.value if isinstance(conversation.state, Enum) else conversation.state,
            conversation.last_inbound_at,
            conversation.id,
        )
    for record in decision.records:
        _record(record, conversation, playbook, now)
    for command in decision.commands:
        _carry_out(command, conversation, playbook, now)
    for timer in decision.timers:
        timer_set(
            kind=timer.kind,
            subject=conversation.id,
            turn=timer.turn,
            due_at=now + timedelta(seconds=timer.seconds),
        )
    return decision


def _facts(conversation: Conversation, playbook: Playbook, now: datetime) -> t.Facts:
    """What the machine may know of the moment."""
    return t.Facts(
        now=now,
        playbook=playbook,
        language=playbook.language_for(conversation.subscriber.language),
        opted_out=conversation.subscriber.opted_out_at is not None,
        human_holds=conversation.human_since is not None,
        published=playbook_speaks(conversation.playbook_id),
        bot_on=conversation.workspace.speaks_on(conversation.channel),
        known_customer=conversation.subscriber.known_customer_at is not None,
        new_order=str(uuid4()),
    )


def _log(
    conversation: Conversation, signal: t.Signal, before: t.Snapshot, decision: t.Decision, now: datetime
) -> None:
    """The decision's line in the lead's ledger."""
    row_insert(
        DecisionLog(
            conversation=conversation,
            decided_at=now,
            signal=type(signal).__name__,
            state_before=before.state,
            state_after=decision.snapshot.state,
            turn=decision.snapshot.turn,
            reason=decision.reason[:400],
        )
    )


@transaction.atomic
def silence_ring(conversation_id: UUID, turn: int) -> None:
    """The silence timer rang: the free text is complete (design 3). An erased conversation is no one's."""
    conversation = conversations_locked().filter(id=conversation_id).first()
    if conversation is not None:
        conversation_advance(conversation, t.FellSilent(turn=turn))


@transaction.atomic
def message_held_back(message_id: UUID, turn: int) -> None:
    """A queued message stayed here, for the bot was switched off since: it is owed (design 5)."""
    message = Message.objects.filter(id=message_id).first()
    if message is not None:
        conversation_advance(conversation_lock(message.conversation_id), t.HeldBack(message.purpose))


@transaction.atomic
def judgement_record(
    *, judgement_id: UUID, verdict: str, confidence: float, value: str, method: str, reason: str
) -> None:
    """Takes a classifier's answer (L16), once; a stale one is recorded and changes nothing."""
    waiting = Judgement.objects.only("conversation_id").get(id=judgement_id)
    conversation = conversation_lock(waiting.conversation_id)
    judgement = Judgement.objects.get(id=judgement_id)
    if judgement.judged_at is not None:
        return
    judgement.verdict = verdict
    judgement.confidence = confidence
    judgement.value = value[:200]
    judgement.method = method
    judgement.reason = reason[:300]
    judgement.judged_at = clock.now()
    judgement.save()
    signal = t.Classified(
        turn=judgement.turn,
        verdict=verdict,
        confidence=confidence,
        value=value,
        method=method,
        reason=reason,
    )
    conversation_advance(conversation, signal)


@transaction.atomic
def payment_link_record(*, order_id: UUID, url: str) -> None:
    """The order's payment link exists (L20)."""
    order = Order.objects.get(id=order_id)
    conversation = conversation_lock(order.conversation_id)
    if not Order.objects.filter(id=order_id, payment_url="").update(payment_url=url):
        return
    conversation_advance(conversation, t.LinkReady(order=str(order_id), url=url))


# --- records ------------------------------------------------------------------------------------


@singledispatch
def _record(record: t.Record, conversation: Conversation, playbook: Playbook, now: datetime) -> None:
    raise TypeError(f"No one records {type(record).__name__}.")


@_record.register
def _(record: t.RecordEvent, conversation: Conversation, playbook: Playbook, now: datetime) -> None:
    data = dict(record.data)
    event = JourneyEvent(
        conversation=conversation,
        key=record.key,
        subscriber=conversation.subscriber,
        kind=record.kind,
        occurred_at=now,
        amount_minor=data.pop("amount_minor", None),
        currency=data.pop("currency", ""),
        data=data,
    )
    if row_insert_once(event):
        signals.journey_event_recorded.send(
            sender=JourneyEvent, event=event, conversation=conversation, playbook=playbook
        )


@_record.register
def _(record: t.RecordAnswer, conversation: Conversation, playbook: Playbook, now: datetime) -> None:
    row_insert(
        Answer(
            conversation=conversation,
            question=record.question,
            attempt=record.attempt,
            text=record.text,
            value=record.value[:200],
            verdict=record.verdict,
            confidence=record.confidence,
            method=record.method,
            answered_at=now,
        )
    )


# --- commands -----------------------------------------------------------------------------------


@singledispatch
def _carry_out(command: t.Command, conversation: Conversation, playbook: Playbook, now: datetime) -> None:
    raise TypeError(f"No one carries out {type(command).__name__}.")


@_carry_out.register
def _(command: t.Send, conversation: Conversation, playbook: Playbook, now: datetime) -> None:
    message_queue(conversation=conversation, send=command, at=now, about=_about(command, conversation))


@_carry_out.register
def _(command: t.StartAgent, conversation: Conversation, playbook: Playbook, now: datetime) -> None:
    signals.agent_started.send(
        sender=Conversation, conversation=conversation, playbook=playbook, text=command.text
    )


@_carry_out.register
def _(command: t.Classify, conversation: Conversation, playbook: Playbook, now: datetime) -> None:
    judgement, created = Judgement.objects.get_or_create(
        conversation=conversation,
        turn=command.turn,
        defaults={"question": command.question, "text": command.text, "asked_at": now},
    )
    if created:
        signals.judgement_requested.send(
            sender=Judgement, judgement=judgement, conversation=conversation, playbook=playbook
        )


@_carry_out.register
def _(command: t.Segment, conversation: Conversation, playbook: Playbook, now: datetime) -> None:
    signals.segment_changed.send(
        sender=Conversation,
        conversation=conversation,
        playbook=playbook,
        audience=command.audience,
        member=command.member,
    )


@_carry_out.register
def _(command: t.UpdateDeal, conversation: Conversation, playbook: Playbook, now: datetime) -> None:
    signals.deal_changed.send(
        sender=Conversation, conversation=conversation, playbook=playbook, update=command
    )


@_carry_out.register
def _(command: t.OpenOrder, conversation: Conversation, playbook: Playbook, now: datetime) -> None:
    order = Order.objects.create(
        id=UUID(command.order),
        conversation=conversation,
        product=command.product,
        amount_minor=command.amount_minor,
        currency=command.currency,
        opened_at=now,
    )
    signals.order_opened.send(sender=Order, order=order, conversation=conversation, playbook=playbook)


def _about(command: t.Send, conversation: Conversation) -> dict[str, Any]:
    """What the message's statuses will stand for."""
    if command.purpose == "cards":
        return {"products": list(getattr(command.content, "products", ()))}
    if command.purpose == "payment_link":
        return {"order": snapshot_from_json(conversation.snapshot).order}
    return {}
