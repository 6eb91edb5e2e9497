"""The three ways to a number: a new one, one that moves, one that the owner has at Gupshup."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.onboarding.forms import BindForm, ContactForm, MoveForm
from arriwa.pages.onboarding.views import managing
from integrations.base.errors import CredentialRefused
from integrations.gupshup import onboarding as service
from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.tokens import partner_configured


@require_http_methods(["GET", "POST"])
@managing
def new(request: PageRequest) -> HttpResponse:
    """A number that is not on WhatsApp yet."""
    return _start(request, ContactForm, steps.NEW, "new")


@require_http_methods(["GET", "POST"])
@managing
def move(request: PageRequest) -> HttpResponse:
    """A number that another provider holds."""
    return _start(request, MoveForm, steps.MIGRATE, "move")


def _start(request: PageRequest, form_class: type[ContactForm], way: str, template: str) -> HttpResponse:
    assert request.workspace is not None
    name = request.user.get_full_name()
    first = {
        "key": service.next_identity(workspace=request.workspace, way=way),
        "name": name,
        "email": request.user.email,
    }
    form = form_class(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            onboarding = service.onboarding_start(
                workspace=request.workspace,
                identity=given["key"],
                way=way,
                contact=service.Contact(given["name"], given["email"], given["phone"]),
                region=given["region"],
                coexistence=given["coexistence"],
                waba_id=given.get("waba_id", ""),
                actor=request.actor,
            )
            return HttpResponseRedirect(f"/wa-onboarding/{onboarding.id}")
        except ArriwaError as error:
            form.add_error(None, error.message)
    context = {"form": form, "partner": partner_configured()}
    status = 400 if form.is_bound else 200
    return render(request, f"pages/onboarding/{template}.html", context, status=status)


@require_http_methods(["GET", "POST"])
@managing
def existing(request: PageRequest) -> HttpResponse:
    """A number of an app that the owner has at Gupshup."""
    assert request.workspace is not None
    form = BindForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            onboarding = service.number_bind(
                workspace=request.workspace,
                identity=given["key"],
                app_id=given["app_id"],
                token=given["token"],
                actor=request.actor,
            )
            messages.success(request, _("The app answers, and the number is yours. Its last steps run now."))
            return HttpResponseRedirect(f"/wa-onboarding/{onboarding.id}")
        except CredentialRefused:
            form.add_error("token", _("Gupshup refuses this token for this app. Copy both anew."))
        except ArriwaError as error:
            form.add_error(None, error.message)
    status = 400 if form.is_bound else 200
    return render(request, "pages/onboarding/existing.html", {"form": form}, status=status)
