"""Domain signals and hooks of WhatsApp (design, decision 3): enqueue and pass on, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from integrations.base.deliveries import connection_of, delivery_enqueue
from integrations.gupshup.kinds import MESSAGE
from integrations.gupshup.onboarding_knocks import notice_take_in
from integrations.gupshup.status_matching import messages_of_statuses, status_take_in
from integrations.receipts.registry import Origin, events_new, register_intake, register_together
from subscribers import signals
from subscribers.click_id import judge_click_id
from subscribers.inbound import ChannelNotice, Inbound, MessageReceived, MessageStatusChanged
from subscribers.models import Conversation, Message
from subscribers.services.inbound import message_receive, statuses_note

PLATFORM = "gupshup"


@receiver(signals.message_queued)
def message_queued(sender: Any, message: Message, conversation: Conversation, **kwargs: Any) -> None:
    """A message waits: it goes out by the connection whose number the person wrote to (L15)."""
    connection = connection_of(conversation.channel, PLATFORM)
    if connection is None:
        return
    again = ":template" if message.window_refused else ""
    delivery_enqueue(
        connection=connection,
        kind=MESSAGE,
        action=f"send {message.purpose}{again}",
        target=connection.config.get("number", ""),
        business_key=f"{message.purpose}:{message.kind}{again}",
        fact=message.id,
        conversation=conversation,
        lane=f"conversation:{conversation.id}",
        rate_keys=(f"gupshup:app:{connection.account}", f"gupshup:pair:{conversation.id}"),
    )


def take_in(origin: Origin, event: Inbound) -> None:
    """WhatsApp's normalized events become facts."""
    if isinstance(event, MessageReceived):
        referral = event.referral
        others = [value for value in (event.phone, event.external_id) if value]
        message_receive(
            workspace=origin.workspace,
            channel=origin.connection,
            event=event,
            click_id=judge_click_id(referral, other_ids=others),
        )
    elif isinstance(event, MessageStatusChanged):
        status_take_in(origin.connection, event)
    elif isinstance(event, ChannelNotice):
        notice_take_in(origin.connection, event)


_PLAIN = ("enqueued", "sent", "delivered", "read")


class _Statuses:
    """These change nothing but a message's times and ids."""

    def fits(self, item: Inbound) -> bool:
        return isinstance(item, MessageStatusChanged) and item.status in _PLAIN

    def take_in(self, offered: Sequence[tuple[Origin, Inbound]]) -> list[bool]:
        events = [event for _, event in offered if isinstance(event, MessageStatusChanged)]
        messages = messages_of_statuses(events)
        found = {event.key for event, message in zip(events, messages, strict=True) if message is not None}
        new = events_new(sorted(found), offered[0][0].received_at) if found else set()
        statuses_note(
            [
                (message, event)
                for event, message in zip(events, messages, strict=True)
                if message is not None and event.key in new
            ]
        )
        return [event.key in found for event in events]


register_intake(PLATFORM, take_in)
register_together(PLATFORM, _Statuses())
