"""The own store of people's tokens: sealed, long-lived, with what they open (reference meta 7.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from arriwa.common import sealing
from arriwa.common.errors import ArriwaError
from arriwa.outbox.enqueue import real_now
from tenants.models import FacebookGrant, User

#: How long before its end a grant is announced to end.
NOTICE = timedelta(days=14)


class NoGrant(ArriwaError):
    """Facebook does not give Arriwa access for you any more: continue with Facebook once more."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What Facebook says of a token. Times are real, None is never."""

    facebook_user_id: str
    token: str = field(repr=False)
    granted: Collection[str]
    declined: Collection[str]
    #: Scope -> ids that were ticked; a scope without an entry is granted for all.
    granular: Mapping[str, Collection[str]]
    expires_at: datetime | None
    data_access_expires_at: datetime | None


@transaction.atomic
def grant_store(*, user: User, granted: Granted) -> FacebookGrant:
    """The user's one grant, renewed. Storing the same again changes nothing but the times."""
    grant = FacebookGrant.objects.select_for_update().filter(user=user).first() or FacebookGrant(user=user)
    # An account that staff took off another user: its old token opens nothing here.
    FacebookGrant.objects.filter(facebook_user_id=granted.facebook_user_id).exclude(id=grant.id).delete()
    grant.facebook_user_id = granted.facebook_user_id
    grant.token_sealed = sealing.seal_json({"token": granted.token}, organization=user.id, row=grant.seal_row)
    _write(grant, granted)
    grant.revoked_at, grant.revoked_reason, grant.warned_at = None, "", None
    grant.save()
    return grant


def grant_refresh(*, grant: FacebookGrant, granted: Granted) -> None:
    """Writes down what a check found; the token stays. A grant renewed or ended meanwhile stays as it is."""
    with transaction.atomic():
        known = FacebookGrant.objects.select_for_update().filter(id=grant.id, revoked_at=None).first()
        if known is not None and bytes(known.token_sealed) == bytes(grant.token_sealed):
            _write(known, granted)
            known.save()


def _write(grant: FacebookGrant, granted: Granted) -> None:
    grant.granted, grant.declined = sorted(granted.granted), sorted(granted.declined)
    grant.granular = {scope: sorted(ids) for scope, ids in granted.granular.items()}
    grant.expires_at = granted.expires_at
    grant.data_access_expires_at = granted.data_access_expires_at
    grant.checked_at = real_now()


def grant_revoke(*, grant: FacebookGrant, reason: str) -> bool:
    """Marks that the grant opens nothing any more; whether it did until now. `reason` is for its owner."""
    found = FacebookGrant.objects.filter(
        id=grant.id, token_sealed=bytes(grant.token_sealed), revoked_at=None
    ).update(revoked_at=real_now(), revoked_reason=reason[:200])
    return bool(found)


def grant_of(user: User) -> FacebookGrant | None:
    """The user's grant as it stands, a revoked one too."""
    return FacebookGrant.objects.filter(user=user).first()


def grant_living(user: User) -> FacebookGrant:
    """The user's grant. Raises NoGrant when there is none, it was revoked or has ended."""
    grant = grant_of(user)
    if grant is None:
        raise NoGrant()
    if grant.revoked_at:
        raise NoGrant(grant.revoked_reason)
    end = grant_end(grant)
    if end is not None and end <= real_now():
        raise NoGrant()
    return grant


def grant_end(grant: FacebookGrant) -> datetime | None:
    """When it opens nothing any more: the token's end or that of data access, whichever is first."""
    ends = [end for end in (grant.expires_at, grant.data_access_expires_at) if end is not None]
    return min(ends) if ends else None


def grant_ends_soon(grant: FacebookGrant) -> datetime | None:
    """Its end when that is within NOTICE, or past; None otherwise and for a revoked one."""
    end = grant_end(grant)
    return end if end and not grant.revoked_at and end <= real_now() + NOTICE else None


def grant_token(grant: FacebookGrant) -> str:
    """The opened token; never for a log or a page. Raises SealBroken."""
    opened = sealing.unseal_json(grant.token_sealed, organization=grant.user_id, row=grant.seal_row)
    return str(opened["token"])
