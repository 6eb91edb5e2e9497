"""Meta: the second and third consent, and choosing any number of each asset (T3.5, T3.6)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import PageRequest
from arriwa.pages.credentials.doors import act, done, guarded, own_asset, told, workspace_of
from arriwa.pages.credentials.meta_view import view_of
from arriwa.signin.consent import consent_returned, consent_start, workspace_token
from integrations.base.errors import ConfigurationError
from integrations.meta.choosing import (
    OtherCatalogLinked,
    Unfinished,
    ad_accounts_choose,
    audiences_try,
    catalog_choose,
    dataset_ensure,
    pixel_make,
    pixels_choose,
)
from integrations.meta.connect import meta_consented, meta_of
from integrations.models import Asset, Connection
from tenants.signin.grants import grant_of
from tenants.signin.permissions import ADS, COMMERCE

HERE = "/credentials/meta"
Kind = Asset.Kind


class NoAccess(ConfigurationError):
    """Give access to ads, audiences and events first: the button is at the top of this page."""


@require_safe
@never_cache
@guarded
def page_of_meta(request: PageRequest) -> HttpResponse:
    """Access and assets; takes in a consent that has just come back."""
    for purpose in (ADS, COMMERCE):
        if consent_returned(request, purpose, workspace_of(request)):
            return _consented(request, purpose)
    return render(request, "pages/credentials/meta.html", view_of(request.user, workspace_of(request)))


@require_POST
@guarded
def consent(request: PageRequest) -> HttpResponse:
    """To Facebook's dialog with exactly this step's scopes."""
    purpose = COMMERCE if request.POST.get("purpose") == COMMERCE else ADS
    return consent_start(request, purpose, HERE, workspace_of(request))


def _consented(request: PageRequest, purpose: str) -> HttpResponse:
    """Each workspace gets a token of its own, with whatever was granted."""

    def work() -> str:
        token = workspace_token(request.user, purpose)
        grant = grant_of(request.user)
        assert grant is not None
        meta_consented(
            workspace=workspace_of(request),
            token=token,
            granted=grant.granted,
            granted_by=request.user.id,
            expires_at=grant.expires_at,
            actor=request.actor,
        )
        return _("Facebook gave access. Choose below what is to be used.")

    return act(request, HERE, work)


def _access(request: PageRequest) -> Connection:
    connection = meta_of(workspace_of(request))
    if connection is None:
        raise NoAccess()
    return connection


def _chosen_ids(request: PageRequest) -> list[str]:
    ids = list(dict.fromkeys(request.POST.getlist("id")))
    if not ids:
        raise ConfigurationError(_("Tick at least one."), field="id")
    return ids


def _finished(request: PageRequest, unfinished: list[Unfinished], text: str) -> HttpResponse:
    for one in unfinished:
        messages.warning(request, f"{one.asset.name or one.asset.external_id}: {told(one.error)}")
    return done(request, HERE, "" if unfinished else text)


@require_POST
@guarded
def accounts(request: PageRequest) -> HttpResponse:
    """Chooses ad accounts; their audiences are found or made."""
    try:
        _assets, unfinished = ad_accounts_choose(
            connection=_access(request), ids=_chosen_ids(request), actor=request.actor
        )
    except ArriwaError as error:
        messages.error(request, told(error))
        return HttpResponseRedirect(HERE)
    return _finished(request, unfinished, _("Chosen; its audiences are ready."))


@require_POST
@guarded
def audiences(request: PageRequest) -> HttpResponse:
    """Looks again whether the terms are accepted, then finds or makes the audiences."""
    asset = own_asset(request, request.POST.get("asset", ""))
    return _finished(request, audiences_try([asset]), _("Its audiences are ready."))


@require_POST
@guarded
def dataset(request: PageRequest) -> HttpResponse:
    """The messaging dataset of one WhatsApp account of the workspace."""

    def work() -> str:
        waba = request.POST.get("waba", "")
        dataset_ensure(connection=_access(request), waba_id=waba, actor=request.actor)
        return _("The messaging dataset is connected.")

    return act(request, HERE, work)


def _pixel_kind(request: PageRequest) -> str:
    return Kind.NOISE_PIXEL if request.POST.get("kind") == Kind.NOISE_PIXEL else Kind.GOOD_PIXEL


@require_POST
@guarded
def pixels(request: PageRequest) -> HttpResponse:
    """Chooses GOOD or NOISE pixels."""

    def work() -> str:
        pixels_choose(
            connection=_access(request),
            kind=_pixel_kind(request),
            ids=_chosen_ids(request),
            actor=request.actor,
        )
        return _("Chosen.")

    return act(request, HERE, work)


@require_POST
@guarded
def new_pixel(request: PageRequest) -> HttpResponse:
    """Makes a pixel at Meta and chooses it."""

    def work() -> str:
        name = " ".join(request.POST.get("name", "").split())[:50]
        if not name:
            raise ConfigurationError(_("Give the pixel a name."), field="name")
        pixel_make(connection=_access(request), kind=_pixel_kind(request), name=name, actor=request.actor)
        return _("The pixel is made and chosen.")

    return act(request, HERE, work)


@require_POST
@guarded
def catalog(request: PageRequest) -> HttpResponse:
    """Links a catalog to a WhatsApp account; asks before another one is taken off."""
    fields: dict[str, Any] = {
        "catalog_id": request.POST.get("catalog", ""),
        "waba_id": request.POST.get("waba", ""),
    }
    try:
        catalog_choose(
            connection=_access(request),
            replace=request.POST.get("replace") == "1",
            actor=request.actor,
            **fields,
        )
    except OtherCatalogLinked as error:
        context = {**fields, "linked": error.details["catalog"]}
        return render(request, "pages/credentials/replace_catalog.html", context, status=409)
    except ArriwaError as error:
        messages.error(request, told(error))
        return HttpResponseRedirect(HERE)
    return done(request, HERE, _("The catalog is linked."))
