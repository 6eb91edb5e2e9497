"""Flowise: the operator's shared server, or one of the tenant's own (S1, T1)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.credentials.doors import done, guarded, told, workspace_of
from integrations.flowise.config import OWN, SHARED
from integrations.flowise.connect import flowise_credentials, flowise_workspace_ensure
from integrations.models import Connection

HERE = "/credentials/flowise"


class OwnForm(forms.Form):
    """A server of the tenant's own."""

    url = forms.CharField(
        label=gettext_lazy("Address of your Flowise"),
        help_text=gettext_lazy("Such as https://flows.example.org; it must be reachable from the internet."),
        max_length=300,
    )
    key = forms.CharField(
        label=gettext_lazy("API key"),
        help_text=gettext_lazy("It may manage agentflows, API keys and executions. Empty keeps the old one."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        required=False,
        max_length=300,
    )
    credential_id = forms.ChoiceField(
        label=gettext_lazy("The model's credential"),
        help_text=gettext_lazy("One of those in your Flowise; listed once the connection works."),
        required=False,
    )
    llm_url = forms.CharField(
        label=gettext_lazy("Address of the model's server"),
        help_text=gettext_lazy("Only for a server that is not OpenAI's."),
        required=False,
        max_length=300,
    )

    def __init__(self, *args: Any, credentials: tuple[tuple[str, str], ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("None")), *credentials]
        self.fields["credential_id"].choices = choices  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@guarded
def connect(request: PageRequest) -> HttpResponse:
    """Both ways on one page; POST `way` says which."""
    workspace = workspace_of(request)
    own = Connection.objects.filter(
        workspace=workspace, platform="flowise", config__way=OWN, removed_at=None
    ).first()
    if request.method == "POST" and request.POST.get("way") == SHARED:
        return _shared(request)
    form = OwnForm(
        request.POST if request.method == "POST" else None,
        credentials=_credentials(own),
        initial={name: own.config.get(name, "") for name in OwnForm.base_fields} if own else None,
    )
    if form.is_bound and form.is_valid():
        try:
            flowise_workspace_ensure(workspace=workspace, way=OWN, actor=request.actor, **form.cleaned_data)
        except ArriwaError as error:
            field = str(error.details.get("field", ""))
            form.add_error(field if field in form.fields else None, told(error))
        else:
            return done(request, HERE if own is None else "/credentials", _("Your Flowise is connected."))
    shared = bool(settings.PLATFORM_URLS["flowise"] and settings.FLOWISE_KEY)
    context = {"form": form, "shared": shared, "own": own}
    return render(request, "pages/credentials/flowise.html", context, status=400 if form.errors else 200)


def _credentials(own: Connection | None) -> tuple[tuple[str, str], ...]:
    """What the model may use; the present choice alone while Flowise does not answer."""
    if own is None:
        return ()
    kept = str(own.config.get("credential_id") or "")
    try:
        return flowise_credentials(own)
    except ArriwaError:
        return ((kept, kept),) if kept else ()


def _shared(request: PageRequest) -> HttpResponse:
    try:
        flowise_workspace_ensure(workspace=workspace_of(request), way=SHARED, actor=request.actor)
    except ArriwaError as error:
        messages.error(request, told(error))
        return HttpResponseRedirect(HERE)
    return done(request, "/credentials", _("Flowise is connected: choose an agentflow under Chatflows."))
