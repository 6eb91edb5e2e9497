"""`manage.py bench`: measures; `bin/bench` calls it with a database of its own that loses nothing."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

PARTS = ("ingest", "reply", "relay", "claim", "organizations", "birth")


class Command(BaseCommand):
    """See `arriwa.bench`."""

    help = "Measures Arriwa with real processes; prints lines `name value unit`. The database must be empty."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which parts, and how long."""
        parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help=f"which of {', '.join(PARTS)}")
        parser.add_argument("--seconds", type=float, help="length of ingest (10) and of each reply run (20)")
        parser.add_argument("--conversations", type=int, default=500, help="of the reply runs")
        parser.add_argument("--messages", type=int, default=2000, help="of one relay round")
        parser.add_argument("--short", action="store_true", help="everything once and briefly")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measures. Raises CommandError when the server may lose data or the database is not empty."""
        from arriwa.bench import birth, claim, common, ingest, organizations, relay, reply

        if common.PORTS not in os.environ:
            # Settings are read once: start again with addresses that all processes share.
            os.execve(sys.executable, [sys.executable, *sys.argv], common.environment())
        self._check_database(common)
        call_command("migrate_organizations", verbosity=0)
        short, parts = options["short"], options["parts"] or PARTS
        seconds = options["seconds"]
        people, messages = options["conversations"], options["messages"]
        with common.stage() as stage:
            if "claim" in parts:
                claim.measure(repetitions=20 if short else 100)
            if "ingest" in parts:
                ingest.measure(stage, seconds=seconds or (3 if short else 10))
                stage.stop("web")
            if "relay" in parts:
                relay.measure(stage, messages=messages // 4 if short else messages, rounds=1 if short else 3)
            if "reply" in parts:
                reply.measure(
                    stage,
                    seconds=seconds or (5 if short else 20),
                    conversations=people // 5 if short else people,
                )
            # Last, for it begins with removing all organizations; births come on top of the many.
            if "organizations" in parts:
                organizations.measure(stage, requests=200 if short else 1000)
            if "birth" in parts:
                birth.measure(stage, births=5 if short else 20, migrations=1 if short else 5)

    def _check_database(self, common: Any) -> None:
        names = ("fsync", "synchronous_commit", "full_page_writes")
        off = [name for name in names if common.execute(f"SHOW {name}")[0][0] != "on"]
        if off:
            raise CommandError(
                f"{', '.join(off)} must be on: figures of a server that may lose data mislead."
            )
        if common.execute("SELECT to_regclass('public.tenants_organization')")[0][0] is not None:
            rows = common.execute("SELECT count(*) FROM public.tenants_organization")
            if rows[0][0]:
                raise CommandError("The database holds organizations; the bench wants an empty one.")
