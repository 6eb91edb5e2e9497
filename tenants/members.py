"""Who belongs to an organization and as what: members, invitations, requests to join.

Every function runs in the organization's schema, where its audit log is; the rows are in the public one.
`by` is what the acting person may do: nobody gives, changes or takes more than they have.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from arriwa.common import clock
from arriwa.outbox.enqueue import real_now
from tenants.abilities import MANAGE, Abilities, abilities_of
from tenants.audit import Actor, audit_record
from tenants.errors import (
    AlreadyDecided,
    LastOwner,
    NotAllowed,
    NotThere,
    OwnMembership,
)
from tenants.models import ApiToken, Invitation, JoinRequest, Membership, Organization, Role, User

INVITATION_DAYS = 7


def name_of(user: User) -> str:
    """How lists and the audit log call a person."""
    return user.get_full_name() or user.get_username()


def members_of(organization: Organization) -> QuerySet[Membership]:
    """The organization's members, first come first."""
    return Membership.objects.filter(organization=organization).select_related("user").order_by("id")


def roles_given_by(by: Abilities) -> list[Role]:
    """The roles that somebody with these abilities may give."""
    return [role for role in Role if by.covers(abilities_of(role))]


@transaction.atomic
def membership_set_role(
    *, organization: Organization, membership_id: int, role: Role, actor: Actor, by: Abilities
) -> Membership:
    """Gives a member another role; the same one changes nothing.

    Raises NotThere, NotAllowed, OwnMembership, LastOwner.
    """
    membership = _locked(organization, membership_id)
    if membership.role == role:
        return membership
    if membership.user_id == actor.id:
        raise OwnMembership(
            _("Nobody changes their own role: ask another owner or admin, or leave the organization.")
        )
    _check_covers(by, membership.role, role)
    _check_owner_left(membership)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    _invitations_withdraw(membership.user, organization, abilities_of(role))
    audit_record(
        actor=actor,
        action="member.role_changed",
        subject=name_of(membership.user),
        details={"before": before, "after": str(role)},
    )
    return membership


@transaction.atomic
def membership_remove(
    *, organization: Organization, membership_id: int, actor: Actor, by: Abilities
) -> list[ApiToken]:
    """Takes somebody out. Returns the API tokens they made that still work: look at them.

    Raises NotThere, NotAllowed, LastOwner, OwnMembership for oneself: that is `membership_leave`.
    """
    membership = _locked(organization, membership_id)
    if membership.user_id == actor.id:
        raise OwnMembership(_("To go yourself, choose to leave the organization."))
    _check_covers(by, membership.role)
    return _end(membership, actor, "member.removed")


@transaction.atomic
def membership_leave(*, organization: Organization, user: User, actor: Actor) -> list[ApiToken]:
    """Goes by one's own wish. Returns the API tokens made that still work. Raises NotThere, LastOwner."""
    mine = Membership.objects.filter(organization=organization, user=user).first()
    return _end(_locked(organization, mine.id if mine else 0), actor, "member.left")


def tokens_left_by(organization: Organization, user_id: UUID) -> list[ApiToken]:
    """API tokens that a person made and that still open something."""
    return list(
        ApiToken.objects.filter(organization=organization, created_by=user_id, revoked_at=None).order_by(
            "created_at"
        )
    )


@transaction.atomic
def invitation_create(
    *,
    organization: Organization,
    role: Role,
    actor: Actor,
    by: Abilities,
    note: str = "",
    invitation_id: UUID | None = None,
) -> tuple[Invitation, str]:
    """Makes an invitation for seven days and the secret of its link, which cannot be read again.

    `invitation_id`: chosen by the form, so that one sent twice makes one; its secret is then "". Raises
    NotAllowed for a role beyond the inviter's.
    """
    _check_covers(by, role)
    if actor.id is None:
        raise NotAllowed(_("Somebody has to stand behind an invitation."))
    organization_lock(organization)
    made = Invitation.objects.filter(organization=organization, id=invitation_id or uuid4()).first()
    if made is not None:
        return made, ""
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        id=invitation_id or uuid4(),
        organization=organization,
        role=role,
        note=note,
        digest=ApiToken.digest_of(secret),
        created_by=actor.id,
        expires_at=real_now() + timedelta(days=INVITATION_DAYS),
    )
    audit_record(actor=actor, action="invitation.created", subject=note, details={"role": str(role)})
    return invitation, secret


def invitations_open(organization: Organization) -> QuerySet[Invitation]:
    """Invitations that still work, newest first."""
    return Invitation.objects.filter(
        organization=organization, accepted_at=None, revoked_at=None, expires_at__gt=real_now()
    ).order_by("-created_at")


@transaction.atomic
def invitation_revoke(*, organization: Organization, invitation_id: UUID, actor: Actor) -> None:
    """The link opens nothing from now on; repeated, or after its use, it changes nothing. Raises NotThere."""
    row = Invitation.objects.select_for_update().filter(organization=organization, id=invitation_id).first()
    if row is None:
        raise NotThere(_("This organization has no such invitation: reload the list."))
    if row.revoked_at is None and row.accepted_at is None:
        row.revoked_at = real_now()
        row.save(update_fields=["revoked_at"])
        audit_record(actor=actor, action="invitation.revoked", subject=row.note, details={"role": row.role})


def join_requests_pending(organization: Organization) -> QuerySet[JoinRequest]:
    """Requests that wait for a decision, oldest first."""
    return (
        JoinRequest.objects.filter(organization=organization, state=JoinRequest.State.PENDING)
        .select_related("user")
        .order_by("created_at")
    )


@transaction.atomic
def join_request_decide(
    *,
    organization: Organization,
    request_id: UUID,
    role: Role | None,
    actor: Actor,
    by: Abilities,
) -> JoinRequest:
    """Lets somebody in with `role`, or declines with None; the same decision again changes nothing.

    Raises NotThere, NotAllowed, AlreadyDecided when it was decided otherwise.
    """
    wish = (
        JoinRequest.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(organization=organization, id=request_id)
        .first()
    )
    if wish is None:
        raise NotThere(_("This organization has no such request: reload the list."))
    state = JoinRequest.State.DECLINED if role is None else JoinRequest.State.ACCEPTED
    if wish.state == state:
        return wish
    if wish.state != JoinRequest.State.PENDING:
        raise AlreadyDecided(_("This request is decided already: reload the list to see how."))
    wish.state, wish.decided_by, wish.decided_at = state, actor.id, clock.now()
    wish.save(update_fields=["state", "decided_by", "decided_at"])
    details = {}
    if role is not None:
        _check_covers(by, role)
        Membership.objects.get_or_create(user=wish.user, organization=organization, defaults={"role": role})
        details = {"role": str(role)}
    audit_record(
        actor=actor, action=f"join_request.{state.value}", subject=name_of(wish.user), details=details
    )
    return wish


def organization_lock(organization: Organization) -> None:
    """Until the transaction ends nobody else changes who belongs to the organization."""
    Organization.objects.select_for_update().get(id=organization.id)


def _locked(organization: Organization, membership_id: int) -> Membership:
    """The membership, with the organization locked: two at once cannot both take the last owner."""
    organization_lock(organization)
    membership = members_of(organization).filter(id=membership_id).first()
    if membership is None:
        raise NotThere(_("This organization has no such member: reload the list."))
    return membership


def _check_covers(by: Abilities, *roles: str) -> None:
    if not by.can(MANAGE, "members") or not all(by.covers(abilities_of(role)) for role in roles):
        raise NotAllowed(_("This takes a role that you do not have: ask an owner of the organization."))


def _check_owner_left(membership: Membership) -> None:
    """Before an owner's membership changes or goes."""
    if membership.role != Role.OWNER:
        return
    others = Membership.objects.filter(organization=membership.organization_id, role=Role.OWNER)
    if not others.exclude(id=membership.id).exists():
        raise LastOwner(_("An organization keeps at least one owner: make somebody else an owner first."))


def _end(membership: Membership, actor: Actor, action: str) -> list[ApiToken]:
    _check_owner_left(membership)
    organization, user = membership.organization, membership.user
    role = membership.role
    membership.delete()
    # Else they could come back by a link of their own.
    _invitations_withdraw(user, organization, Abilities(()))
    audit_record(actor=actor, action=action, subject=name_of(user), details={"role": role})
    return tokens_left_by(organization, user.id)


def _invitations_withdraw(user: User, organization: Organization, left: Abilities) -> None:
    """Takes back open invitations of somebody who may no longer give such a role."""
    beyond = [role for role in Role if not left.covers(abilities_of(role))]
    Invitation.objects.filter(
        Q(organization=organization, created_by=user.id, role__in=beyond), accepted_at=None, revoked_at=None
    ).update(revoked_at=real_now())
