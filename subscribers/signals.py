"""The domain's few signals (design, decision 3). Sent inside the fact's transaction; receivers in
`integrations/<platform>/receivers.py` enqueue outbox tasks and do nothing else.
"""

from __future__ import annotations

from django.dispatch import Signal

#: message: Message, conversation: Conversation — a message waits to be sent (L15).
message_queued = Signal()
#: touchpoint: Touchpoint — a person came from somewhere (L8).
touchpoint_recorded = Signal()
#: event: JourneyEvent, playbook: Playbook — a step of the journey was recorded (L9, L17, L20, L21).
journey_event_recorded = Signal()
#: conversation, playbook, audience: str, member: bool — joins or leaves an audience (L10, L17 …).
segment_changed = Signal()
#: conversation, playbook, update: UpdateDeal — the CRM should show this (L11, L17, L18, L20, L21).
deal_changed = Signal()
#: conversation, playbook, text: str — the Agentflow starts with the session's context (L14).
agent_started = Signal()
#: judgement: Judgement, conversation, playbook — a free text answer wants a verdict (L16).
judgement_requested = Signal()
#: order: Order, conversation, playbook — a payment link is wanted (L20).
order_opened = Signal()
