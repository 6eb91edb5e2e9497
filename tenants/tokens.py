"""API tokens that members make, and the dashboard's short-lived access tokens (design 6).

What members make runs in the organization's schema, where its audit log is.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from arriwa.outbox.enqueue import real_now
from tenants.abilities import MANAGE, READ, SUBJECTS, Abilities, abilities_of
from tenants.audit import Actor, audit_record
from tenants.errors import NotAllowed, NotThere, ScopeUnknown
from tenants.members import organization_lock
from tenants.models import AccessToken, ApiToken, Organization, Role, User

#: Every scope that a token may be given.
SCOPES = tuple(f"{verb}:{subject}" for subject in SUBJECTS for verb in (READ, MANAGE))
ACCESS_SECONDS = 3600


def tokens_of(organization: Organization) -> QuerySet[ApiToken]:
    """The organization's API tokens: those that work first, then newest first."""
    return ApiToken.objects.filter(organization=organization).order_by("-revoked_at", "-created_at")


@transaction.atomic
def token_create(
    *,
    organization: Organization,
    name: str,
    role: Role,
    scopes: Sequence[str] = (),
    created_by: UUID | None,
    actor: Actor,
    by: Abilities,
    token_id: UUID | None = None,
) -> tuple[ApiToken, str]:
    """Makes an API token; returns the row and the token itself, which cannot be read again.

    `scopes`: what it may do, such as ["read:subscribers"]; none is all that the role may. `token_id`:
    chosen by the form, so that one sent twice makes one; its secret is then "". Raises
    ScopeUnknown for a scope that there is not or that the role does not cover, NotAllowed for more than
    the maker may.
    """
    _check_scopes(role, scopes)
    if not by.can(MANAGE, "tokens") or not by.covers(abilities_of(role, scopes)):
        raise NotAllowed(_("A token may do no more than the one who makes it: choose a smaller role."))
    organization_lock(organization)
    made = ApiToken.objects.filter(organization=organization, id=token_id or uuid4()).first()
    if made is not None:
        return made, ""
    secret = ApiToken.new_token()
    token = ApiToken.objects.create(
        id=token_id or uuid4(),
        organization=organization,
        name=name,
        role=role,
        scopes=list(scopes),
        digest=ApiToken.digest_of(secret),
        created_by=created_by,
    )
    details = {"role": str(role), "scopes": list(scopes)}
    audit_record(actor=actor, action="token.created", subject=name, details=details)
    return token, secret


@transaction.atomic
def token_revoke(*, organization: Organization, token_id: UUID, actor: Actor) -> ApiToken:
    """The token, and what was signed in with it, opens nothing from now on. Raises NotThere."""
    token = ApiToken.objects.select_for_update().filter(organization=organization, id=token_id).first()
    if token is None:
        raise NotThere(_("This organization has no such token: reload the list."))
    if token.revoked_at is None:
        token.revoked_at = real_now()
        token.save(update_fields=["revoked_at"])
        audit_record(actor=actor, action="token.revoked", subject=token.name)
    return token


def token_find(secret: str) -> ApiToken | None:
    """The API token that works, with the time of its use kept to the minute: not a write per request."""
    token = (
        ApiToken.objects.select_related("organization")
        .filter(digest=ApiToken.digest_of(secret), revoked_at=None)
        .first()
    )
    if token is not None:
        minute = real_now().replace(second=0, microsecond=0)
        if token.last_used_at is None or token.last_used_at < minute:
            stale = Q(last_used_at=None) | Q(last_used_at__lt=minute)
            ApiToken.objects.filter(stale, id=token.id).update(last_used_at=minute)
    return token


def access_token_create(
    *,
    organization: Organization,
    user: User | None = None,
    api_token: ApiToken | None = None,
    session_key: str = "",
) -> str:
    """A token for an hour that acts for the user or the API token; returned once, stored as a hash."""
    now = real_now()
    AccessToken.objects.filter(expires_at__lt=now).delete()
    secret = AccessToken.PREFIX + secrets.token_urlsafe(32)
    AccessToken.objects.create(
        organization=organization,
        user=user,
        api_token=api_token,
        session_key=session_key,
        digest=ApiToken.digest_of(secret),
        expires_at=now + timedelta(seconds=ACCESS_SECONDS),
    )
    return secret


def access_token_find(secret: str) -> AccessToken | None:
    """The access token if it still works: not expired, its session not ended, its API token not revoked."""
    now = real_now()
    sessions = Session.objects.filter(expire_date__gt=now).values("session_key")
    return (
        AccessToken.objects.select_related("organization", "user", "api_token")
        .filter(digest=ApiToken.digest_of(secret), expires_at__gt=now, api_token__revoked_at=None)
        .filter(Q(session_key="") | Q(session_key__in=sessions))
        .first()
    )


def access_token_end(token: AccessToken) -> None:
    """Signs it out; one that is gone is signed out already."""
    AccessToken.objects.filter(id=token.id).delete()


def _check_scopes(role: Role, scopes: Sequence[str]) -> None:
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        raise ScopeUnknown(
            _("There is no scope %(scope)s: choose from the list.") % {"scope": unknown[0][:60]}
        )
    whole = abilities_of(role)
    beyond = [scope for scope in scopes if not whole.can(*scope.split(":"))]
    if beyond:
        raise ScopeUnknown(
            _("The role does not cover the scope %(scope)s: choose another role or leave it out.")
            % {"scope": beyond[0]}
        )
