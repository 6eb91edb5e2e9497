"""`manage.py migrate_organizations`: brings the public schema and all organizations up to date."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from arriwa.migrating import Limits, Outcome, organizations_migrate, serve
from arriwa.outbox.session import direct_connection
from tenants.schemas.migrations import SchemaState, organizations_state
from tenants.schemas.template import template_current

#: Key of the advisory lock: one such command at a time.
LOCK = 0x4157_0006
LOST = "its schema is not there: restore it from a backup"


class Command(BaseCommand):
    """See `arriwa.migrating`."""

    help = (
        "Migrates the public schema and those of all organizations that are behind, several at once, and"
        " makes the template of new ones. Safe to run again: it does what is left. Exit status 1 when"
        " organizations could not be migrated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """How many at once, and how patiently."""
        parser.add_argument(
            "--jobs", type=int, default=min(4, os.cpu_count() or 1), help="processes (a core each, at most 4)"
        )
        parser.add_argument("--lock-timeout", type=float, default=5.0, help="seconds to wait for a lock (5)")
        parser.add_argument("--timeout", type=float, default=300.0, help="seconds for one organization (300)")
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing; exit status 1 when some are behind",
        )
        parser.add_argument("--worker", action="store_true", help="used by the command itself")

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrates. Raises CommandError with the organizations that could not be."""
        limits = Limits(lock=options["lock_timeout"], organization=options["timeout"])
        if options["worker"]:
            serve(limits)
        elif options["check"]:
            self._check()
        else:
            if options["jobs"] < 1:
                raise CommandError("--jobs must be at least 1.")
            with _alone():
                call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
                template_current()
                self._migrate(options["jobs"], limits, loud=options["verbosity"] > 0)

    def _check(self) -> None:
        states = organizations_state()
        behind = [state for state in states if not state.current]
        for state in behind:
            self.stdout.write(f"{state.schema_name}: {_lacks(state)}")
        if behind:
            raise CommandError(f"{len(behind)} of {len(states)} organizations are behind.")
        self.stdout.write(f"{len(states)} organizations are up to date.")

    def _migrate(self, jobs: int, limits: Limits, *, loud: bool) -> None:
        """Round after round, for organizations may be born meanwhile by processes of the old code."""
        failed: dict[str, str] = {}
        done: set[str] = set()
        begin = time.monotonic()
        while True:
            states = organizations_state()
            behind = [s for s in states if not s.current and s.schema_name not in failed]
            failed |= {s.schema_name: LOST for s in behind if s.missing is None}
            failed |= {s.schema_name: "is still behind" for s in behind if s.schema_name in done}
            names = [s.schema_name for s in behind if s.schema_name not in failed]
            if not names:
                break
            for number, outcome in enumerate(_outcomes(names, jobs, limits), 1):
                if outcome.error:
                    failed[outcome.schema_name] = outcome.error
                else:
                    done.add(outcome.schema_name)
                if loud:
                    said = outcome.error or f"{outcome.seconds:.1f} s"
                    self.stdout.write(f"[{number}/{len(names)}] {outcome.schema_name}: {said}")
        done -= set(failed)
        if loud:
            fresh, took = len(states) - len(done) - len(failed), time.monotonic() - begin
            counts = f"{fresh} were up to date, {len(done)} migrated, {len(failed)} failed"
            self.stdout.write(f"Organizations: {counts}; {took:.1f} s.")
        if failed:
            said = "\n".join(f"  {name}: {error}" for name, error in failed.items())
            raise CommandError(f"{len(failed)} organizations were not migrated; run it again:\n{said}")


def _lacks(state: SchemaState) -> str:
    if state.missing is None:
        return LOST
    return f"lacks {', '.join(f'{app}.{name}' for app, name in state.missing)}"


def _outcomes(names: list[str], jobs: int, limits: Limits) -> Iterator[Outcome]:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate_organizations", "--worker"]
    command += ["--lock-timeout", str(limits.lock), "--timeout", str(limits.organization)]
    return organizations_migrate(names, jobs=jobs, limits=limits, command=command)


@contextmanager
def _alone() -> Iterator[None]:
    """Raises CommandError when another process is at it."""
    with direct_connection(application_name="arriwa migrate") as session:
        row = session.execute("SELECT pg_try_advisory_lock(%s, 0)", (LOCK,)).fetchone()
        if not (row and row[0]):
            raise CommandError("Another migrate_organizations is running: wait for its end.")
        yield
