"""Why an organization cannot be made of a Page."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from arriwa.common.errors import ArriwaError
from tenants.models import Organization


class BirthRefused(ArriwaError):
    """The Page or the businesses cannot be used; choose a Page and at least one business."""


class PageTaken(ArriwaError):
    """The Page belongs to an organization already; ask its owner to let you in.

    `organization` is the one to ask. `member` tells that the asker is in it, with too small a role to add
    businesses.
    """

    def __init__(self, organization: Organization, *, member: bool = False) -> None:
        if member:
            text = _("You are a member of this Page's organization. Ask its owner to add businesses.")
        else:
            text = _("This Page belongs to an organization already. Ask its owner to let you in.")
        super().__init__(text, organization=str(organization.id))
        self.organization = organization
        self.member = member


class PageBusy(ArriwaError):
    """Someone else is setting this Page up right now; try again in a minute."""

    def __init__(self) -> None:
        super().__init__(_("Someone else is setting this Page up right now. Try again in a minute."))


class OrganizationMadeMeanwhile(ArriwaError):
    """The Page has got an organization meanwhile; choose it again to ask to join."""

    TEXT = gettext_noop("This Page has got an organization meanwhile. Choose it again to ask to join.")

    def __init__(self) -> None:
        super().__init__(self.TEXT)
