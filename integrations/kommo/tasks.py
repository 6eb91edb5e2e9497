"""Access to Kommo is renewed before it ends, also where nothing happens for weeks."""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import shared_task

from arriwa.common.errors import ArriwaError, Disposition
from arriwa.outbox.enqueue import real_now
from integrations.base.effects import connection_pause
from integrations.kommo.config import OAUTH
from integrations.kommo.tokens import keeper_of
from integrations.models import Connection
from tenants.context import in_organization
from tenants.models import Organization

logger = logging.getLogger(__name__)

#: An access token lives for a day; a refresh token dies after three months without use.
AHEAD = timedelta(hours=6)


@shared_task(name="kommo.renew", ignore_result=True)
def renew() -> None:
    """Renews what ends within six hours, in every organization."""
    for schema_name in Organization.objects.values_list("schema_name", flat=True):
        try:
            with in_organization(schema_name):
                kommo_renew_due()
        except Exception:
            # Whatever it is, the other organizations' access must not end for it.
            logger.exception("the access to Kommo of %s could not be renewed", schema_name)


def kommo_renew_due() -> int:
    """Renews the organization's tokens that end soon and returns how many; a refused one pauses."""
    due = Connection.objects.filter(
        platform="kommo", config__auth=OAUTH, removed_at=None, expires_at__lt=real_now() + AHEAD
    ).exclude(state=Connection.State.PAUSED, paused_by=None)
    renewed = 0
    for connection in due:
        keeper = keeper_of(connection)
        assert keeper is not None
        try:
            keeper.renew(str(connection.secrets()["token"]))
            renewed += 1
        except ArriwaError as error:
            if error.disposition is Disposition.PAUSE_CONNECTION:
                connection_pause(connection, error)
            else:
                logger.warning("the access to Kommo was not renewed: %s", error.code)
    return renewed
