"""The staff's menu: what belongs together, in words."""

from __future__ import annotations

from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

#: Heading -> model -> its name in the menu. What staff may not see now is left out.
MENU: Final[tuple[tuple[str | Promise, dict[str, str | Promise]], ...]] = (
    (
        _("The chosen organization"),
        {
            "Workspace": _("Workspaces"),
            "Connection": _("Connections"),
            "NumberOnboarding": _("Numbers on their way"),
            "MessageTemplate": _("Message templates"),
            "Subscriber": _("Leads"),
            "Delivery": _("Deliveries"),
            "DeadReceipt": _("Hooks not worked off"),
            "AuditEntry": _("Audit log"),
        },
    ),
    (
        _("People"),
        {
            "Organization": _("Organizations"),
            "User": _("Users"),
            "Membership": _("Members"),
            "Invitation": _("Invitations"),
            "JoinRequest": _("Requests to join"),
            "ApiToken": _("API tokens"),
            "FacebookGrant": _("Grants at Facebook"),
            "DeletionRequest": _("Wishes to be forgotten"),
        },
    ),
    (
        _("Works"),
        {
            "Birth": _("Organizations in the making"),
            "HookRoute": _("Where hooks come in"),
            "AssetClaim": _("Who holds which number"),
            "OutboxTask": _("Waiting tasks"),
        },
    ),
)


def grouped(apps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Django's list of apps in the order of MENU; a model that it lacks is left out (a test sees to it)."""
    models = {model["object_name"]: model for app in apps for model in app["models"]}
    found = []
    for heading, names in MENU:
        shown = [{**models[key], "name": name} for key, name in names.items() if key in models]
        if shown:
            found.append(
                {"name": heading, "app_label": "", "app_url": "", "has_module_perms": True, "models": shown}
            )
    return found
