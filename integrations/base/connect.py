"""Making connections: the account, its secrets, and the route of its hooks (T2)."""

from __future__ import annotations

import secrets as random
from typing import Any

from django.conf import settings
from django.db import transaction
from django_tenants.utils import schema_context

from arriwa.common.schema import enter_public
from arriwa.outbox.finish import connection_resume
from arriwa.outbox.models import OutboxTask, TaskState
from integrations.base.deliveries import connections_forget
from integrations.models import Connection
from tenants.models import HookRoute, Organization
from tenants.services import hook_route_create
from tenants.workspaces.models import Workspace


@transaction.atomic
def connection_save(
    *,
    workspace: Workspace,
    platform: str,
    account: str,
    config: dict[str, Any],
    secrets: dict[str, Any],
) -> Connection:
    """Makes or updates the workspace's connection to an account; a paused one becomes active and works on."""
    connection = Connection.objects.filter(
        workspace=workspace, platform=platform, account=account
    ).first() or Connection(workspace=workspace, platform=platform, account=account)
    connection.config = {**connection.config, **config}
    connection.set_secrets(secrets)
    connection.state = Connection.State.ACTIVE
    connection.state_reason = ""
    connection.save()
    connection_resume(connection=connection.id)
    transaction.on_commit(connections_forget)
    return connection


def held_release() -> int:
    """Frees tasks that were held in the very moment in which their connection was resumed.

    Returns how many. Beat's sweep calls it: a hold and a resume may cross.
    """
    freed = 0
    enter_public()
    held = OutboxTask.objects.filter(state=TaskState.HELD).values_list("schema_name", "connection")
    for schema_name, connection in set(held):
        with schema_context(schema_name):
            if Connection.objects.filter(id=connection, state=Connection.State.ACTIVE).exists():
                freed += connection_resume(connection=connection)
    return freed


def route_for(*, organization: Organization, connection: Connection) -> HookRoute:
    """The connection's hook route with a random secret of its own."""
    return hook_route_create(
        organization=organization,
        platform=connection.platform,
        workspace_uuid=connection.workspace_id,
        connection_uuid=connection.id,
        verification_secrets=[random.token_urlsafe(32)],
    )


def hook_url(route: HookRoute) -> str:
    """The absolute URL that a platform is told to call."""
    return f"{settings.PUBLIC_URL}/hooks/{route.platform}/{route.key}/"
