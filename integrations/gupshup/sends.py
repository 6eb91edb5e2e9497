"""The two statements of a send: what it needs to know, and that Gupshup has accepted it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from arriwa.common import clock
from arriwa.common.statements import Statement, array, row_read, row_related, selection
from integrations.base.delivery_rows import COLUMNS, WIDTH, take
from integrations.models import Connection, Delivery
from subscribers.models import Conversation, Message, Subscriber
from tenants.workspaces.models import Workspace

# What `subscribers.sender.outgoing` and `person_open` look at, in the order of the models' fields; the rest
# is read when someone asks for it.
_MESSAGE = ("id", "conversation_id", "purpose", "content", "params", "window_refused")
_CONVERSATION = ("id", "subscriber_id", "workspace_id", "channel", "playbook_id", "last_inbound_at")
_SUBSCRIBER = ("id", "person_sealed", "language", "opted_out_at")
_CONVERSATION_FROM = WIDTH + len(_MESSAGE)
_WORKSPACE = ("id", "bot_on", "silent_channels")
_SUBSCRIBER_FROM = _CONVERSATION_FROM + len(_CONVERSATION)
_WORKSPACE_FROM = _SUBSCRIBER_FROM + len(_SUBSCRIBER)

_READ = Statement(f"""
SELECT {COLUMNS}, {selection(Message, "m", *_MESSAGE)}, {selection(Conversation, "v", *_CONVERSATION)},
    {selection(Subscriber, "s", *_SUBSCRIBER)}, {selection(Workspace, "w", *_WORKSPACE)}
FROM {{schema}}.integrations_delivery d
JOIN {{schema}}.integrations_connection c ON c.id = d.connection_id
LEFT JOIN {{schema}}.subscribers_message m ON m.id = d.fact
LEFT JOIN {{schema}}.subscribers_conversation v ON v.id = m.conversation_id
LEFT JOIN {{schema}}.subscribers_subscriber s ON s.id = v.subscriber_id
LEFT JOIN {{schema}}.workspaces_workspace w ON w.id = v.workspace_id
WHERE d.id = ANY(%s::uuid[])
""")
# Conversations first, in the order of their ids: who matches statuses locks conversation, delivery, message.
_ACCEPTED = Statement("""
WITH v AS (
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::jsonb[], %s::uuid[], %s::text[])
        AS v (id, external_id, proof, fact, template)
), held AS (
    SELECT id FROM {schema}.subscribers_conversation WHERE id = ANY(%s::uuid[]) ORDER BY id FOR UPDATE
), told AS (
    UPDATE {schema}.subscribers_message m SET gs_id = v.external_id, template = v.template,
        accepted_at = %s::timestamptz
    FROM v WHERE m.id = v.fact
)
UPDATE {schema}.integrations_delivery d SET state = 'confirmed', external_id = v.external_id,
    proof = v.proof, finished_at = %s::timestamptz, error_code = '', error_text = ''
FROM v WHERE d.id = v.id AND (SELECT count(*) FROM held) >= 0
""")


def sends_read(ids: Sequence[UUID]) -> tuple[dict[UUID, Delivery], dict[UUID, Any]]:
    """Deliveries with their connections, and their messages with conversation and subscriber; by id.

    A message that is gone is None.
    """
    connections: dict[UUID, Connection] = {}
    deliveries: dict[UUID, Delivery] = {}
    messages: dict[UUID, Message | None] = {}
    for row in _READ.rows(array(ids)):
        delivery = take(row, connections)
        deliveries[delivery.id] = delivery
        messages[delivery.id] = _message(row) if row[WIDTH] is not None else None
    return deliveries, messages


def sends_accepted(deliveries: Sequence[Delivery]) -> None:
    """Writes confirmed sends and Gupshup's ids on their messages; locks their conversations."""
    now = clock.now()
    _ACCEPTED.run(
        array(delivery.id for delivery in deliveries),
        array(delivery.external_id for delivery in deliveries),
        array(delivery.proof for delivery in deliveries),
        array(delivery.fact for delivery in deliveries),
        array(delivery.data.get("template", "") for delivery in deliveries),
        array(delivery.conversation_id for delivery in deliveries),
        now,
        now,
    )


def _message(row: Sequence[Any]) -> Message:
    message = row_read(Message, row[WIDTH:_CONVERSATION_FROM], *_MESSAGE)
    conversation = row_read(Conversation, row[_CONVERSATION_FROM:_SUBSCRIBER_FROM], *_CONVERSATION)
    subscriber = row_read(Subscriber, row[_SUBSCRIBER_FROM:_WORKSPACE_FROM], *_SUBSCRIBER)
    row_related(conversation, "subscriber", subscriber)
    row_related(conversation, "workspace", row_read(Workspace, row[_WORKSPACE_FROM:], *_WORKSPACE))
    row_related(message, "conversation", conversation)
    return message
