"""Agentflows: install, edit, adopt, try; which flow answers on which number."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.chatflows.access import changing, posted, reading, shown, workspace_of
from arriwa.pages.chatflows.editor import opened
from arriwa.pages.chatflows.judge import flow_reply
from arriwa.pages.chatflows.trial import chat_context
from integrations.base.binding import number_bind
from integrations.flowise import services as flowise
from integrations.flowise.config import OWN, SHARED
from integrations.flowise.graphs import template_of
from integrations.models import Agentflow, Connection, NumberRoute
from tenants.workspaces.models import Workspace

HERE = "/chatflows"
_LONGEST_TRY = 1000


@reading
def show(request: PageRequest) -> HttpResponse:
    """Where the workspace's agent stands, its flows, and the numbers they serve."""
    workspace = workspace_of(request)
    return shown(
        request,
        "flows",
        found=opened(workspace),
        flows=Agentflow.objects.filter(workspace=workspace)
        .select_related("connection")
        .order_by("created_at"),
        single=_single(workspace),
        own=_managed(workspace, OWN),
        templates=[
            {"key": plan.key, "shown_title": _(plan.title), "shown_about": _(plan.about)}
            for plan in flowise.templates().values()
        ],
        numbers=_numbers(workspace),
    )


@require_POST
@changing
def install(request: PageRequest) -> HttpResponse:
    """Installs one of Arriwa's agentflows: at the workspace's own Flowise, else at the shared one."""
    workspace, actor = workspace_of(request), request.actor
    try:
        connection = _managed(workspace, OWN) or _managed(workspace, SHARED)
        if connection is None:
            connection = flowise.flowise_workspace_ensure(workspace=workspace, way=SHARED, actor=actor)
        flow = flowise.agentflow_install(
            connection=connection,
            template=request.POST.get("template", ""),
            actor=actor,
            name=posted(request, "name"),
        )
    except ArriwaError as error:
        messages.error(request, _(error.message))
        return HttpResponseRedirect(HERE)
    messages.success(request, _("%(name)s is installed.") % {"name": flow.name})
    return HttpResponseRedirect(f"{HERE}/flows/{flow.id}")


@reading
def flow(request: PageRequest, flow: UUID) -> HttpResponse:
    """One flow: its prompts and model, and a chat to try it in."""
    row = _flow(request, str(flow))
    if request.method == "POST":
        return _updated(request, row)
    return _page(request, row, {}, row.model)


@require_POST
@changing
def ask(request: PageRequest, flow: UUID) -> HttpResponse:
    """Lets a flow answer one text."""
    row, text = _flow(request, str(flow)), posted(request, "text")[:_LONGEST_TRY]
    answer = ""
    if text and row.external_id:
        try:
            answer = flow_reply(row, text, workspace_of(request).language)
        except ArriwaError as error:
            messages.error(request, _(error.message))
    return _page(request, row, {}, row.model, asked=text, answer=answer)


@require_POST
@changing
def remove(request: PageRequest, flow: UUID) -> HttpResponse:
    """Removes a flow; numbers that used it fall back to the workspace's own."""
    row = Agentflow.objects.filter(workspace=workspace_of(request), id=flow).first()
    if row is not None:
        try:
            flowise.agentflow_remove(agentflow=row, actor=request.actor)
            messages.success(request, _("%(name)s is removed.") % {"name": row.name})
        except ArriwaError as error:
            messages.error(request, _(error.message))
    return HttpResponseRedirect(HERE)


@reading
def adopt(request: PageRequest) -> HttpResponse:
    """The agentflows of the tenant's own Flowise: shows them, or takes one."""
    connection = _managed(workspace_of(request), OWN)
    if connection is None:
        messages.error(request, _("Connect your own Flowise first."))
        return HttpResponseRedirect(HERE)
    if request.method == "POST":
        return _adopted(request, connection)
    try:
        found, problem = flowise.agentflow_list(connection), ""
    except ArriwaError as error:
        found, problem = (), _(error.message)
    return shown(request, "adopt", remote=found, problem=problem)


@require_POST
@changing
def bind(request: PageRequest) -> HttpResponse:
    """Gives a number its flow."""
    workspace = workspace_of(request)
    number = _one(
        workspace.connections.filter(platform="gupshup", removed_at=None), request.POST.get("number", "")
    )
    chosen = _one(workspace.agentflows.all(), request.POST.get("flow", ""))
    if number is None or (chosen is None and request.POST.get("flow")):
        messages.error(request, _("Choose a number and a flow of this workspace."))
    else:
        number_bind(workspace=workspace, number=number, agentflow=chosen, actor=request.actor)
        messages.success(request, _("Saved."))
    return HttpResponseRedirect(HERE)


@changing
def _updated(request: PageRequest, row: Agentflow) -> HttpResponse:
    prompts = {key[7:]: posted(request, key) for key in request.POST if key.startswith("prompt-")}
    model = posted(request, "model")
    try:
        flowise.agentflow_update(agentflow=row, actor=request.actor, prompts=prompts, model=model)
    except ArriwaError as error:
        messages.error(request, _(error.message))
        return _page(request, _flow(request, str(row.id)), prompts, model, status=422)
    messages.success(request, _("Saved, and Flowise has it."))
    return HttpResponseRedirect(f"{HERE}/flows/{row.id}")


@changing
def _adopted(request: PageRequest, connection: Connection) -> HttpResponse:
    try:
        row = flowise.agentflow_adopt(
            connection=connection, external_id=request.POST.get("id", ""), actor=request.actor
        )
    except ArriwaError as error:
        messages.error(request, _(error.message))
        return HttpResponseRedirect(f"{HERE}/adopt")
    messages.success(request, _("%(name)s can answer on your numbers now.") % {"name": row.name})
    return HttpResponseRedirect(HERE)


def _page(
    request: PageRequest,
    row: Agentflow,
    written: dict[str, str],
    model: str,
    status: int = 200,
    asked: str = "",
    answer: str = "",
) -> HttpResponse:
    plan = template_of(row.template) if row.template else None
    texts = {**(plan.texts() if plan else {}), **row.prompts, **written}
    prompts = [(one.key, _(one.label), texts[one.key]) for one in plan.prompts] if plan else []
    return shown(
        request,
        "flow",
        status=status,
        flow=row,
        prompts=prompts,
        model=model,
        judges=row.template != "reply",
        asked=asked,
        answer=answer,
        **chat_context(request),
    )


def _managed(workspace: Workspace, way: str) -> Connection | None:
    mine = Connection.objects.filter(
        workspace=workspace, platform="flowise", removed_at=None, config__way=way
    )
    return mine.order_by("created_at").first()


def _single(workspace: Workspace) -> Connection | None:
    """A connection that runs one given flow and is not managed."""
    mine = Connection.objects.filter(
        workspace=workspace, platform="flowise", removed_at=None, config__way=None
    )
    return mine.order_by("created_at").first()


def _numbers(workspace: Workspace) -> list[dict[str, Any]]:
    routes = {route.number_id: route for route in NumberRoute.objects.filter(workspace=workspace)}
    rows = workspace.connections.filter(platform="gupshup", removed_at=None).order_by("created_at")
    return [
        {
            "id": row.id,
            "label": f"+{row.config['number']}" if row.config.get("number") else row.name or row.account,
            "flow": routes[row.id].agentflow_id if row.id in routes else None,
            "on": workspace.speaks_on(row.id),
        }
        for row in rows
    ]


def _flow(request: PageRequest, text: str) -> Agentflow:
    mine = Agentflow.objects.filter(workspace=workspace_of(request)).select_related("connection")
    found: Agentflow | None = _one(mine, text)
    if found is None:
        raise Http404
    return found


def _one(rows: Any, text: str) -> Any:
    try:
        return rows.filter(id=UUID(text)).first()
    except ValueError:
        return None
