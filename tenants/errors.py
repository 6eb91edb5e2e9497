"""What members may not do, and why, in words (design 2, "Errors")."""

from __future__ import annotations

from arriwa.common.errors import ArriwaError


class TenancyError(ArriwaError):
    """This cannot be done in the organization: the message says why."""


class NotAllowed(TenancyError):
    """Your role does not allow this: ask an owner of the organization."""


class NotThere(TenancyError):
    """This organization has no such thing: reload the list."""


class LastOwner(TenancyError):
    """An organization keeps at least one owner: make somebody else an owner first."""


class OwnMembership(TenancyError):
    """Nobody changes their own role: ask another owner or admin, or leave the organization."""


class AlreadyDecided(TenancyError):
    """This request is decided already: reload the list to see how."""


class InvitationUnknown(TenancyError):
    """This invitation link is not known: ask for a new one and open the whole link."""


class InvitationUsed(TenancyError):
    """This invitation was used already; each works once: ask for a new one."""


class InvitationExpired(TenancyError):
    """This invitation has expired: ask for a new one."""


class InvitationRevoked(TenancyError):
    """This invitation was taken back: ask for a new one if you think that is wrong."""


class StaffAccount(TenancyError):
    """Support signs in with a password and cannot become a member: sign in through Facebook."""


class ScopeUnknown(TenancyError):
    """A scope is a verb and a subject, such as read:subscribers: choose from the list."""
