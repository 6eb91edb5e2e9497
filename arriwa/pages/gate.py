"""Where a workspace stands on its way (T3), from its facts, and how that is said."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.models import Connection, NumberOnboarding
from tenants.gates import CREDENTIALS, ONBOARDING, Gate, GateFacts, gate_of
from tenants.workspaces.models import Workspace

#: Stage -> the page on which it is passed.
PAGES: dict[str, str] = {ONBOARDING: "/wa-onboarding", CREDENTIALS: "/credentials", "open": "/chatflows"}

REASONS: dict[str, str | Promise] = {
    "number": _("Connect a WhatsApp number first: everything else needs one that can send."),
    "consent": _("Give access to ads, audiences and events first."),
    "assets": _("Choose what events and audiences go to first."),
}

#: What the Meta connection must name before the rest opens (T3.5), with its name for people.
REQUIRED_ASSETS: dict[str, str | Promise] = {
    "ad_account_id": _("ad account"),
    "dataset_id": _("messaging dataset"),
    "good_pixel_id": _("GOOD pixel"),
    "noise_pixel_id": _("NOISE pixel"),
}


def workspace_facts(workspace: Workspace) -> GateFacts:
    """Reads the workspace's connections. Runs in the organization's schema; three queries at most."""
    numbers = Connection.objects.filter(workspace=workspace, platform="gupshup").exclude(config__number="")
    under_way = NumberOnboarding.objects.filter(live_at=None).exclude(connection=None).values("connection")
    live = numbers.filter(config__has_key="number").exclude(id__in=under_way).exists()
    if not live:
        return GateFacts()
    meta = Connection.objects.filter(workspace=workspace, platform="meta").order_by("created_at").first()
    if meta is None:
        return GateFacts(number_live=True)
    missing = tuple(key for key in REQUIRED_ASSETS if not meta.config.get(key))
    return GateFacts(number_live=True, ads_granted=True, assets_missing=missing)


def workspace_gate(workspace: Workspace) -> Gate:
    """The workspace's stage."""
    return gate_of(workspace_facts(workspace))


def reason_text(gate: Gate) -> str:
    """Why something is locked, in the reader's language; "" when nothing is."""
    if not gate.reason:
        return ""
    text = str(REASONS[gate.reason])
    if gate.missing:
        text += " " + str(_("Missing: %(names)s.")) % {
            "names": ", ".join(str(REQUIRED_ASSETS[key]) for key in gate.missing)
        }
    return text
