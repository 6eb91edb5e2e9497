"""`/start/workspaces`: further Business Managers for an organization that is there (T1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest, page
from arriwa.pages.start.choosing import business_options
from arriwa.signin.choices import BusinessChoice, choices_read
from integrations.base.errors import IntegrationError
from tenants.abilities import MANAGE
from tenants.birth import birth_request
from tenants.models import Birth
from tenants.signin.grants import NoGrant
from tenants.workspaces.models import Workspace


class AddForm(forms.Form):
    """Business Managers that are no workspaces yet."""

    businesses = forms.MultipleChoiceField(
        label=gettext_lazy("Business Managers to add"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": gettext_lazy("Choose at least one Business Manager."),
            "invalid_choice": gettext_lazy("Facebook no longer lists one of them for you: choose again."),
        },
    )

    def __init__(self, found: Sequence[BusinessChoice], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["businesses"].choices = business_options(found)  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page(can=(MANAGE, "organization"), workspace=False)
def workspaces(request: PageRequest) -> HttpResponse:
    """What is there and what Facebook lists beyond it; POST adds, each once."""
    there = list(Workspace.objects.order_by("created_at"))
    context: dict[str, Any] = {"there": there}
    try:
        listed = choices_read(request.user).businesses
    except NoGrant as error:
        return _shown(request, context | {"no_grant": _(error.message)})
    except IntegrationError:
        return _shown(request, context | {"silent": True}, status=503)
    known = {one.business_id for one in there}
    further = [one for one in listed if one.id not in known]
    posted = request.method == "POST"
    form = AddForm(further, request.POST if posted else None)
    if posted and _nothing_new(request, known):
        return HttpResponseRedirect("/start/workspaces")
    if posted and form.is_valid():
        wanted = set(form.cleaned_data["businesses"])
        try:
            birth = _add(request, [one for one in further if one.id in wanted])
        except ArriwaError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect("/start/workspaces")
        return HttpResponseRedirect(f"/start/{birth.id}")
    context["form"] = form if further else None
    return _shown(request, context, status=400 if form.errors else 200)


def _nothing_new(request: PageRequest, known: set[str]) -> bool:
    """Whether all that was sent is there already: the form was sent twice."""
    sent = set(request.POST.getlist("businesses"))
    if not sent or not sent <= known:
        return False
    messages.info(request, _("These workspaces are there already."))
    return True


def _add(request: PageRequest, chosen: Sequence[BusinessChoice]) -> Birth:
    return birth_request(
        user=request.user,
        page_id=request.organization.page_id or "",
        page_name=request.organization.name,
        businesses=[{"id": one.id, "name": one.name} for one in chosen],
    )


def _shown(request: PageRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, "pages/start/workspaces.html", context, status=status)
