"""What all pages under /credentials share: the guard, and how an action ends."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest, page
from arriwa.pages.gate import PAGES, workspace_gate
from integrations.models import Asset, Connection
from tenants.abilities import MANAGE
from tenants.gates import CREDENTIALS, OPEN
from tenants.workspaces.models import Workspace

guarded = page(can=(MANAGE, "credentials"), stage=CREDENTIALS)


def workspace_of(request: PageRequest) -> Workspace:
    """The chosen workspace; the guard has seen to it that there is one."""
    assert request.workspace is not None
    return request.workspace


def done(request: PageRequest, where: str, text: str = "") -> HttpResponse:
    """Back to a page with a message; to /chatflows when the last step has just opened everything."""
    if text:
        messages.success(request, text)
    before = request.gate
    if before is not None and not before.opens(OPEN) and workspace_gate(workspace_of(request)).opens(OPEN):
        messages.success(request, _("Everything is connected that has to be: the rest is open now."))
        return HttpResponseRedirect(PAGES[OPEN])
    return HttpResponseRedirect(where)


def act(request: PageRequest, where: str, work: Callable[[], str]) -> HttpResponse:
    """Does the work and says what came of it; an error of ours is told in words and changes nothing else."""
    try:
        text = work()
    except ArriwaError as error:
        messages.error(request, told(error))
        return HttpResponseRedirect(where)
    return done(request, where, text)


def told(error: ArriwaError) -> str:
    """An error in the reader's language as far as it is a standing text."""
    return _(error.message)


def own_connection(request: PageRequest, connection_id: UUID) -> Connection:
    """A connection of the chosen workspace. Raises Http404 for any other."""
    found = Connection.objects.filter(workspace=workspace_of(request), removed_at=None)
    connection = found.select_related("workspace").filter(id=connection_id).first()
    if connection is None:
        raise Http404
    return connection


def own_asset(request: PageRequest, asset_id: UUID | str) -> Asset:
    """An asset of the chosen workspace. Raises Http404 for any other, and for what is no id."""
    try:
        wanted = UUID(str(asset_id))
    except ValueError:
        raise Http404 from None
    mine = Asset.objects.filter(connection__workspace=workspace_of(request))
    asset = mine.select_related("connection__workspace").filter(id=wanted).first()
    if asset is None:
        raise Http404
    return asset
