"""/settings/tokens: keys to the API."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from arriwa.pages.access import PageRequest, page
from arriwa.pages.settings.forms import TokenForm
from arriwa.pages.settings.secrets import secret_keep, secret_take
from arriwa.pages.settings.sentences import role_name
from arriwa.pages.settings.told import told
from tenants import gates
from tenants.abilities import MANAGE
from tenants.errors import TenancyError
from tenants.members import members_of, name_of
from tenants.models import Role, User
from tenants.tokens import token_create, token_revoke, tokens_of

HERE = "/settings/tokens"
_guard = page(can=(MANAGE, "tokens"), stage=gates.OPEN)


@never_cache
@require_http_methods(["GET", "POST"])
@_guard
def tokens(request: PageRequest) -> HttpResponse:
    """The list; a POST makes one, whose key is shown once on the page that follows."""
    if request.method == "GET":
        return show(request, TokenForm(by=request.abilities))
    form = TokenForm(request.POST, by=request.abilities)
    if not form.is_valid():
        return show(request, form, status=400)
    chosen = form.cleaned_data
    try:
        _row, secret = token_create(
            organization=request.organization,
            name=chosen["name"],
            role=Role(chosen["role"]),
            scopes=chosen["scopes"],
            token_id=chosen["once"],
            created_by=request.user.id,
            actor=request.actor,
            by=request.abilities,
        )
    except TenancyError as error:
        form.add_error("scopes", error.message)
        return show(request, form, status=400)
    if secret:
        secret_keep(request, kind="token", name=chosen["name"], secret=secret)
    return HttpResponseRedirect(HERE)


@require_POST
@_guard
def revoke(request: PageRequest, token: UUID) -> HttpResponse:
    """The token opens nothing from now on."""
    with told(request):
        revoked = token_revoke(organization=request.organization, token_id=token, actor=request.actor)
        messages.success(request, _("The token %(name)s opens nothing any more.") % {"name": revoked.name})
    return HttpResponseRedirect(HERE)


def show(request: PageRequest, form: TokenForm, status: int = 200) -> HttpResponse:
    """The page with a form that may have errors."""
    found = list(tokens_of(request.organization)[:200])
    makers = User.objects.in_bulk([one.created_by for one in found if one.created_by])
    present = set(members_of(request.organization).values_list("user_id", flat=True))
    rows = [
        {
            "token": one,
            "role_name": role_name(one.role),
            "maker": name_of(makers[one.created_by]) if one.created_by in makers else "",
            "maker_left": one.created_by is not None and one.created_by not in present,
        }
        for one in found
    ]
    context = {"rows": rows, "form": form, "made": secret_take(request, "token")}
    return render(request, "pages/settings/tokens.html", context, status=status)
