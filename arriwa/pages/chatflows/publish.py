"""Going live: the checklist, what would change, versions and the two switches."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.chatflows.access import changing, number_in, posted, reading, shown, workspace_of
from arriwa.pages.chatflows.checklist import NotReady, blocks, checklist, publish_checked
from arriwa.pages.chatflows.editor import opened
from arriwa.pages.chatflows.words import change_rows
from integrations.models import Connection
from subscribers.playbook.diff import playbook_diff
from subscribers.playbook.load import PlaybookInvalid
from subscribers.selectors import playbook_versions
from subscribers.services.playbook import DraftStale, playbook_rollback
from subscribers.services.switches import number_switch, workspace_switch
from tenants.models import User
from tenants.workspaces.models import Workspace

HERE = "/chatflows/publish"


@reading
def show(request: PageRequest) -> HttpResponse:
    """The whole page."""
    workspace = workspace_of(request)
    found = opened(workspace)
    items = checklist(request.organization, workspace, found.document) if found else []
    rows = []
    if found is not None and found.draft is not None:
        old = found.live.document if found.live else {}
        rows = change_rows(playbook_diff(old, found.document)) if old else []
    return shown(
        request,
        "publish",
        found=found,
        base=found.base if found else "",
        items=items,
        blocked=blocks(items),
        changes=rows,
        versions=_versions(workspace),
        numbers=_numbers(workspace),
    )


@require_POST
@changing
def publish(request: PageRequest) -> HttpResponse:
    """Publishes the draft that the page showed, when nothing holds it back."""
    try:
        version = publish_checked(
            organization=request.organization,
            workspace=workspace_of(request),
            base=request.POST.get("base", ""),
            actor=request.actor,
            note=posted(request, "note"),
        )
    except DraftStale:
        messages.error(request, _("The draft has changed since you looked. Look at the changes once more."))
    except (NotReady, PlaybookInvalid):
        messages.error(request, _("Not published: the checklist says what is missing."))
    except ArriwaError as error:
        messages.error(request, _(error.message))
    else:
        messages.success(request, _("Version %(number)s is live.") % {"number": version.number})
    return HttpResponseRedirect(HERE)


@require_POST
@changing
def rollback(request: PageRequest) -> HttpResponse:
    """Publishes an older version once more."""
    number = number_in(posted(request, "version"))
    try:
        version = playbook_rollback(
            workspace=workspace_of(request),
            number=number,
            actor=request.actor,
            note=_("Back to version %(number)s") % {"number": number},
        )
    except ArriwaError as error:
        messages.error(request, _(error.message))
    else:
        messages.success(request, _("Version %(number)s is live.") % {"number": version.number})
    return HttpResponseRedirect(HERE)


@require_POST
@changing
def switch(request: PageRequest) -> HttpResponse:
    """Turns the bot of the workspace or of one number on or off."""
    workspace, on = workspace_of(request), request.POST.get("on") == "1"
    number = _number(workspace, request.POST.get("number", ""))
    if number is not None:
        label = str(number.config.get("number") or number.account)
        number_switch(workspace=workspace, channel=number.id, label=label, on=on, actor=request.actor)
    elif not request.POST.get("number"):
        workspace_switch(workspace=workspace, on=on, actor=request.actor)
    else:
        messages.error(request, _("This number is not the workspace's."))
        return HttpResponseRedirect(HERE)
    messages.success(
        request, _("The bot is on.") if on else _("The bot is off: it says nothing from now on.")
    )
    return HttpResponseRedirect(HERE)


def _numbers(workspace: Workspace) -> list[dict[str, Any]]:
    rows = Connection.objects.filter(workspace=workspace, platform="gupshup", removed_at=None).order_by(
        "created_at"
    )
    return [
        {
            "id": row.id,
            "label": f"+{row.config['number']}" if row.config.get("number") else row.name or row.account,
            "on": row.id not in workspace.silent_channels,
        }
        for row in rows
    ]


def _number(workspace: Workspace, text: str) -> Connection | None:
    try:
        wanted = UUID(text)
    except ValueError:
        return None
    return Connection.objects.filter(
        workspace=workspace, platform="gupshup", removed_at=None, id=wanted
    ).first()


def _versions(workspace: Workspace) -> list[dict[str, Any]]:
    versions = playbook_versions(workspace)
    people = User.objects.in_bulk([version.created_by for version in versions if version.created_by])
    return [
        {
            "number": version.number,
            "at": version.published_at,
            "note": version.note,
            "author": _name(people.get(version.created_by)) if version.created_by else "Arriwa",
            "live": place == 0,
        }
        for place, version in enumerate(versions)
    ]


def _name(user: User | None) -> str:
    return (user.get_full_name() or user.get_username()) if user else _("a former member")
