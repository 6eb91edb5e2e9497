"""Making connections: the account, its secrets, and the route of its hooks (T2)."""

from __future__ import annotations

import secrets as random
from typing import Any

from django.conf import settings
from django.db import transaction

from arriwa.outbox.finish import connection_resume
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
