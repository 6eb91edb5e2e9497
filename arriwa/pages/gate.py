"""Where a workspace stands on its way (T3), from its facts, and how that is said."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.meta.connect import ads_granted
from integrations.models import Asset, Connection, NumberOnboarding
from tenants.gates import CREDENTIALS, ONBOARDING, Gate, GateFacts, gate_of
from tenants.workspaces.models import Workspace

#: Stage -> the page on which it is passed.
PAGES: dict[str, str] = {ONBOARDING: "/wa-onboarding", CREDENTIALS: "/credentials", "open": "/chatflows"}

REASONS: dict[str, str | Promise] = {
    "number": _("Connect a WhatsApp number first: everything else needs one that can send."),
    "consent": _("Give access to ads, audiences and events first."),
    "assets": _("Choose what events and audiences go to first."),
}

#: Kinds of assets that a workspace must choose before the rest opens (T3.5), with their names for people.
REQUIRED_ASSETS: dict[str, str | Promise] = {
    Asset.Kind.AD_ACCOUNT: _("ad account"),
    Asset.Kind.DATASET: _("messaging dataset"),
    Asset.Kind.GOOD_PIXEL: _("GOOD pixel"),
    Asset.Kind.NOISE_PIXEL: _("NOISE pixel"),
}


def workspace_facts(workspace: Workspace) -> GateFacts:
    """Reads the workspace's connections. Runs in the organization's schema; three queries at most."""
    active = Connection.objects.filter(workspace=workspace, removed_at=None)
    numbers = active.filter(platform="gupshup", config__has_key="number").exclude(config__number="")
    under_way = NumberOnboarding.objects.filter(live_at=None).exclude(connection=None).values("connection")
    if not numbers.exclude(id__in=under_way).exists():
        return GateFacts()
    accesses = list(active.filter(platform="meta"))
    if not any(ads_granted(access) for access in accesses):
        return GateFacts(number_live=True)
    chosen = set(Asset.objects.filter(connection__in=accesses).values_list("kind", flat=True))
    missing = tuple(kind for kind in REQUIRED_ASSETS if kind not in chosen)
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
