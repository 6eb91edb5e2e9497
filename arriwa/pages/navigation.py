"""The menu: one table, easily changed when the customer's list of pages comes (S8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenants import gates
from tenants.abilities import MANAGE, READ, Abilities
from tenants.gates import Gate


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the menu. It is shown to who `can`, and locked before the workspace's `stage`."""

    key: str
    url: str
    label: str | Promise
    #: Name of a symbol in templates/parts/icons.html.
    icon: str
    can: tuple[str, str]
    stage: str


MENU: Final[tuple[Entry, ...]] = (
    Entry(
        "onboarding",
        "/wa-onboarding",
        _("WhatsApp number"),
        "phone",
        (MANAGE, "onboarding"),
        gates.ONBOARDING,
    ),
    Entry("credentials", "/credentials", _("Credentials"), "key", (MANAGE, "credentials"), gates.CREDENTIALS),
    Entry("chatflows", "/chatflows", _("Chatflows"), "flow", (READ, "chatflows"), gates.OPEN),
    Entry(
        "workspaces",
        "/start/workspaces",
        _("Workspaces"),
        "boxes",
        (MANAGE, "organization"),
        gates.ONBOARDING,
    ),
    Entry("members", "/settings/members", _("Members"), "people", (MANAGE, "members"), gates.ONBOARDING),
    Entry("tokens", "/settings/tokens", _("API tokens"), "token", (MANAGE, "tokens"), gates.OPEN),
    Entry("audit", "/settings/audit", _("Audit log"), "log", (READ, "audit"), gates.ONBOARDING),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as the menu draws it."""

    entry: Entry
    active: bool
    locked: bool


def menu_for(*, abilities: Abilities, gate: Gate | None, path: str) -> list[Shown]:
    """The entries that the member may see; locked ones stay visible (T3)."""
    return [
        Shown(
            entry=entry,
            active=path == entry.url or path.startswith(f"{entry.url}/"),
            locked=gate is None or not gate.opens(entry.stage),
        )
        for entry in MENU
        if abilities.can(*entry.can)
    ]
