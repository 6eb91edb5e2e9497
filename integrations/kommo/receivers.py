"""What the CRM should show changes the mirror, and a poke asks for a look (design, decision 7)."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from psycopg.types.json import Jsonb

from arriwa.common.statements import Statement, row_insert, row_read, selection
from arriwa.outbox.enqueue import TASK_COLUMNS, TASK_PLACES, poke_at_commit, task_enqueue, task_values
from integrations.base.deliveries import connection_of
from integrations.base.routing import route_for_conversation
from integrations.kommo.effects import KIND, lane_of, rate_keys_of
from integrations.models import DealMirror
from subscribers import signals
from subscribers.conversation.types import UpdateDeal
from subscribers.models import Conversation

PLATFORM = "kommo"


@receiver(signals.deal_changed)
def deal_changed(sender: Any, conversation: Conversation, update: UpdateDeal, **kwargs: Any) -> None:
    """Sets what is desired; the caller holds the conversation's lock."""
    row = _MIRROR.row(conversation.id)
    if row:
        # The deal stays in the account and pipeline where it is, however the chat is routed since.
        mirror = row_read(DealMirror, row)
        connection = connection_of(mirror.connection_id, PLATFORM)
    else:
        route = route_for_conversation(conversation)
        connection = route.kommo
        mirror = DealMirror(conversation=conversation, connection=connection, pipeline=route.pipeline)
    if connection is None:
        return
    changed = {name: value for name, value in wishes(update).items() if mirror.desired.get(name) != value}
    if row and not changed:
        return
    for name, value in changed.items():
        mirror.desired[name] = value
        mirror.versions[name] = mirror.versions.get(name, 0) + 1
    poke: dict[str, Any] = {
        "kind": KIND,
        "subject": mirror.id,
        "connection": connection.id,
        "lane": lane_of(mirror),
        "rate_keys": rate_keys_of(connection),
    }
    if row:
        _WISH.run(Jsonb(mirror.desired), Jsonb(mirror.versions), mirror.id, *task_values(**poke))
        poke_at_commit(KIND)
    else:
        row_insert(mirror)
        task_enqueue(**poke)


_MIRROR = Statement(
    f"SELECT {selection(DealMirror, 'm')} FROM {{schema}}.integrations_dealmirror m"
    " WHERE m.conversation_id = %s"
)
# Only what is desired: the effect confirms meanwhile.
_WISH = Statement(
    "WITH wished AS (UPDATE {schema}.integrations_dealmirror SET desired = %s, versions = %s WHERE id = %s"
    f" RETURNING id) INSERT INTO public.outbox_outboxtask ({TASK_COLUMNS}) SELECT {TASK_PLACES} FROM wished"
)


def wishes(update: UpdateDeal) -> dict[str, Any]:
    """The update as attributes of the mirror."""
    found: dict[str, Any] = {f"field:{key}": value for key, value in update.fields.items()}
    found |= {f"tag:{tag}": True for tag in update.tags_add}
    found |= {f"tag:{tag}": False for tag in update.tags_remove}
    if update.stage:
        found["stage"] = update.stage
    if update.price_minor is not None:
        found["price"] = [update.price_minor, update.currency]
    return found
