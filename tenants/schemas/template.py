"""The template that organizations' schemas are made from (design, decision 10).

It is read once from a schema migrated from zero and kept in the public schema under the fingerprint of the
code's migrations: other migrations, another template. Making a schema from it is one batch of statements in
the caller's transaction, so a schema is whole or not there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
from django.core.management import call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction

from arriwa.common.errors import ArriwaError
from arriwa.common.schema import enter_public, leave_connection
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.session import direct_connection
from tenants.models import SchemaTemplate
from tenants.schemas.catalog import MIGRATIONS, schema_statements
from tenants.schemas.migrations import fingerprint

logger = logging.getLogger(__name__)

#: The schema that is migrated from zero; it is there only while a template is made.
SCRATCH = "arriwa_template"
#: Key of the advisory lock under which a template is made.
LOCK = 0x4157_0003
#: Templates of other code are kept for so long: old and new processes may run side by side.
KEEP = timedelta(days=30)
#: How the server says that a schema is there; the second where another session has just made it.
TAKEN = (psycopg.errors.DuplicateSchema, psycopg.errors.UniqueViolation)


class SchemaTaken(ArriwaError):
    """The schema is there already, and no organization owns it; restore that one or drop the schema."""


def template_current() -> SchemaTemplate:
    """The template for the code that runs now; makes it (seconds) when this code has none yet.

    Raises TemplateIncomplete; TransactionManagementError when it has to be made inside a transaction, for
    migrations commit.
    """
    enter_public()
    key = fingerprint()
    found = SchemaTemplate.objects.filter(fingerprint=key).first()
    if found is not None:
        return found
    if connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "The template of organizations has to be made first: run manage.py migrate_organizations."
        )
    with _alone():
        # Another process may have made it while we waited.
        found = SchemaTemplate.objects.filter(fingerprint=key).first()
        return found if found is not None else _template_make(key)


def schema_create(*, template: SchemaTemplate, schema_name: str) -> None:
    """Makes the schema with all its tables. Must run in a transaction; nobody sees it before the commit.

    The search path is as before afterwards. Raises SchemaTaken, TransactionManagementError.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A schema is made in a transaction or not at all.")
    schema = connection.ops.quote_name(schema_name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('search_path')")
        path = cursor.fetchone()[0]
        try:
            # Its own savepoint: the caller may want to say why.
            with transaction.atomic():
                cursor.execute(f"CREATE SCHEMA {schema}")
        except (ProgrammingError, IntegrityError) as error:
            if isinstance(error.__cause__, TAKEN):
                raise SchemaTaken(schema_name=schema_name) from error
            raise
        cursor.execute(f"SET LOCAL search_path = {schema}; {template.statements}")
        cursor.execute(
            f"INSERT INTO {schema}.{MIGRATIONS} (app, name, applied)"
            " SELECT app, name, %s FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS v (app, name, n)"
            " ORDER BY n",
            (real_now(), *map(list, zip(*template.migrations, strict=True))),
        )
        cursor.execute("SELECT set_config('search_path', %s, true)", (path,))


def schema_drop(schema_name: str) -> None:
    """Removes a schema that no organization owns, with all that is in it; none there is fine."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {connection.ops.quote_name(schema_name)} CASCADE")


@contextmanager
def _alone() -> Iterator[None]:
    """Only one process in the block. By a connection of its own: migrations close Django's."""
    with direct_connection(application_name="arriwa template") as session:
        session.execute("SELECT pg_advisory_lock(%s, 0)", (LOCK,))
        yield


def _template_make(key: str) -> SchemaTemplate:
    logger.info("making the template of organizations for %s", key[:12])
    # A predecessor may have been killed.
    schema_drop(SCRATCH)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {SCRATCH}")
    try:
        _migrate_scratch()
        enter_public()
        with transaction.atomic():
            statements = schema_statements(SCRATCH)
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT app, name FROM {SCRATCH}.{MIGRATIONS} ORDER BY id")
                migrations = [list(row) for row in cursor.fetchall()]
        made = SchemaTemplate.objects.create(
            fingerprint=key, statements="; ".join(statements), migrations=migrations, made_at=real_now()
        )
        SchemaTemplate.objects.filter(made_at__lt=real_now() - KEEP).exclude(fingerprint=key).delete()
    finally:
        enter_public()
        schema_drop(SCRATCH)
    return made


def _migrate_scratch() -> None:
    try:
        call_command("migrate_schemas", schema_name=SCRATCH, interactive=False, verbosity=0)
    except BaseException:
        leave_connection()
        raise
