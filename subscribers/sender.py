"""The one sender that every message to a person passes: window and consent (R3, L22).

`outgoing` is asked again before each attempt, so that a window that closed meanwhile is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from arriwa.common import clock
from arriwa.common.statements import row_insert
from arriwa.outbox.enqueue import timer_set
from subscribers import signals
from subscribers.content import Content, Template, from_json, to_json
from subscribers.conversation.types import Send
from subscribers.models import Conversation, Message
from subscribers.playbook.document import Playbook, TemplateRef
from subscribers.selectors import playbook_content

WINDOW = timedelta(hours=24)
#: Timer that tells the conversation of a message that did not go out.
HELD_BACK = "held_back"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What may go out now."""

    content: Content
    #: Name of the template that stands in for the content, "" when the content itself goes.
    template: str = ""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why nothing may go out, in words."""

    reason: str
    #: The bot was switched off since: what was to be said is owed to the lead.
    owed: bool = False


def message_queue(*, conversation: Conversation, send: Send, at: datetime, about: dict[str, Any]) -> Message:
    """Records a message to be sent and lets the channel know. Runs in the decision's transaction."""
    content = to_json(send.content)
    message = Message(
        conversation=conversation,
        direction=Message.Direction.OUT,
        kind=content["type"],
        purpose=send.purpose,
        content=content,
        params=list(send.params),
        about=about,
        created_at=at,
    )
    row_insert(message)
    signals.message_queued.send(sender=Message, message=message, conversation=conversation)
    return message


def window_open(conversation: Conversation, now: datetime) -> bool:
    """Whether free-form messages are allowed: 24 h since the person's last message, less a margin."""
    margin = timedelta(seconds=settings.WINDOW_MARGIN_SECONDS)
    return now < conversation.last_inbound_at + WINDOW - margin


def outgoing(message: Message, *, now: datetime) -> Outgoing | Withheld:
    """What of `message` may go out at `now`: itself, its template, or nothing (R3).

    Needs `message.conversation` with subscriber and workspace loaded.
    """
    conversation = message.conversation
    if conversation.subscriber.opted_out_at is not None:
        return Withheld("The person opted out of messages.")
    if not conversation.workspace.speaks_on(conversation.channel):
        return Withheld("The bot is switched off.", owed=True)
    content = from_json(message.content)
    if isinstance(content, Template):
        return Outgoing(content, template=content.name)
    if window_open(conversation, now) and not message.window_refused:
        return Outgoing(content)
    playbook = playbook_content(conversation.playbook_id)
    reference = template_for(playbook, message.purpose)
    language = playbook.language_for(conversation.subscriber.language)
    if reference is None or language not in reference.names:
        return Withheld(f"WhatsApp's 24 h window is closed and no template is mapped to {message.purpose}.")
    template = Template(
        name=reference.names[language],
        language=reference.languages[language],
        params=tuple(message.params),
    )
    return Outgoing(template, template=template.name)


def message_hold_back(message: Message) -> None:
    """Lets the conversation know, in a transaction of its own, that it owes this message."""
    timer_set(kind=HELD_BACK, subject=message.id, turn=0, due_at=clock.now())


def template_for(playbook: Playbook, purpose: str) -> TemplateRef | None:
    """The template mapped to a purpose; "question:niche" falls back to "question"."""
    return playbook.templates.get(purpose) or playbook.templates.get(purpose.partition(":")[0])
