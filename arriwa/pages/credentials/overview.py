"""The overview: each platform's connections with their health, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from arriwa.pages.access import PageRequest
from arriwa.pages.credentials.doors import guarded, workspace_of
from arriwa.pages.gate import REQUIRED_ASSETS, reason_text
from integrations.meta.connect import ads_granted
from integrations.models import Asset, Connection
from tenants.gates import OPEN


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform as the overview shows it."""

    key: str
    name: str
    use: str | Promise
    #: Where an account of it is connected, or renewed.
    url: str
    #: Whether the workspace opens without it (T3.5).
    optional: bool = True


PLATFORMS: Final = (
    Platform("meta", "Meta", _("Events, audiences and what your ads cost."), "/credentials/meta", False),
    Platform("gupshup", "WhatsApp", _("The numbers people write to."), "/wa-onboarding", False),
    Platform("kommo", "Kommo", _("Contacts and deals in your CRM."), "/credentials/kommo"),
    Platform("stripe", "Stripe", _("Payment links in the chat."), "/credentials/stripe"),
    Platform("flowise", "Flowise", _("The agent that understands free text."), "/credentials/flowise"),
)


@require_safe
@never_cache
@guarded
def overview(request: PageRequest) -> HttpResponse:
    """What is connected, what is missing, and where to go on."""
    workspace, gate = workspace_of(request), request.gate
    assert gate is not None
    connections = list(
        Connection.objects.filter(workspace=workspace, removed_at=None).order_by("created_at", "id")
    )
    context: dict[str, Any] = {
        "platforms": [(one, [c for c in connections if c.platform == one.key]) for one in PLATFORMS],
        "steps": _steps(connections),
        "open": gate.opens(OPEN),
        "reason": reason_text(gate),
    }
    return render(request, "pages/credentials/overview.html", context)


def _steps(connections: list[Connection]) -> list[tuple[str | Promise, bool]]:
    """(what has to be there before the rest opens, whether it is)."""
    accesses = [one for one in connections if one.platform == "meta"]
    chosen = set(Asset.objects.filter(connection__in=accesses).values_list("kind", flat=True))
    first: tuple[str | Promise, bool] = (
        _("Access to ads, audiences and events"),
        any(ads_granted(one) for one in accesses),
    )
    return [first, *((name, kind in chosen) for kind, name in REQUIRED_ASSETS.items())]
