"""`manage.py migrate_organizations`: those behind are migrated side by side, those that fail are named."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from tenants.models import SchemaTemplate
from tenants.schemas.migrations import organizations_state, schema_state
from tenants.schemas.template import template_current
from tenants.services import organization_create
from tests.support.catalog import catalog
from tests.support.database import copied, entered
from tests.support.sandbox import ROOT

pytestmark = [pytest.mark.usefixtures("world"), pytest.mark.timeout(300)]


@dataclass(frozen=True)
class World:
    """A database of this file's own, for the command sees to every organization in it."""

    url: str

    def migrate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the command as an operator does."""
        connection.close()
        return subprocess.run(
            [sys.executable, "manage.py", "migrate_organizations", *arguments],
            env={**os.environ, "DATABASE_URL": self.url},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=200,
        )


@pytest.fixture(scope="module")
def world(django_test_environment: None, django_db_blocker: Any) -> Iterator[World]:
    name = f"test_arriwa_migrating_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with django_db_blocker.unblock(), copied(name) as url, entered(name):
        connection.set_schema_to_public()
        yield World(url)
        connection.set_schema_to_public()


def execute(statement: str) -> None:
    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def behind() -> str:
    """An organization that lacks the latest migrations of one app, and those that build on them."""
    schema = str(organization_create(name="behind").schema_name)
    call_command("migrate_schemas", "workspaces", "0001", schema_name=schema, verbosity=0)
    connection.set_schema_to_public()
    assert not schema_state(schema).current
    return schema


@pytest.fixture
def broken() -> Iterator[str]:
    """One whose migration fails: it would make tables that are there."""
    organization = organization_create(name="broken")
    execute(f"DELETE FROM {organization.schema_name}.django_migrations WHERE app = 'analytics'")
    yield str(organization.schema_name)
    connection.set_schema_to_public()
    organization.delete()


@pytest.fixture
def lost() -> Iterator[str]:
    """One whose schema is gone."""
    organization = organization_create(name="lost")
    execute(f'DROP SCHEMA "{organization.schema_name}" CASCADE')
    yield str(organization.schema_name)
    connection.set_schema_to_public()
    organization.delete()


def test_those_behind_are_migrated_and_whoever_fails_is_named_and_stops_no_other(
    world: World, behind: str, broken: str, lost: str
) -> None:
    SchemaTemplate.objects.all().delete()
    with psycopg.connect(world.url) as holder:
        holder.execute(f"LOCK TABLE {behind}.workspaces_workspace")
        held = world.migrate("--jobs", "1", "--lock-timeout", "0.2")
        checked = world.migrate("--check")
    assert held.returncode == 1 and "3 organizations were not migrated; run it again:" in held.stderr
    assert f"  {behind}: OperationalError: canceling statement due to lock timeout" in held.stderr
    assert f"  {broken}: ProgrammingError: relation " in held.stderr and "already exists" in held.stderr
    assert f"  {lost}: its schema is not there" in held.stderr
    assert checked.returncode == 1 and f"{behind}: lacks " in checked.stdout
    # Births find their template at once, whatever has failed.
    assert SchemaTemplate.objects.count() == 1

    again = world.migrate("--jobs", "2")
    assert again.returncode == 1 and behind not in again.stderr and broken in again.stderr
    assert "[2/2]" in again.stdout and f"{behind}: " in again.stdout
    assert "1 migrated, 2 failed" in again.stdout
    assert {s.schema_name for s in organizations_state() if not s.current} == {broken, lost}
    sound = str(organization_create(name="sound").schema_name)
    found, expected = catalog(behind), catalog(sound)
    for part in ("columns", "constraints", "indexes"):
        assert sorted(found[part], key=str) == sorted(expected[part], key=str)


def test_two_such_commands_do_not_run_at_once(world: World) -> None:
    from arriwa.management.commands.migrate_organizations import LOCK

    with psycopg.connect(world.url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, 0)", (LOCK,))
        done = world.migrate()
    assert done.returncode == 1 and "Another migrate_organizations is running" in done.stderr


def test_the_state_of_many_is_read_by_two_statements(world: World) -> None:
    from django.test.utils import CaptureQueriesContext

    template_current()
    with CaptureQueriesContext(connection) as queries:
        states = organizations_state()
    assert len(states) >= 2
    # One for their names, two for their states; the search path is set once.
    assert len([q for q in queries if not q["sql"].startswith("SET")]) == 3
