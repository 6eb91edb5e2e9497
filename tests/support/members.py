"""An organization of its own for tests of who belongs to it, and people signed in to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

ROLES = ("owner", "admin", "manager", "analyst")


@dataclass(frozen=True)
class Club:
    """An organization whose members a test chooses; nobody else's rows are touched."""

    organization: Any

    @property
    def schema(self) -> str:
        return str(self.organization.schema_name)

    def member(self, role: str, name: str = "") -> Any:
        """A new person with this role."""
        return join(self.organization, role, name)

    def audit(self) -> list[tuple[str, str]]:
        """(action, subject) of the log, oldest first."""
        from tenants.context import in_organization
        from tenants.workspaces.models import AuditEntry

        with in_organization(self.schema):
            return list(AuditEntry.objects.order_by("at").values_list("action", "subject"))


def person(name: str = "", **fields: Any) -> Any:
    """A new user, who came by Facebook: without a password."""
    from tenants.models import User

    connection.set_schema_to_public()
    key = uuid4().hex[:12]
    user = User(username=f"fb_{key}", first_name=name or f"Person {key[:4]}", **fields)
    user.set_unusable_password()
    user.save()
    return user


def staff(password: str, **fields: Any) -> Any:
    """A member of staff with this password."""
    user = person("Staff", is_staff=True, is_superuser=True, **fields)
    user.set_password(password)
    user.save()
    return user


def join(organization: Any, role: str, name: str = "") -> Any:
    """A new person in the organization; `.membership` is theirs."""
    from tenants.models import Membership

    user = person(name)
    user.membership = Membership.objects.create(user=user, organization=organization, role=role)
    return user


def signed_in(user: Any, **kwargs: Any) -> Client:
    """A browser in which the person is signed in."""
    connection.set_schema_to_public()
    client = Client(**kwargs)
    backend = "StaffPasswords" if user.is_staff else "FacebookSessions"
    client.force_login(user, backend=f"tenants.signin.backends.{backend}")
    return client


@pytest.fixture(scope="session")
def club_organization(database: None) -> Any:
    """Made once; its members come and go."""
    from tenants.services import organization_create

    return organization_create(name="Club", page_id="page-club")


@pytest.fixture
def club(club_organization: Any) -> Iterator[Club]:
    """The organization with nobody in it and nothing in its log."""
    empty(club_organization)
    yield Club(club_organization)
    empty(club_organization)


def empty(organization: Any) -> None:
    """Back to how it was made."""
    from tenants.context import in_organization
    from tenants.models import ApiToken, Invitation, JoinRequest, Membership
    from tenants.workspaces.models import AuditEntry, Workspace

    connection.set_schema_to_public()
    for model in (Membership, ApiToken, Invitation, JoinRequest):
        model.objects.filter(organization=organization).delete()
    with in_organization(organization.schema_name):
        AuditEntry.objects.all().delete()
        Workspace.objects.all().delete()
