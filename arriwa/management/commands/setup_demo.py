"""`manage.py setup_demo`: migrates and connects the demo organization to the platforms' addresses."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from arriwa.provision import provision
from arriwa.schedule import schedule_install
from tenants.models import Role
from tenants.services import api_token_create
from tenants.staff import staff_create

ACCOUNTS = settings.BASE_DIR / "sandbox" / "accounts.json"


class Command(BaseCommand):
    """See `arriwa.provision`."""

    help = "Migrates, makes the demo organization, connects it; safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the accounts and the platforms are."""
        parser.add_argument("--accounts", default=str(ACCOUNTS), help="file with the accounts")
        parser.add_argument("--sandbox-url", help="where the platforms are (the environment says it too)")
        parser.add_argument("--web-url", help="where hooks are to come in (the environment says it too)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints `{"api_token", "organization"}` as the last line."""
        call_command("migrate_organizations", verbosity=0)
        schedule_install()
        call_command("collectstatic", interactive=False, verbosity=0)
        accounts = json.loads(Path(options["accounts"]).read_text())
        made = {
            name: provision(name=f"Arriwa {name}", page_id=f"page-{name}", accounts=accounts[name])
            for name in ("demo", "other")
        }
        token = api_token_create(
            organization=made["demo"].organization,
            name="demo",
            role=Role.OWNER,
            token=os.environ.get("ARRIWA_DEMO_API_TOKEN", ""),
        )
        password = os.environ.get("ARRIWA_DEMO_STAFF_PASSWORD", "")
        if password:
            staff_create(username="staff", email="staff@arriwa.example", password=password)
        organization = str(made["demo"].organization.id)
        self.stdout.write(json.dumps({"api_token": token, "organization": organization}))
