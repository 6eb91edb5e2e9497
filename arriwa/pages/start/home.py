"""`/`: the way in for strangers, the way on for members; and the doors out and across."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from arriwa.pages.access import WORKSPACE_KEY, PageRequest, enter
from arriwa.pages.gate import PAGES
from arriwa.pages.navigation import menu_for
from arriwa.pages.start.doors import SignedInRequest, signed_in
from arriwa.signin import stops
from arriwa.signin.consent import consent_start
from tenants.abilities import MANAGE
from tenants.middleware import SESSION_KEY
from tenants.models import Membership
from tenants.signin.permissions import SIGNIN, permission_of, scopes_of
from tenants.workspaces.models import Workspace


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """The landing page; whoever is signed in goes to where his workspace stands."""
    wanted = stops.local_url(request.GET.get("next"), "")
    if not request.user.is_authenticated:
        permissions = [permission_of(scope) for scope in scopes_of(SIGNIN)]
        return render(request, "pages/start/home.html", {"next": wanted, "permissions": permissions})
    if wanted:
        return HttpResponseRedirect(wanted)
    if getattr(request, "organization", None) is None:
        return HttpResponseRedirect("/start")
    known = cast(PageRequest, request)
    enter(known)
    place = place_of(known)
    if place:
        return HttpResponseRedirect(place)
    return render(request, "pages/start/waiting.html")


def place_of(request: PageRequest) -> str:
    """The page that the member's workspace is at, else the first that he may open, "" for none."""
    if request.gate is None:
        return "/start/workspaces" if request.abilities.can(MANAGE, "organization") else ""
    shown = menu_for(abilities=request.abilities, gate=request.gate, path="")
    open_ones = [one.entry.url for one in shown if not one.locked]
    place = PAGES[request.gate.stage]
    return place if place in open_ones else next(iter(open_ones), "")


@require_POST
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """To Facebook's dialog with the first step's scopes; nothing of the request widens them."""
    state: dict[str, Any] = {"next": stops.local_url(request.POST.get("next"))}
    if not ratelimit.consume(request, action="facebook"):
        return stops.stopped(request, "often", state)
    return consent_start(request, SIGNIN, state["next"], again=bool(request.POST.get("again")))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session here; Facebook's own stays."""
    logout(request)
    messages.success(request, _("You are signed out."))
    return HttpResponseRedirect("/")


@require_POST
@signed_in
def switch(request: SignedInRequest) -> HttpResponse:
    """Another organization or workspace of the member's; anything else changes nothing."""
    organization, workspace = _id(request.POST.get("organization")), _id(request.POST.get("workspace"))
    if organization and Membership.objects.filter(user=request.user, organization=organization).exists():
        request.session[SESSION_KEY] = str(organization)
        request.session.pop(WORKSPACE_KEY, None)
    elif workspace and request.organization and Workspace.objects.filter(id=workspace).exists():
        # The shown organization may be the default one: from now on both are chosen.
        request.session[SESSION_KEY] = str(request.organization.id)
        request.session[WORKSPACE_KEY] = str(workspace)
    else:
        messages.error(request, _("You are not a member there."))
    return HttpResponseRedirect(stops.local_url(request.POST.get("next")))


def _id(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
