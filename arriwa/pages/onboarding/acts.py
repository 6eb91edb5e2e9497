"""What the owner does on a number's page. Each act may be repeated and leads back to the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.onboarding.forms import TestForm
from arriwa.pages.onboarding.views import found, managing, number_context
from integrations.gupshup import onboarding as service


def _act(request: PageRequest, identity: UUID, act: Callable[..., Any], **given: Any) -> HttpResponse:
    onboarding = found(request, identity)
    try:
        act(workspace=request.workspace, identity=onboarding.id, actor=request.actor, **given)
    except ArriwaError as error:
        messages.error(request, error.message)
    return HttpResponseRedirect(f"/wa-onboarding/{onboarding.id}")


@require_POST
@managing
def again(request: PageRequest, identity: UUID) -> HttpResponse:
    """Tries the failed step again, or asks Gupshup at once."""
    return _act(request, identity, service.onboarding_retry)


@require_POST
@managing
def new_link(request: PageRequest, identity: UUID) -> HttpResponse:
    """Asks for a new signup page in place of the one that was seen."""
    return _act(request, identity, service.link_regenerate, seen=request.POST.get("seen", ""))


@require_POST
@managing
def page_checked(request: PageRequest, identity: UUID) -> HttpResponse:
    """The Page shows the number."""
    return _act(request, identity, service.page_link_confirm)


@require_POST
@managing
def test(request: PageRequest, identity: UUID) -> HttpResponse:
    """One message to the owner's phone."""
    form = TestForm(request.POST)
    if form.is_valid():
        return _act(request, identity, service.test_message_request, phone=form.cleaned_data["phone"])
    context = number_context(found(request, identity), form)
    return render(request, "pages/onboarding/number.html", context, status=400)


@require_POST
@managing
def drop(request: PageRequest, identity: UUID) -> HttpResponse:
    """Takes a number off the list that is not live."""
    onboarding = found(request, identity)
    try:
        service.onboarding_drop(workspace=onboarding.workspace, identity=onboarding.id, actor=request.actor)
    except ArriwaError as error:
        messages.error(request, error.message)
        return HttpResponseRedirect(f"/wa-onboarding/{onboarding.id}")
    messages.success(request, _("The number was taken off the list."))
    return HttpResponseRedirect("/wa-onboarding")
