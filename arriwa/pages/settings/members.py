"""/settings/members: who belongs to the organization, who is invited, who asks to come in."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from arriwa.pages.access import WORKSPACE_KEY, PageRequest, page
from arriwa.pages.settings.forms import ROLE_HINTS, InvitationForm, RoleForm, role_choices
from arriwa.pages.settings.links import invitation_url
from arriwa.pages.settings.secrets import secret_keep, secret_take
from arriwa.pages.settings.sentences import role_name
from arriwa.pages.settings.told import told
from tenants.abilities import MANAGE, abilities_of
from tenants.errors import TenancyError
from tenants.members import (
    INVITATION_DAYS,
    invitation_create,
    invitation_revoke,
    invitations_open,
    join_request_decide,
    join_requests_pending,
    members_of,
    membership_leave,
    membership_remove,
    membership_set_role,
    tokens_left_by,
)
from tenants.middleware import SESSION_KEY
from tenants.models import ApiToken, Role

HERE = "/settings/members"
_guard = page(can=(MANAGE, "members"), workspace=False)


@never_cache
@require_GET
@_guard
def members(request: PageRequest) -> HttpResponse:
    """The lists, and the forms beside them."""
    return show(request, InvitationForm(by=request.abilities))


@require_POST
@_guard
def invite(request: PageRequest) -> HttpResponse:
    """Makes an invitation; its link is shown once on the page that follows."""
    form = InvitationForm(request.POST, by=request.abilities)
    if not form.is_valid():
        return show(request, form, status=400)
    chosen = form.cleaned_data
    with told(request):
        _row, secret = invitation_create(
            organization=request.organization,
            role=Role(chosen["role"]),
            note=chosen["note"],
            invitation_id=chosen["once"],
            actor=request.actor,
            by=request.abilities,
        )
        if secret:
            secret_keep(request, kind="invitation", name=chosen["note"], secret=invitation_url(secret))
    return HttpResponseRedirect(HERE)


@require_POST
@_guard
def revoke(request: PageRequest, invitation: UUID) -> HttpResponse:
    """Takes an invitation back."""
    with told(request):
        invitation_revoke(organization=request.organization, invitation_id=invitation, actor=request.actor)
        messages.success(request, _("The invitation's link opens nothing any more."))
    return HttpResponseRedirect(HERE)


@require_POST
@_guard
def set_role(request: PageRequest, member: int) -> HttpResponse:
    """Gives a member another role."""
    form = RoleForm(request.POST, by=request.abilities)
    if not form.is_valid():
        messages.error(request, _("Choose one of the roles in the list."))
        return HttpResponseRedirect(HERE)
    with told(request):
        changed = membership_set_role(
            organization=request.organization,
            membership_id=member,
            role=Role(form.cleaned_data["role"]),
            actor=request.actor,
            by=request.abilities,
        )
        made = tokens_left_by(request.organization, changed.user_id)
        messages.success(request, _("The role is changed; it counts from now on."))
        warn_of_tokens(request, made)
    return HttpResponseRedirect(HERE)


@require_POST
@_guard
def remove(request: PageRequest, member: int) -> HttpResponse:
    """Takes a member out."""
    with told(request):
        left = membership_remove(
            organization=request.organization,
            membership_id=member,
            actor=request.actor,
            by=request.abilities,
        )
        messages.success(request, _("The member is out: their next click leads nowhere."))
        warn_of_tokens(request, left)
    return HttpResponseRedirect(HERE)


@require_POST
@_guard
def decide(request: PageRequest, join_request: UUID) -> HttpResponse:
    """Lets somebody in, or declines."""
    accept = request.POST.get("decision") == "accept"
    form = RoleForm(request.POST, by=request.abilities)
    if accept and not form.is_valid():
        messages.error(request, _("Choose one of the roles in the list."))
        return HttpResponseRedirect(HERE)
    with told(request):
        join_request_decide(
            organization=request.organization,
            request_id=join_request,
            role=Role(form.cleaned_data["role"]) if accept else None,
            actor=request.actor,
            by=request.abilities,
        )
        messages.success(request, _("They are in.") if accept else _("The request is declined."))
    return HttpResponseRedirect(HERE)


@require_http_methods(["GET", "POST"])
@page(workspace=False)
def leave(request: PageRequest) -> HttpResponse:
    """Every member may go by themselves; asked once more first."""
    if request.method == "GET":
        return render(request, "pages/settings/leave.html")
    try:
        membership_leave(organization=request.organization, user=request.user, actor=request.actor)
    except TenancyError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect("/settings/leave")
    request.session.pop(SESSION_KEY, None)
    request.session.pop(WORKSPACE_KEY, None)
    messages.success(request, _("You have left %(name)s.") % {"name": request.organization.name})
    return HttpResponseRedirect("/")


def show(request: PageRequest, form: InvitationForm, status: int = 200) -> HttpResponse:
    """The page with a form that may have errors."""
    here = request.organization
    rows = [
        {
            "member": one,
            "role_name": role_name(one.role),
            "mine": one.user_id == request.user.id,
            "changeable": one.user_id != request.user.id and request.abilities.covers(abilities_of(one.role)),
        }
        for one in members_of(here)
    ]
    context = {
        "rows": rows,
        "roles": role_choices(request.abilities),
        "hints": [(role_name(role), hint) for role, hint in ROLE_HINTS.items()],
        "invitations": [(one, role_name(one.role)) for one in invitations_open(here)],
        "join_requests": list(join_requests_pending(here)),
        "form": form,
        "made": secret_take(request, "invitation"),
        "days": INVITATION_DAYS,
    }
    return render(request, "pages/settings/members.html", context, status=status)


def warn_of_tokens(request: PageRequest, tokens: list[ApiToken]) -> None:
    """Names API tokens that outlive their maker's rights."""
    if tokens:
        names = ", ".join(token.name for token in tokens)
        text = ngettext(
            "They made an API token that still works: %(names)s. Revoke it if nobody needs it.",
            "They made API tokens that still work: %(names)s. Revoke those that nobody needs.",
            len(tokens),
        )
        messages.warning(request, text % {"names": names})
