"""The schema of this thread's connection, as django-tenants keeps it (typed, for it ships no types)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections

_connection = cast(Any, connection)


def current_schema() -> str:
    """The schema whose tables this thread's queries see beside the public ones."""
    return str(_connection.schema_name)


def enter_public() -> None:
    """Leaves any organization: only the public tables are seen."""
    _connection.set_schema_to_public()


def enter_tenant(tenant: object) -> None:
    """Enters an organization's schema until another call leaves it."""
    _connection.set_tenant(tenant)


def leave_connection() -> None:
    """Gives this thread a new connection, whatever state the old one is in.

    A migration that fails in its deferred statements leaves Django's wrapper inside a transaction that
    nobody ends; every query after it would fail.
    """
    left = connections[DEFAULT_DB_ALIAS]
    with suppress(Error):
        if left.connection is not None:
            left.connection.close()
    del connections[DEFAULT_DB_ALIAS]
