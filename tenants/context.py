"""Which organization this code works for. A query without one fails loudly: the tables are not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django_tenants.utils import schema_context

from arriwa.common.errors import ArriwaError
from arriwa.common.schema import current_schema
from tenants.models import Organization


class NoOrganization(ArriwaError):
    """No organization is chosen; enter one with `in_organization` before touching its data."""


_ids: dict[str, UUID] = {}


def organization_id_of(schema_name: str) -> UUID:
    """The organization that owns the schema; cached, for neither ever changes.

    Raises NoOrganization for the public schema or an unknown one.
    """
    found = _ids.get(schema_name)
    if found is None:
        found = Organization.objects.filter(schema_name=schema_name).values_list("id", flat=True).first()
        if found is None:
            raise NoOrganization()
        _ids[schema_name] = found
    return found


def current_organization_id() -> UUID:
    """The organization whose schema this thread's connection is in. Raises NoOrganization."""
    return organization_id_of(current_schema())


@contextmanager
def in_organization(schema_name: str) -> Iterator[UUID]:
    """Runs the block in the organization's schema; yields its id. Raises NoOrganization."""
    organization = organization_id_of(schema_name)
    with schema_context(schema_name):
        yield organization
