"""Beat's daily look at every connection (T2)."""

from __future__ import annotations

from celery import shared_task

from integrations.base.checks import connections_check
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.models import Organization


@shared_task(name="connections.check", ignore_result=True)
def check_connections() -> None:
    """Asks for a test of each organization's connections, each as a task of its own.

    One task for all would take longer than the broker waits before it hands a task out once more.
    """
    for schema_name in Organization.objects.order_by("schema_name").values_list("schema_name", flat=True):
        check_organization.apply_async(args=[schema_name], queue="bulk")


@shared_task(name="connections.check_organization", ignore_result=True)
def check_organization(schema_name: str) -> None:
    """Tests all connections of one organization; a repetition only looks again."""
    with in_organization(schema_name):
        connections_check(Actor.system())
