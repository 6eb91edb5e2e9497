"""Domain signals and hooks of WhatsApp (design, decision 3): enqueue and pass on, nothing else."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from integrations.base.deliveries import connection_of, delivery_enqueue
from integrations.gupshup.kinds import MESSAGE
from integrations.gupshup.status_matching import status_take_in
from integrations.receipts.intake import Origin, register_intake
from subscribers import signals
from subscribers.click_id import judge_click_id
from subscribers.inbound import Inbound, MessageReceived, MessageStatusChanged
from subscribers.models import Conversation, Message
from subscribers.services.inbound import message_receive
from tenants.workspaces.models import Workspace

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
            workspace=Workspace.objects.get(id=origin.workspace),
            channel=origin.connection,
            event=event,
            click_id=judge_click_id(referral, other_ids=others),
        )
    elif isinstance(event, MessageStatusChanged):
        status_take_in(origin.connection, event)


register_intake(PLATFORM, take_in)
