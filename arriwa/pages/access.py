"""Who may see a page: signed in, a member with the ability, in a workspace that has come so far (T3)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _

from arriwa.pages.gate import PAGES, reason_text, workspace_gate
from arriwa.pages.navigation import menu_for
from tenants.abilities import Abilities, abilities_of
from tenants.audit import Actor
from tenants.gates import ONBOARDING, Gate
from tenants.models import Membership, Organization, User
from tenants.workspaces.models import AuditEntry, Workspace

WORKSPACE_KEY = "workspace"


class PageRequest(HttpRequest):
    """A request as a guarded page gets it."""

    user: User
    organization: Organization
    membership: Membership
    abilities: Abilities
    actor: Actor
    #: None only on pages of the organization itself (`workspace=False`).
    workspace: Workspace | None
    gate: Gate | None


View = Callable[..., HttpResponse]


def page(
    *, can: tuple[str, str] | None = None, stage: str = ONBOARDING, workspace: bool = True
) -> Callable[[View], View]:
    """Guards a view. Without a session it leads to `/`, without an organization to `/start`.

    `can`: the ability that it takes, else 403 in words; `stage`: from which stage of the workspace on it
    is open, else 423 with the reason and the way there; `workspace`: whether it needs one at all.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return HttpResponseRedirect("/?" + urlencode({"next": request.get_full_path()}))
            known = cast(PageRequest, request)
            if getattr(request, "organization", None) is None:
                return HttpResponseRedirect("/start")
            enter(known)
            if can is not None and not known.abilities.can(*can):
                return forbidden(request)
            if workspace:
                if known.workspace is None:
                    return HttpResponseRedirect("/start")
                assert known.gate is not None
                if not known.gate.opens(stage):
                    return locked(known)
            return view(known, *args, **kwargs)

        return guarded

    return decorate


def enter(request: PageRequest) -> None:
    """Adds abilities, actor, workspace and gate to a member's request."""
    request.abilities = abilities_of(request.membership.role)
    name = request.user.get_full_name() or request.user.get_username()
    request.actor = Actor(request.user.id, name, AuditEntry.Via.PAGE)
    mine = Workspace.objects.order_by("created_at")
    chosen = request.session.get(WORKSPACE_KEY)
    request.workspace = (mine.filter(id=chosen).first() if chosen else None) or mine.first()
    request.gate = workspace_gate(request.workspace) if request.workspace else None


def forbidden(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 with what the member lacks."""
    text = reason or _("Your role does not allow this. Ask an owner or admin of the organization.")
    return render(request, "pages/forbidden.html", {"reason": text}, status=403)


def locked(request: PageRequest) -> HttpResponse:
    """423 with what has to be done first, and where."""
    assert request.gate is not None
    context = {"reason": reason_text(request.gate), "next_url": PAGES[request.gate.stage]}
    return render(request, "pages/locked.html", context, status=423)


def shell_context(request: HttpRequest) -> dict[str, Any]:
    """Context processor: what `templates/shell.html` shows around a page."""
    abilities = getattr(request, "abilities", None)
    if abilities is None:
        return {}
    known = cast(PageRequest, request)
    gate = known.gate
    return {
        "menu": menu_for(abilities=abilities, gate=gate, path=request.path),
        "organization": known.organization,
        "organizations": Organization.objects.filter(memberships__user=known.user).order_by("name"),
        "workspace": known.workspace,
        "workspaces": list(Workspace.objects.order_by("created_at")),
        "lock_reason": reason_text(gate) if gate else "",
        "can": abilities,
    }
