"""The test database: migrated once in a run, then copied for each process that wants one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

#: Migrated, with the schemas of both organizations; its comment names the run that it belongs to.
TEMPLATE = "test_arriwa_template"
#: Key of the advisory lock under which the template is made and copied.
LOCK = 0x4157_7E57
#: The pages behind the two organizations of sandbox/accounts.json.
PAGES = {"demo": "page-demo", "other": "page-other"}


@contextmanager
def copied(name: str) -> Iterator[str]:
    """A database of this name for the block, copied from the template; yields its URL."""
    with _server() as server:
        _drop(server, name)
        with _locked(server):
            if _belongs_to(server) != os.environ["TEST_RUN"]:
                _make_template(server)
            server.execute(_named("CREATE DATABASE {} TEMPLATE {}", name, TEMPLATE))
    try:
        yield urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    finally:
        with _server() as server:
            _drop(server, name)


@contextmanager
def entered(name: str) -> Iterator[None]:
    """Django's default database is the one of this name."""
    before = settings.DATABASES["default"]["NAME"]
    _enter(name)
    try:
        yield
    finally:
        _enter(before)


def drop_template() -> None:
    """At the end of the run that made it."""
    with _server() as server, _locked(server):
        if _belongs_to(server) == os.environ["TEST_RUN"]:
            _drop(server, TEMPLATE)


def _make_template(server: psycopg.Connection[Any]) -> None:
    """Under a name of its own until it is whole."""
    from tenants.services import organization_create

    draft = f"{TEMPLATE}_draft"
    _drop(server, TEMPLATE)
    before = settings.DATABASES["default"]["NAME"]
    connection.settings_dict.setdefault("TEST", {})["NAME"] = draft
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        for name, page in PAGES.items():
            organization_create(name=name, page_id=page)
    finally:
        _enter(before)
    server.execute(_named("ALTER DATABASE {} RENAME TO {}", draft, TEMPLATE))
    server.execute(_named("COMMENT ON DATABASE {} IS ", TEMPLATE) + sql.Literal(os.environ["TEST_RUN"]))


def _enter(name: str) -> None:
    connection.close()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def _server() -> psycopg.Connection[Any]:
    """The database that the run was given; nothing is written into it."""
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


@contextmanager
def _locked(server: psycopg.Connection[Any]) -> Iterator[None]:
    server.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    try:
        yield
    finally:
        server.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


def _belongs_to(server: psycopg.Connection[Any]) -> str:
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    row = server.execute(query, (TEMPLATE,)).fetchone()
    return str(row[0]) if row else ""


def _drop(server: psycopg.Connection[Any], name: str) -> None:
    server.execute(_named("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))


def _named(statement: str, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, names))  # type: ignore[arg-type]
