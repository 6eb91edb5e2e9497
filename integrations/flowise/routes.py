"""Which agentflow a conversation's number runs (T2)."""

from __future__ import annotations

from django.db.models import Q

from integrations.models import Agentflow, NumberRoute
from subscribers.models import Conversation


def agentflow_for(conversation: Conversation) -> Agentflow | None:
    """The flow of the number that the person wrote to, else the workspace's default; None for neither.

    One that Flowise does not have yet counts as none.
    """
    rows = (
        NumberRoute.objects.filter(workspace_id=conversation.workspace_id)
        .filter(Q(number_id=conversation.channel) | Q(number=None))
        .exclude(agentflow=None)
        .exclude(agentflow__external_id="")
        .select_related("agentflow__connection")
    )
    found = sorted(rows, key=lambda row: row.number_id is None)
    return found[0].agentflow if found else None
