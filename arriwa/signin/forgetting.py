"""A person's wish to be forgotten, carried out step by step; each may be repeated (reference meta 7.5)."""

from __future__ import annotations

import logging
from functools import partial
from smtplib import SMTPException

from django.core.mail import mail_admins
from django.db import transaction
from django.utils.translation import gettext_noop
from django_tenants.utils import schema_context

from arriwa.signin.grants import DEAUTHORIZED, connections_stop, grant_close
from integrations.models import Connection
from tenants.audit import Actor, audit_record
from tenants.members import name_of
from tenants.models import DeletionRequest, FacebookGrant, Organization, User
from tenants.signin.deletion import (
    deletions_waiting,
    organizations_owned_alone,
    user_forget,
    user_of,
)
from tenants.signin.grants import grant_of, grant_revoke
from tenants.signin.signed_request import SignedRequest
from tenants.workspaces.models import AuditEntry

logger = logging.getLogger(__name__)

#: Stands where a name was; translated where it is shown.
SOMEONE = gettext_noop("deleted person")


def deauthorize(signed: SignedRequest) -> bool:
    """The person removed the app: his grant ends, what rests on it pauses. Whether there was one.

    A callback older than his last consent says nothing about it. Repeatable.
    """
    user = user_of(signed.user_id)
    grant = grant_of(user) if user else None
    # Meta's time has no fractions of a second.
    if grant is None or grant.checked_at.replace(microsecond=0) > signed.issued_at:
        return False
    grant_close(grant, DEAUTHORIZED)
    return True


def deletions_work_off() -> int:
    """Carries out every waiting request; how many. One that fails is logged and tried with the next run."""
    done = 0
    for request in deletions_waiting().select_related("user"):
        try:
            _forget(request)
        except Exception:
            # Whatever it is, the others who asked to be forgotten must not wait for it.
            logger.exception("deletion %s stopped; it is tried again", request.code)
        else:
            done += 1
    return done


def _forget(request: DeletionRequest) -> None:
    user = request.user
    if user is not None:
        grant = grant_of(user)
        if grant is not None:
            grant_revoke(grant=grant, reason=DEAUTHORIZED)
        alone = set(organizations_owned_alone(user).values_list("id", flat=True))
        for organization in Organization.objects.all():
            _forget_in(organization, user, grant)
            if organization.id in alone:
                _owner_gone(organization, request)
    user_forget(request=request)


def _forget_in(organization: Organization, user: User, grant: FacebookGrant | None) -> None:
    """Tokens of his and his name leave the organization's schema; what he did stays on record."""
    if grant is not None:
        connections_stop([organization], grant=grant, reason=DEAUTHORIZED)
    name = name_of(user)
    with schema_context(organization.schema_name), transaction.atomic():
        for connection in Connection.objects.select_for_update().filter(platform="meta", granted_by=user.id):
            connection.set_secrets({})
            connection.save(update_fields=["secrets_sealed"])
        written = AuditEntry.objects.filter(actor=user.id)
        written.filter(subject=name).update(subject=SOMEONE)
        written.update(actor_name=SOMEONE)
        AuditEntry.objects.filter(subject=name, action__regex=r"^(member|join_request|invitation)\.").update(
            subject=SOMEONE
        )


def _owner_gone(organization: Organization, request: DeletionRequest) -> None:
    """Support is to appoint another owner: see `organizations_without_owner`."""
    with schema_context(organization.schema_name), transaction.atomic():
        told = AuditEntry.objects.filter(action="organization.owner_gone", at__gte=request.requested_at)
        if not told.exists():
            audit_record(actor=Actor.system(), action="organization.owner_gone")
            transaction.on_commit(partial(_tell_staff, organization))


def _tell_staff(organization: Organization) -> None:
    logger.warning("organization %s has lost its only owner", organization.id)
    try:
        mail_admins(
            "An organization has lost its only owner",
            f"Nobody owns {organization.name} ({organization.id}) any more: the owner asked to be forgotten.",
        )
    except (SMTPException, OSError) as error:
        logger.warning("staff were not told by mail: %s", type(error).__name__)
