"""How far organizations' schemas are migrated, against the code that runs now."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from arriwa.common.schema import enter_public
from tenants.schemas.catalog import MIGRATIONS

#: Changes with what a stored template holds and how it is run.
FORMAT = 1
#: Schemas that one statement reads.
CHUNK = 200

Migration = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What a schema lacks. `missing` is None where there is no schema, or one that no migration has seen."""

    schema_name: str
    missing: tuple[Migration, ...] | None

    @property
    def current(self) -> bool:
        """Whether the code that runs now finds what it needs."""
        return self.missing == ()


@lru_cache(maxsize=1)
def _loader() -> MigrationLoader:
    """The migrations on disk. A process's code does not change."""
    return MigrationLoader(None, ignore_no_migrations=True)


@lru_cache(maxsize=1)
def migrations_known() -> frozenset[Migration]:
    """All that a whole schema has recorded: the public apps' migrations too, which did nothing in it."""
    return frozenset((str(app), str(name)) for app, name in _loader().graph.nodes)


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Names this code's organizations: another one means another template (hex SHA-256).

    It covers the names of all migrations and the text of those that make tables of organizations, so that
    one edited before its release counts as well.
    """
    digest = hashlib.sha256(f"{FORMAT} {django.VERSION[:2]}".encode())
    labels = {config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS}
    for app, name in sorted(migrations_known()):
        digest.update(f"\0{app}.{name}\0".encode())
        file = sys.modules[_loader().graph.nodes[app, name].__module__].__file__
        if app in labels and file is not None:
            digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def schema_state(schema_name: str) -> SchemaState:
    """What one schema lacks, whether or not an organization owns it."""
    return _states([schema_name])[0]


def organizations_state() -> list[SchemaState]:
    """What each organization's schema lacks, oldest organization first: two statements for 200 of them."""
    enter_public()
    with connection.cursor() as cursor:
        cursor.execute("SELECT schema_name FROM public.tenants_organization ORDER BY created_at, id")
        names = [name for (name,) in cursor.fetchall()]
    return [state for n in range(0, len(names), CHUNK) for state in _states(names[n : n + CHUNK])]


def _states(names: Sequence[str]) -> list[SchemaState]:
    recorded: dict[str, set[Migration]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c"
            " ON c.relnamespace = n.oid AND c.relname = %s WHERE n.nspname = ANY(%s)",
            (MIGRATIONS, list(names)),
        )
        there = [name for (name,) in cursor.fetchall()]
        if there:
            each = "SELECT {0}, ARRAY(SELECT ARRAY[app, name] FROM {1}.{2})"
            quote = connection.ops.quote_name
            cursor.execute(
                " UNION ALL ".join(each.format("%s", quote(name), MIGRATIONS) for name in there), there
            )
            recorded = {name: {(app, of) for app, of in rows} for name, rows in cursor.fetchall()}
    return [
        SchemaState(name, tuple(sorted(migrations_known() - recorded[name])) if name in recorded else None)
        for name in names
    ]
