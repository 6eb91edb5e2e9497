"""What each of Facebook's permissions is for, and how an answer compares with what a step needs (T3)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SIGNIN: Final = "signin"
ADS: Final = "ads"
COMMERCE: Final = "commerce"
PURPOSES: Final = (SIGNIN, ADS, COMMERCE)


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission in words."""

    scope: str
    #: What it is used for.
    use: str | Promise
    #: What does not work without it.
    loss: str | Promise
    #: Whether its step cannot be finished without it.
    needed: bool = True


_TABLE: Final[dict[str, Permission]] = {
    one.scope: one
    for one in (
        Permission(
            "public_profile",
            _("Your name, so that colleagues see who is who."),
            _("Nobody can be signed in."),
        ),
        Permission(
            "email",
            _("Your e-mail address, for notices about your numbers and your access."),
            _("You get no notices by e-mail; everything else works."),
            needed=False,
        ),
        Permission(
            "business_management",
            _("The list of your Business Managers: each one that you choose becomes a workspace."),
            _("There is no workspace to set up."),
        ),
        Permission(
            "pages_show_list",
            _("The list of your Pages: the one that you choose becomes your organization."),
            _("There is no organization to set up."),
        ),
        Permission(
            "ads_read",
            _("What your ads cost and which ad brought whom."),
            _("No spend and no statistics of ads."),
        ),
        Permission(
            "ads_management",
            _("Audiences of the people who write to you, kept up to date; new pixels."),
            _("No audiences are filled, and no pixel can be made."),
        ),
        Permission(
            "whatsapp_business_management",
            _("The WhatsApp account behind your number, so that its events find their dataset."),
            _("No messaging dataset can be made, so Meta learns of no sale from WhatsApp."),
        ),
        Permission(
            "whatsapp_business_manage_events",
            _("Events from WhatsApp chats, sent to Meta for better ads."),
            _("Meta learns of no lead and no sale from WhatsApp."),
        ),
        Permission(
            "catalog_management",
            _("Your product catalogs, so that chats can show product cards."),
            _("No catalog can be linked; cards are sent as plain text."),
        ),
        Permission(
            "commerce_account_read_orders",
            _("Orders of your shops at Facebook."),
            _("Orders of your shops are not shown."),
            needed=False,
        ),
        Permission(
            "commerce_account_read_reports",
            _("Reports of your shops at Facebook."),
            _("Reports of your shops are not shown."),
            needed=False,
        ),
        Permission(
            "commerce_account_read_settings",
            _("Settings of your shops at Facebook."),
            _("The state of your shops is not shown."),
            needed=False,
        ),
    )
}


def scopes_of(purpose: str) -> list[str]:
    """Exactly what a step asks for: the brief's scopes, then those that the operator's settings add.

    Raises KeyError for a purpose that is not one of PURPOSES.
    """
    return list(dict.fromkeys([*settings.FACEBOOK_SCOPES[purpose], *settings.FACEBOOK_SCOPES_ADDED[purpose]]))


def permission_of(scope: str) -> Permission:
    """The permission in words; one that only the settings know has general ones."""
    return _TABLE.get(scope) or Permission(
        scope,
        _("Asked for by the operator of this installation."),
        _("What the operator uses it for does not work."),
        needed=False,
    )


@dataclass(frozen=True, slots=True)
class ConsentResult:
    """A step's scopes, each as answered so far. One that was never asked for counts as declined."""

    purpose: str
    granted: tuple[Permission, ...]
    declined: tuple[Permission, ...]

    @property
    def missing(self) -> tuple[Permission, ...]:
        """Declined ones without which the step cannot be finished."""
        return tuple(one for one in self.declined if one.needed)

    @property
    def complete(self) -> bool:
        """Whether everything that the step needs is granted."""
        return not self.missing

    def has(self, scope: str) -> bool:
        """Whether this scope is granted."""
        return any(one.scope == scope for one in self.granted)


def consent_compare(purpose: str, granted: Collection[str]) -> ConsentResult:
    """What was granted of what the step asks for."""
    asked = [permission_of(scope) for scope in scopes_of(purpose)]
    return ConsentResult(
        purpose=purpose,
        granted=tuple(one for one in asked if one.scope in granted),
        declined=tuple(one for one in asked if one.scope not in granted),
    )
