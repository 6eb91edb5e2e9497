"""Actions on one connection or asset: test, pause, resume, remove."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from arriwa.pages.access import PageRequest
from arriwa.pages.credentials.doors import act, guarded, own_asset, own_connection
from integrations.base.assets import STOPS, asset_remove, connection_remove
from integrations.base.checks import connection_check
from integrations.base.connect import connection_pause, connection_resume
from integrations.base.withdrawal import connection_withdraw

HOME = "/credentials"

#: Platform → what stops with a connection of it.
EFFECTS: Final[dict[str, str | Promise]] = {
    "meta": gettext_lazy("Meta hears nothing more of this workspace, which closes until access is given."),
    "gupshup": gettext_lazy("Nobody who writes to this number is answered any more."),
    "kommo": gettext_lazy("Deals in this account are no longer made and no longer move."),
    "stripe": gettext_lazy("No payment links are sent, and payments are no longer noticed."),
    "flowise": gettext_lazy("Arriwa's own rules judge free text instead of the agent."),
}


@require_POST
@guarded
def test(request: PageRequest, connection_id: UUID) -> HttpResponse:
    """Makes a real, harmless call and says in words what came of it."""
    connection = own_connection(request, connection_id)
    result = connection_check(connection, request.actor)
    levels = {"ok": messages.SUCCESS, "warning": messages.WARNING, "broken": messages.ERROR}
    name = connection.name or connection.account
    messages.add_message(request, levels.get(result.health, messages.INFO), f"{name}: {result.text}")
    return HttpResponseRedirect(f"{HOME}#c-{connection.id}")


@require_POST
@guarded
def pause(request: PageRequest, connection_id: UUID) -> HttpResponse:
    """Its work waits until it is resumed; nothing is lost."""
    connection = own_connection(request, connection_id)

    def work() -> str:
        connection_pause(connection=connection, actor=request.actor, reason=_("Paused by a person."))
        return _("Paused. What is to be sent waits.")

    return act(request, HOME, work)


@require_POST
@guarded
def resume(request: PageRequest, connection_id: UUID) -> HttpResponse:
    """What waited is sent now."""
    connection = own_connection(request, connection_id)

    def work() -> str:
        connection_resume(connection=connection, actor=request.actor)
        return _("It works on.")

    return act(request, HOME, work)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@guarded
def remove(request: PageRequest, connection_id: UUID) -> HttpResponse:
    """Asks first and tells what stops."""
    connection = own_connection(request, connection_id)
    if request.method != "POST":
        context: dict[str, Any] = {"connection": connection, "effect": EFFECTS.get(connection.platform, "")}
        context["stops"] = [
            (asset, STOPS[asset.kind]) for asset in connection.assets.order_by("kind", "name")
        ]
        return render(request, "pages/credentials/remove.html", context)

    def work() -> str:
        # While the secrets are there: hooks, keys and agentflows of ours go from the platform first.
        connection_withdraw(connection)
        connection_remove(connection=connection, actor=request.actor)
        return _("Removed. Its key is destroyed here; withdraw it at the platform, too.")

    return act(request, HOME, work)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@guarded
def remove_asset(request: PageRequest, asset_id: UUID) -> HttpResponse:
    """Asks first and tells what stops."""
    asset = own_asset(request, asset_id)
    back = HOME + {"meta": "/meta", "kommo": f"/kommo/{asset.connection_id}"}.get(
        asset.connection.platform, ""
    )
    if request.method != "POST":
        context = {"asset": asset, "stops": [(asset, STOPS[asset.kind])], "back": back}
        return render(request, "pages/credentials/remove.html", context)

    def work() -> str:
        asset_remove(asset=asset, actor=request.actor)
        return _("Removed.")

    return act(request, back, work)
