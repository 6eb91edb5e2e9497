"""Coming in by an invitation's link: before or after signing in, once (T1)."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from arriwa.common import clock
from arriwa.outbox.enqueue import real_now
from tenants.audit import Actor, audit_record
from tenants.context import in_organization
from tenants.errors import (
    InvitationExpired,
    InvitationRevoked,
    InvitationUnknown,
    InvitationUsed,
    StaffAccount,
)
from tenants.members import name_of
from tenants.models import ApiToken, Invitation, Membership, User
from tenants.workspaces.models import AuditEntry


def invitation_find(secret: str) -> Invitation:
    """The invitation behind a link that still works.

    Raises InvitationUnknown, InvitationUsed, InvitationRevoked, InvitationExpired.
    """
    found = (
        Invitation.objects.filter(digest=ApiToken.digest_of(secret)).select_related("organization").first()
    )
    if found is None:
        raise InvitationUnknown(
            _("This invitation link is not known: ask for a new one and open the whole link.")
        )
    _check_open(found)
    return found


def membership_by_invitation(secret: str, user: User) -> Membership | None:
    """The user's membership in the organization that the link names, whether or not it still works."""
    return (
        Membership.objects.filter(user=user, organization__invitations__digest=ApiToken.digest_of(secret))
        .select_related("organization")
        .first()
    )


def invitation_accept(*, secret: str, user: User) -> Membership:
    """Makes the user a member. One who is a member already stays as he is and does not use the link up.

    Raises the errors of `invitation_find`, and StaffAccount: passwords are for staff, not for members.
    """
    present = membership_by_invitation(secret, user)
    if present is not None:
        return present
    if user.is_staff:
        raise StaffAccount(
            _("Support signs in with a password and cannot become a member: sign in through Facebook.")
        )
    found = invitation_find(secret)
    actor = Actor(user.id, name_of(user), AuditEntry.Via.PAGE)
    with in_organization(found.organization.schema_name), transaction.atomic():
        row = Invitation.objects.select_for_update().get(id=found.id)
        present = membership_by_invitation(secret, user)
        if present is not None:
            # The same person's other tab was first.
            return present
        _check_open(row)
        row.accepted_by, row.accepted_at = user, clock.now()
        row.save(update_fields=["accepted_by", "accepted_at"])
        membership, _made = Membership.objects.get_or_create(
            user=user, organization=found.organization, defaults={"role": row.role}
        )
        audit_record(
            actor=actor, action="invitation.accepted", subject=row.note, details={"role": membership.role}
        )
    return membership


def _check_open(invitation: Invitation) -> None:
    if invitation.accepted_at is not None:
        raise InvitationUsed(_("This invitation was used already; each works once: ask for a new one."))
    if invitation.revoked_at is not None:
        raise InvitationRevoked(
            _("This invitation was taken back: ask for a new one if you think that is wrong.")
        )
    if invitation.expires_at <= real_now():
        raise InvitationExpired(_("This invitation has expired: ask for a new one."))
