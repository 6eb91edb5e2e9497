"""Agentflows: which flow answers on which number."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from arriwa.pages.access import PageRequest
from arriwa.pages.chatflows.access import changing, reading, shown, workspace_of
from arriwa.pages.chatflows.editor import opened
from integrations.base.binding import number_bind
from integrations.models import Agentflow, Connection, NumberRoute
from tenants.workspaces.models import Workspace

HERE = "/chatflows"


@reading
def show(request: PageRequest) -> HttpResponse:
    """Where the workspace's agent stands, its flows, and the numbers they serve."""
    workspace = workspace_of(request)
    return shown(
        request,
        "flows",
        found=opened(workspace),
        flows=Agentflow.objects.filter(workspace=workspace).order_by("created_at"),
        connections=Connection.objects.filter(workspace=workspace, platform="flowise").order_by("created_at"),
        numbers=_numbers(workspace),
    )


@require_POST
@changing
def bind(request: PageRequest) -> HttpResponse:
    """Gives a number its flow."""
    workspace = workspace_of(request)
    number = _one(workspace.connections.filter(platform="gupshup"), request.POST.get("number", ""))
    flow = _one(workspace.agentflows.all(), request.POST.get("flow", ""))
    if number is None or (flow is None and request.POST.get("flow")):
        messages.error(request, _("Choose a number and a flow of this workspace."))
    else:
        number_bind(workspace=workspace, number=number, agentflow=flow, actor=request.actor)
        messages.success(request, _("Saved."))
    return HttpResponseRedirect(HERE)


def _numbers(workspace: Workspace) -> list[dict[str, Any]]:
    routes = {route.number_id: route for route in NumberRoute.objects.filter(workspace=workspace)}
    rows = workspace.connections.filter(platform="gupshup").order_by("created_at")
    return [
        {
            "id": row.id,
            "label": f"+{row.config['number']}" if row.config.get("number") else row.name or row.account,
            "flow": routes[row.id].agentflow_id if row.id in routes else None,
            "on": workspace.speaks_on(row.id),
        }
        for row in rows
    ]


def _one(rows: Any, text: str) -> Any:
    try:
        return rows.filter(id=UUID(text)).first()
    except ValueError:
        return None
