"""Kommo: connect by a token or by signing in there, then map pipeline, stages and fields (T2, L11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.credentials.doors import act, guarded, own_connection, told, workspace_of
from integrations.kommo.connect import kommo_connect_token, kommo_oauth_finish, kommo_oauth_start
from integrations.kommo.mapping import PipelineChoice, kommo_fields_missing, kommo_map, kommo_pipelines
from integrations.models import Connection

HERE = "/credentials/kommo"
#: Kommo's Incoming stage, which takes no deals of ours.
_INCOMING = 1


class TokenForm(forms.Form):
    """A long-lived token."""

    subdomain = forms.CharField(
        label=gettext_lazy("Address of your account"),
        help_text=gettext_lazy("Such as yourcompany.kommo.com"),
        max_length=100,
    )
    token = forms.CharField(
        label=gettext_lazy("Long-lived token"),
        help_text=gettext_lazy("Kommo: Settings, Integrations, your private integration, Keys and scopes."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        max_length=4000,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@guarded
def connect(request: PageRequest) -> HttpResponse:
    """The form; a token that works leads to the mapping."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            connection = kommo_connect_token(
                workspace=workspace_of(request), actor=request.actor, **form.cleaned_data
            )
        except ArriwaError as error:
            field = str(error.details.get("field", ""))
            form.add_error(field if field in form.fields else None, told(error))
        else:
            return HttpResponseRedirect(f"{HERE}/{connection.id}")
    if form.errors:
        status = 400
    context = {"form": form, "oauth": bool(settings.KOMMO_CLIENT_ID and settings.KOMMO_CLIENT_SECRET)}
    return render(request, "pages/credentials/kommo.html", context, status=status)


@require_POST
@guarded
def sign_in(request: PageRequest) -> HttpResponse:
    """To Kommo, where the owner allows our integration."""
    try:
        url = kommo_oauth_start(workspace=workspace_of(request), session=request.session)
    except ArriwaError as error:
        messages.error(request, told(error))
        return HttpResponseRedirect(HERE)
    return HttpResponseRedirect(url)


@require_safe
@never_cache
@guarded
def callback(request: PageRequest) -> HttpResponse:
    """Kommo sends the owner back here with a code."""
    try:
        connection = kommo_oauth_finish(
            session=request.session, params=request.GET.dict(), actor=request.actor
        )
    except ArriwaError as error:
        messages.error(request, told(error))
        return HttpResponseRedirect(HERE)
    return HttpResponseRedirect(f"{HERE}/{connection.id}")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@guarded
def mapping(request: PageRequest, connection_id: UUID) -> HttpResponse:
    """Which pipeline, and which of its stages stand for new, qualified and paid."""
    connection = own_connection(request, connection_id)
    try:
        choices = kommo_pipelines(connection)
        missing_fields = kommo_fields_missing(connection)
    except ArriwaError as error:
        messages.error(request, told(error))
        return HttpResponseRedirect("/credentials")
    chosen = _chosen(request, connection, choices)
    if request.method == "POST" and chosen is not None:
        return _map(request, connection, chosen)
    context = {
        "connection": connection,
        "choices": choices,
        "chosen": chosen,
        "stages": _stages(connection, chosen) if chosen else [],
        "missing_fields": missing_fields,
        "mapped": list(connection.assets.order_by("name")),
    }
    return render(request, "pages/credentials/kommo_map.html", context)


def _chosen(
    request: PageRequest, connection: Connection, choices: Sequence[PipelineChoice]
) -> PipelineChoice | None:
    asked = request.POST.get("pipeline") or request.GET.get("pipeline") or ""
    wanted = asked or str(connection.config.get("pipeline_id") or "")
    return next((one for one in choices if str(one.pipeline.id) == wanted), choices[0] if choices else None)


def _stages(connection: Connection, chosen: PipelineChoice) -> list[dict[str, Any]]:
    """One row per stage key: what it stands for, its options, which one is on."""
    options = [one for one in chosen.pipeline.statuses if one.type != _INCOMING]
    kept = connection.assets.filter(external_id=str(chosen.pipeline.id)).first()
    stored = kept.details.get("stages", {}) if kept else {}
    return [
        {"key": key, "name": chosen.names[key], "options": options, "value": stored.get(key) or matched}
        for key, matched in chosen.matched.items()
    ]


def _map(request: PageRequest, connection: Connection, chosen: PipelineChoice) -> HttpResponse:
    where = f"{HERE}/{connection.id}?pipeline={chosen.pipeline.id}"
    given = {key: request.POST.get(f"stage:{key}", "") for key in chosen.names}

    def work() -> str:
        kommo_map(
            connection=connection,
            pipeline_id=chosen.pipeline.id,
            stages={key: int(value) for key, value in given.items() if value.isascii() and value.isdigit()},
            create_missing=request.POST.get("create") == "1",
            actor=request.actor,
        )
        return _("Kommo is connected: new chats become deals in this pipeline.")

    return act(request, where, work)
