"""`/start`: which Page becomes an organization, which Business Managers its workspaces (T1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allauth.core import ratelimit
from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from arriwa.common.errors import ArriwaError
from arriwa.pages.start.doors import SignedInRequest, signed_in
from arriwa.signin.choices import BusinessChoice, Choices, choices_read
from arriwa.signin.consent import consent_result
from integrations.base.errors import IntegrationError
from tenants.birth import birth_request
from tenants.models import Birth, Organization
from tenants.signin.grants import NoGrant
from tenants.signin.joining import join_request_create
from tenants.signin.permissions import SIGNIN


def business_options(found: Sequence[BusinessChoice]) -> list[tuple[str, str]]:
    """Business Managers as a form's options."""
    return [(one.id, one.name if one.verified else f"{one.name} · {_('not verified')}") for one in found]


class ChooseForm(forms.Form):
    """One Page, one or several Business Managers; only what Facebook lists for this person."""

    page = forms.ChoiceField(
        label=gettext_lazy("Your Page"),
        help_text=gettext_lazy("It becomes your organization; people write to it from your ads."),
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose a Page."),
            "invalid_choice": gettext_lazy("Facebook no longer lists this Page for you: choose again."),
        },
    )
    businesses = forms.MultipleChoiceField(
        label=gettext_lazy("Your Business Managers"),
        help_text=gettext_lazy(
            "Each one becomes a workspace with a number and accounts of its own. You can add others later."
        ),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": gettext_lazy("Choose at least one Business Manager."),
            "invalid_choice": gettext_lazy("Facebook no longer lists one of them for you: choose again."),
        },
    )

    def __init__(self, choices: Choices, data: Mapping[str, Any] | None = None) -> None:
        free, businesses = choices.free, choices.businesses
        super().__init__(data)
        # Where there is nothing to choose, it is chosen.
        if len(free) == 1:
            self.initial["page"] = free[0].id
        if len(businesses) == 1:
            self.initial["businesses"] = [businesses[0].id]
        # A form that is sent twice finds its Page the sender's own.
        taken = [page for page in choices.others if page.state == "mine" and self.is_bound]
        self.fields["page"].choices = [(page.id, page.name) for page in (*free, *taken)]  # type: ignore[attr-defined]
        self.fields["businesses"].choices = business_options(businesses)  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
def start(request: SignedInRequest) -> HttpResponse:
    """What may be chosen; POST begins the making of the organization."""
    consent = consent_result(request.user, SIGNIN)
    context: dict[str, Any] = {
        "consent": consent,
        "mine": Organization.objects.filter(memberships__user=request.user).order_by("name"),
        "births": Birth.objects.filter(requested_by=request.user).exclude(state=Birth.State.DONE),
    }
    try:
        choices = choices_read(request.user)
    except NoGrant as error:
        return _shown(request, context | {"no_grant": _(error.message)})
    except IntegrationError:
        return _shown(request, context | {"silent": True}, status=503)
    form = ChooseForm(choices, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        return _begin(request, choices, form)
    ready = choices.free and choices.businesses
    if form.errors and not ready:
        messages.warning(request, _("What you chose is not to be had any more. Choose again."))
    context |= {"choices": choices, "form": form if ready else None}
    return _shown(request, context, status=400 if form.errors else 200)


def _shown(request: SignedInRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, "pages/start/choose.html", context, status=status)


def _begin(request: SignedInRequest, choices: Choices, form: ChooseForm) -> HttpResponse:
    page = choices.page(form.cleaned_data["page"])
    assert page is not None
    wanted = set(form.cleaned_data["businesses"])
    try:
        birth = birth_request(
            user=request.user,
            page_id=page.id,
            page_name=page.name,
            businesses=[{"id": one.id, "name": one.name} for one in choices.businesses if one.id in wanted],
        )
    except ArriwaError as error:
        # Taken meanwhile, being set up by somebody else: the list that follows says what can be done.
        messages.error(request, error.message)
        return HttpResponseRedirect("/start")
    return HttpResponseRedirect(f"/start/{birth.id}")


@require_POST
@signed_in
def join(request: SignedInRequest) -> HttpResponse:
    """Asks the organization of a Page, on which one has a role at Facebook, to let one in. Once."""
    if not ratelimit.consume(request, action="join_request", user=request.user):
        messages.error(request, _("Too many requests. Try again in an hour."))
        return HttpResponseRedirect("/start")
    try:
        page = choices_read(request.user).page(request.POST.get("page", ""))
    except (NoGrant, IntegrationError):
        messages.error(request, _("Facebook did not tell whether the Page is yours. Try again."))
        return HttpResponseRedirect("/start")
    if page is None or page.organization is None:
        messages.error(request, _("Nobody has brought this Page here, or it is not yours at Facebook."))
    elif page.state != "mine":
        join_request_create(user=request.user, organization=page.organization)
        messages.success(request, _("Asked. An owner or admin of the organization decides."))
    return HttpResponseRedirect("/start")
