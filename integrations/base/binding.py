"""Which agentflow answers on which number (design 5)."""

from __future__ import annotations

from django.db import transaction

from integrations.base.deliveries import connections_forget
from integrations.models import Agentflow, Connection, NumberRoute
from tenants.audit import Actor, audit_record
from tenants.workspaces.models import Workspace


@transaction.atomic
def number_bind(
    *, workspace: Workspace, number: Connection, agentflow: Agentflow | None, actor: Actor
) -> NumberRoute:
    """The number's chats go to `agentflow`; None: to the workspace's default. Once, however often."""
    route, _ = NumberRoute.objects.select_for_update().get_or_create(workspace=workspace, number=number)
    if route.agentflow != agentflow:
        route.agentflow = agentflow
        route.save(update_fields=["agentflow"])
        label = str(number.config.get("number") or number.account)
        details = {"agentflow": agentflow.name if agentflow else ""}
        audit_record(
            actor=actor, action="number.agentflow_set", subject=label, workspace=workspace, details=details
        )
        transaction.on_commit(connections_forget)
    return route
