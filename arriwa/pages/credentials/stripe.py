"""Stripe: the tenant's own restricted key (T2, L20)."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.credentials.doors import done, guarded, told, workspace_of
from integrations.stripe.connect import stripe_connect


class KeyForm(forms.Form):
    """A restricted key, and the account's id where the key may not tell it."""

    key = forms.CharField(
        label=gettext_lazy("Restricted key"),
        help_text=gettext_lazy("It begins with rk_. Never enter a secret key (sk_)."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        max_length=300,
    )
    account = forms.CharField(
        label=gettext_lazy("Account id"),
        help_text=gettext_lazy("acct_…; only when the key may not read its account."),
        required=False,
        max_length=64,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@guarded
def connect(request: PageRequest) -> HttpResponse:
    """The form; a key that works is stored, and Stripe is told where to report payments."""
    form = KeyForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            stripe_connect(
                workspace=workspace_of(request),
                organization=request.organization,
                actor=request.actor,
                **form.cleaned_data,
            )
        except ArriwaError as error:
            field = str(error.details.get("field", ""))
            form.add_error(field if field in form.fields else None, told(error))
        else:
            return done(request, "/credentials", _("Stripe is connected: payments come in by themselves."))
    status = 400 if form.errors else 200
    return render(request, "pages/credentials/stripe.html", {"form": form}, status=status)
