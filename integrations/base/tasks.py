"""Beat's daily look at every connection (T2)."""

from __future__ import annotations

import logging

from celery import shared_task

from integrations.base.checks import connections_check
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.models import Organization

logger = logging.getLogger(__name__)


@shared_task(name="connections.check", ignore_result=True)
def check_connections() -> None:
    """Tests all connections of all organizations; one organization's fault stops no other."""
    for schema_name in Organization.objects.values_list("schema_name", flat=True):
        try:
            with in_organization(schema_name):
                connections_check(Actor.system())
        except Exception:
            # Whatever it is, the others must be looked at.
            logger.exception("the connections of %s could not be checked", schema_name)
