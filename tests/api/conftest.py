"""Fixtures of the edges: the receiver without a server, the API with a token."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from integrations.models import Connection
from integrations.receipts.receiver import Receiver
from tenants.context import in_organization
from tenants.services import api_token_create, hook_route_create, workspace_create
from tenants.workspaces.models import Workspace
from tests.support.chatflows import Browser, ready
from tests.support.members import club, club_organization  # noqa: F401
from tests.support.receiver import nothing_else


@pytest.fixture(scope="module")
def receiver(database: None) -> Iterator[Receiver]:
    """A receiver of this module's own, with nothing cached from elsewhere."""
    made = Receiver(nothing_else)
    yield made
    made.close()


@pytest.fixture
def new_route(demo: Any) -> Iterator[Callable[..., Any]]:
    """Makes a route with secrets of the test's choice; no connection stands behind it."""
    made: list[Any] = []

    def make(platform: str, *secrets: str) -> Any:
        connection.set_schema_to_public()
        made.append(
            hook_route_create(
                organization=demo.organization,
                platform=platform,
                workspace_uuid=demo.workspace.id,
                connection_uuid=uuid.uuid4(),
                verification_secrets=secrets or ("current",),
            )
        )
        return made[-1]

    yield make
    connection.set_schema_to_public()
    for route in made:
        route.delete()


@pytest.fixture(scope="session")
def tokens(organizations: Any) -> dict[str, str]:
    """An API token of each organization."""
    connection.set_schema_to_public()
    return {
        name: api_token_create(organization=getattr(organizations, name).organization, name="tests")
        for name in ("demo", "other")
    }


@pytest.fixture
def api(demo: Any, tokens: dict[str, str]) -> Callable[..., Any]:
    """`api("subscribers/", page=2)`: a GET with the first organization's token, or with `token=`."""

    def get(path: str, *, token: str | None = tokens["demo"], **params: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Client().get(f"/api/v1/{path}", params, headers=headers)

    return get


@pytest.fixture
def workspace(demo: Any) -> Iterator[Workspace]:
    """An open workspace without a playbook; the organization's schema is entered for the test's own looks."""
    made = workspace_create(organization=demo.organization, name="fresh", business_id=f"bm-{uuid.uuid4()}")
    with in_organization(demo.organization.schema_name):
        ready(demo.organization, made, demo.workspace)
    yield made
    with in_organization(demo.organization.schema_name):
        Connection.objects.filter(workspace=made).delete()


@pytest.fixture
def browser(demo: Any, workspace: Workspace) -> Callable[..., Browser]:
    return lambda role="owner": Browser(demo.organization, workspace, role)


@pytest.fixture
def inside(demo: Any) -> Callable[[], Any]:
    return lambda: in_organization(demo.organization.schema_name)
