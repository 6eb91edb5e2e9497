"""`manage.py check_connections`: tests every connection by a real call (design 6)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser

from integrations.base.checks import connections_check
from integrations.models import Connection
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.models import Organization


class Command(BaseCommand):
    """Prints a line per connection; exit status 1 when one does not work."""

    help = "Tests the connections of every organization by a real, harmless call."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which organization."""
        parser.add_argument("--organization", type=UUID, help="only this organization")

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs the checks and keeps their results."""
        organizations = Organization.objects.order_by("schema_name")
        if options["organization"]:
            organizations = organizations.filter(id=options["organization"])
        broken = 0
        for schema_name in organizations.values_list("schema_name", flat=True):
            with in_organization(schema_name):
                for connection, result in connections_check(Actor.system()):
                    broken += result.health == Connection.Health.BROKEN
                    self.stdout.write(
                        f"{schema_name} {connection.platform} {connection.account}:"
                        f" {result.health} – {result.text}"
                    )
        if broken:
            raise SystemExit(1)
