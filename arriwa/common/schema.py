"""The schema of this thread's connection, as django-tenants keeps it (typed, for it ships no types)."""

from __future__ import annotations

from typing import Any, cast

from django.db import connection

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
