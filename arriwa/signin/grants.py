"""A grant that ends: looked after daily, and what rests on it stops with the reason (reference meta 7.3)."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext_noop
from django_tenants.utils import schema_context

from arriwa.signin.facebook import granted_read
from integrations.base.errors import CredentialRefused, IntegrationError
from integrations.models import Connection
from tenants.audit import Actor, audit_record
from tenants.models import FacebookGrant, Organization
from tenants.signin.grants import grant_refresh, grant_revoke, grant_token

logger = logging.getLogger(__name__)

#: Meta's code of a dead token -> why, for its owner. Stored in English, shown in the reader's language.
REASONS = {
    "190/458": gettext_noop("You removed Arriwa at Facebook. Continue with Facebook to give access again."),
    "190/459": gettext_noop("Facebook wants you to confirm something: sign in there, then continue here."),
    "190/460": gettext_noop("Your Facebook password was changed. Continue with Facebook once more."),
    "190/463": gettext_noop("Access through Facebook has run out. Continue with Facebook once more."),
}
OTHERWISE = gettext_noop("Facebook has ended the access. Continue with Facebook once more.")
DEAUTHORIZED = REASONS["190/458"]


def reason_of(code: str) -> str:
    """Why a token is dead, as an English text that is translated where it is shown."""
    return REASONS.get(code, OTHERWISE)


def grant_close(grant: FacebookGrant, reason: str) -> None:
    """The grant opens nothing any more, and connections that rest on it wait for a person. Repeatable."""
    grant_revoke(grant=grant, reason=reason)
    organizations = Organization.objects.filter(memberships__user=grant.user_id)
    connections_stop(organizations, grant=grant, reason=reason)


def connections_stop(organizations: Iterable[Organization], *, grant: FacebookGrant, reason: str) -> None:
    """Pauses what rests on the user's consent in these organizations; each one whole or not at all."""
    for organization in organizations:
        with schema_context(organization.schema_name), transaction.atomic():
            resting = Connection.objects.select_for_update().filter(
                platform="meta", granted_by=grant.user_id, state=Connection.State.ACTIVE
            )
            for connection in resting.select_related("workspace"):
                connection.state = Connection.State.PAUSED
                connection.state_reason = reason[:300]
                connection.save(update_fields=["state", "state_reason"])
                audit_record(
                    actor=Actor.system(),
                    action="connection.paused",
                    subject=str(connection),
                    workspace=connection.workspace,
                    details={"reason": reason},
                )


def grant_check(grant: FacebookGrant) -> bool:
    """Asks Facebook what the grant still opens; whether it lives. A silent Facebook changes nothing."""
    try:
        granted = granted_read(grant_token(grant), longer=False)
    except CredentialRefused as error:
        grant_close(grant, reason_of(error.platform_code or ""))
        return False
    except IntegrationError as error:
        logger.warning("grant %s could not be checked: %s", grant.id, error.code)
        return True
    grant_refresh(grant=grant, granted=granted)
    return True


def grants_check() -> tuple[int, int]:
    """Checks every grant; (living, ended). One that was closed halfway is closed wholly."""
    living = ended = 0
    for grant in FacebookGrant.objects.filter(revoked_at=None).iterator():
        if grant_check(grant):
            living += 1
        else:
            ended += 1
    for grant in FacebookGrant.objects.exclude(revoked_at=None).iterator():
        grant_close(grant, grant.revoked_reason)
    return living, ended
