"""Making connections: the account, its secrets, and the route of its hooks (T2)."""

from __future__ import annotations

import secrets as random
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django_tenants.utils import schema_context

from arriwa.common.schema import enter_public
from arriwa.outbox.finish import connection_resume as tasks_resume
from arriwa.outbox.models import OutboxTask, TaskState
from integrations.base.assets import default_route_fill
from integrations.base.deliveries import connections_forget
from integrations.models import Connection
from tenants.audit import Actor, audit_record
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
    # Two clicks at once make one connection.
    Workspace.objects.select_for_update(no_key=True).get(id=workspace.id)
    connection = Connection.objects.filter(
        workspace=workspace, platform=platform, account=account
    ).first() or Connection(workspace=workspace, platform=platform, account=account)
    connection.config = {**connection.config, **config}
    connection.set_secrets(secrets)
    connection.state = Connection.State.ACTIVE
    connection.state_reason = ""
    connection.paused_by = None
    if connection.removed_at is not None:
        connection.removed_at = None
        HookRoute.objects.filter(connection_uuid=connection.id).update(active=True)
    connection.save()
    tasks_resume(connection=connection.id)
    default_route_fill(workspace)
    transaction.on_commit(connections_forget)
    return connection


@transaction.atomic
def connection_pause(*, connection: Connection, actor: Actor, reason: str = "") -> None:
    """A person stops the connection: its work waits until `connection_resume`. Repeated, it changes nothing.

    The sibling in `effects` is for a credential that no longer works.
    """
    row = Connection.objects.select_for_update().get(id=connection.id)
    if row.state != Connection.State.PAUSED or row.paused_by is None:
        row.state, row.paused_by = Connection.State.PAUSED, actor.id
        row.state_reason = reason[:300]
        row.save(update_fields=["state", "state_reason", "paused_by"])
        _written("connection.paused", row, actor, reason=reason[:300])
    _taken_over(connection, row)


@transaction.atomic
def connection_resume(*, connection: Connection, actor: Actor) -> None:
    """Lets a paused connection work on, with what waited meanwhile. Repeated, it changes nothing."""
    row = Connection.objects.select_for_update().get(id=connection.id)
    if row.state == Connection.State.PAUSED:
        row.state, row.state_reason, row.paused_by = Connection.State.ACTIVE, "", None
        row.save(update_fields=["state", "state_reason", "paused_by"])
        _written("connection.resumed", row, actor)
    tasks_resume(connection=row.id)
    _taken_over(connection, row)


@transaction.atomic
def connection_reconnect(
    *,
    connection: Connection,
    secrets: dict[str, Any],
    actor: Actor,
    config: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
) -> Connection:
    """Puts new secrets in for the same account and lets the connection work on; its mappings stay.

    Check afterwards that they work (`checks.connection_check`).
    """
    row = Connection.objects.select_for_update().get(id=connection.id)
    row.set_secrets({**row.secrets(), **secrets})
    row.config = {**row.config, **(config or {})}
    row.expires_at = expires_at
    row.state, row.state_reason, row.paused_by = Connection.State.ACTIVE, "", None
    row.save(update_fields=["secrets_sealed", "config", "expires_at", "state", "state_reason", "paused_by"])
    tasks_resume(connection=row.id)
    _written("connection.reconnected", row, actor)
    _taken_over(connection, row)
    return connection


def _written(action: str, row: Connection, actor: Actor, **details: Any) -> None:
    subject = f"{row.platform} {row.name or row.account}"
    audit_record(actor=actor, action=action, subject=subject, workspace=row.workspace, details=details)


def _taken_over(connection: Connection, row: Connection) -> None:
    """The caller's copy shows what was written."""
    names = ("config", "secrets_sealed", "state", "state_reason", "paused_by", "expires_at")
    for name in names:
        setattr(connection, name, getattr(row, name))
    transaction.on_commit(connections_forget)


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
                freed += tasks_resume(connection=connection)
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
