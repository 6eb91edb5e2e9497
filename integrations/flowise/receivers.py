"""The Agentflow starts, and free text wants a verdict (L14, L16)."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from arriwa.common import clock
from arriwa.outbox.enqueue import timer_set
from integrations.base.deliveries import delivery_enqueue
from integrations.base.routing import route_for_conversation
from integrations.flowise.effects import JUDGE, LOCAL_TIMER, START
from subscribers import signals
from subscribers.models import Conversation, Judgement


@receiver(signals.agent_started)
def agent_started(sender: Any, conversation: Conversation, text: str, **kwargs: Any) -> None:
    """A session begins; the flow gets its context (L14)."""
    connection = route_for_conversation(conversation).flowise
    if connection is None or not text.strip():
        return
    delivery_enqueue(
        connection=connection,
        kind=START,
        action="start agent",
        target=connection.account,
        business_key="agent:start",
        fact=conversation.id,
        conversation=conversation,
    )


@receiver(signals.judgement_requested)
def judgement_requested(sender: Any, judgement: Judgement, conversation: Conversation, **kwargs: Any) -> None:
    """A free text answer goes to the workspace's agentflow; without one the local classifier answers."""
    connection = route_for_conversation(conversation).flowise
    if connection is None:
        # A timer, because the decision that asked is still being carried out.
        timer_set(kind=LOCAL_TIMER, subject=judgement.id, turn=judgement.turn, due_at=clock.now())
        return
    delivery_enqueue(
        connection=connection,
        kind=JUDGE,
        action=f"judge {judgement.question}",
        target=connection.account,
        business_key=f"judge:{judgement.question}:{judgement.turn}",
        fact=judgement.id,
        conversation=conversation,
    )
