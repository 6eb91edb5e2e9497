"""Being forgotten: Meta's data-deletion callback, and how far it is (reference meta 7.5)."""

from __future__ import annotations

import secrets
import uuid
from typing import Final

from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.db.models import QuerySet

from arriwa.common import clock, sealing
from tenants.models import DeletionRequest, FacebookGrant, Membership, Organization, Role, User

#: Stands for the installation where a key belongs to no organization.
INSTALLATION: Final = uuid.uuid5(uuid.NAMESPACE_URL, "arriwa:installation")
#: Read aloud without mistakes: no 0, 1, I, L, O.
_LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def user_of(facebook_user_id: str) -> User | None:
    """The user behind an app-scoped id, None when we know nobody of that id."""
    account = SocialAccount.objects.filter(provider="facebook", uid=facebook_user_id).first()
    if account is not None:
        return User.objects.get(pk=account.user_id)
    grant = FacebookGrant.objects.filter(facebook_user_id=facebook_user_id).select_related("user").first()
    return grant.user if grant else None


@transaction.atomic
def deletion_request(*, facebook_user_id: str) -> DeletionRequest:
    """The person's one request: taken in once, opened anew when he has come back since.

    From here on he is signed out everywhere and cannot sign in; the rest is `user_forget`'s.
    """
    user = user_of(facebook_user_id)
    person = sealing.keyed_hash(facebook_user_id, organization=INSTALLATION, purpose="deletion")
    code = "".join(secrets.choice(_LETTERS) for _ in range(12))
    request, _made = DeletionRequest.objects.select_for_update().get_or_create(
        person=person, defaults={"code": code, "state": DeletionRequest.State.NOTHING}
    )
    if user is None:
        if request.finished_at is None:
            request.finished_at = clock.now()
            request.save(update_fields=["finished_at"])
        return request
    if request.state != DeletionRequest.State.WAITING:
        request.user, request.state = user, DeletionRequest.State.WAITING
        request.requested_at, request.finished_at = clock.now(), None
        request.save()
    if not user.is_staff:
        User.objects.filter(pk=user.pk).update(is_active=False)
    return request


def deletions_waiting() -> QuerySet[DeletionRequest]:
    """Requests that are still to be worked off, oldest first."""
    return DeletionRequest.objects.filter(state=DeletionRequest.State.WAITING).order_by("requested_at")


@transaction.atomic
def user_forget(*, request: DeletionRequest) -> None:
    """The last step: the user's rows go, with memberships, grant, sessions' user; the request is done.

    Staff keep the account that they sign in to with a password, without anything of Facebook's.
    """
    request = DeletionRequest.objects.select_for_update().get(pk=request.pk)
    user = request.user
    if user is not None and user.is_staff:
        SocialAccount.objects.filter(user=user).delete()
        FacebookGrant.objects.filter(user=user).delete()
        Membership.objects.filter(user=user).delete()
    elif user is not None:
        user.delete()
    request.user, request.state, request.finished_at = None, DeletionRequest.State.DONE, clock.now()
    request.save()


def organizations_owned_alone(user: User) -> QuerySet[Organization]:
    """Organizations that have this user as their only owner."""
    owners = Membership.objects.filter(role=Role.OWNER)
    mine = Organization.objects.filter(memberships__in=owners.filter(user=user))
    alone: QuerySet[Organization] = mine.exclude(memberships__in=owners.exclude(user=user))
    return alone


def organizations_without_owner() -> QuerySet[Organization]:
    """Organizations whose owners have all gone: support appoints one."""
    owners = Membership.objects.filter(role=Role.OWNER)
    found: QuerySet[Organization] = Organization.objects.exclude(memberships__in=owners)
    return found
