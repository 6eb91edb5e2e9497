"""`manage.py replay`: sends dead letters once more (design 6)."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from arriwa.common.errors import ArriwaError
from integrations.base.replay import Filter, dead_deliveries, delivery_replay
from integrations.models import DeadReceipt
from integrations.receipts.replay import dead_receipt_replay
from tenants.context import in_organization
from tenants.models import Organization


class Command(BaseCommand):
    """Replays one delivery, one dead receipt, or all that a filter names, in one or all organizations."""

    help = "Sends dead deliveries and dead receipts once more."

    def add_arguments(self, parser: CommandParser) -> None:
        """The filters; none at all is refused."""
        parser.add_argument("--organization", type=UUID, help="only this organization")
        parser.add_argument("--delivery", type=UUID, help="one delivery by its event id")
        parser.add_argument("--receipt", type=UUID, help="one dead receipt by its id")
        parser.add_argument("--platform", default="", help="all dead deliveries of a platform")
        parser.add_argument("--code", default="", help="all with this error code, such as 100/2804066")
        parser.add_argument("--day", type=date.fromisoformat, help="all that ended on this day (UTC)")
        parser.add_argument(
            "--unknown", action="store_true", help="also those in doubt; they may then be done twice"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be sent")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints a line for each and how many there were."""
        names = ("delivery", "receipt", "platform", "code", "day")
        if not any(options[name] for name in names):
            raise CommandError(f"Say what to replay: {', '.join(f'--{name}' for name in names)}.")
        organizations = Organization.objects.order_by("schema_name")
        if options["organization"]:
            organizations = organizations.filter(id=options["organization"])
        count = 0
        for schema_name in organizations.values_list("schema_name", flat=True):
            with in_organization(schema_name):
                count += self._receipts(options) if options["receipt"] else self._deliveries(options)
        self.stdout.write(f"{count} {'would be' if options['dry_run'] else 'are'} sent once more.")

    def _deliveries(self, options: dict[str, Any]) -> int:
        chosen = Filter(
            delivery=options["delivery"],
            platform=options["platform"],
            code=options["code"],
            day=options["day"],
            unknown=options["unknown"],
        )
        count = 0
        for delivery in dead_deliveries(chosen):
            line = f"{delivery.id} {delivery.platform} {delivery.action}: {delivery.error_code}"
            if not options["dry_run"]:
                try:
                    delivery_replay(delivery.id, unknown=options["unknown"])
                except ArriwaError as error:
                    self.stderr.write(f"{line} – left alone: {error.message}")
                    continue
            self.stdout.write(line)
            count += 1
        return count

    def _receipts(self, options: dict[str, Any]) -> int:
        dead = DeadReceipt.objects.filter(id=options["receipt"]).first()
        if dead is None:
            return 0
        if not options["dry_run"]:
            dead_receipt_replay(dead.id)
        self.stdout.write(f"{dead.id} {dead.platform}: {dead.error_code} {dead.error_text}")
        return 1
