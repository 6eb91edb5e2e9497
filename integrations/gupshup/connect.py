"""Connecting a WhatsApp number through Gupshup (T2)."""

from __future__ import annotations

from typing import Any

from integrations.base.connect import connection_save, hook_url, route_for
from integrations.base.urls import platform_url
from integrations.gupshup import HOOK_HEADER, MESSAGE_MODES
from integrations.gupshup.client import GupshupClient
from integrations.gupshup.config import GupshupSettings
from integrations.models import Connection
from tenants.models import Organization
from tenants.services import hook_route_secrets
from tenants.workspaces.models import Workspace

TAG = "arriwa-v3"


def gupshup_connect(
    *, organization: Organization, workspace: Workspace, config: dict[str, Any], token: str
) -> Connection:
    """Stores the app and makes Gupshup call our route; an older subscription of ours is replaced.

    Raises the errors of `GupshupClient`.
    """
    connection = connection_save(
        workspace=workspace,
        platform="gupshup",
        account=config["app_id"],
        config=config,
        secrets={"token": token},
    )
    route = route_for(organization=organization, connection=connection)
    client = GupshupClient(
        base_url=platform_url("gupshup"),
        settings=GupshupSettings.from_connection(connection.config, {"token": token}),
    )
    for subscription in client.subscription_list():
        if subscription.tag == TAG:
            client.subscription_delete(subscription.id)
    client.subscription_create(
        url=hook_url(route),
        tag=TAG,
        modes=MESSAGE_MODES,
        headers={HOOK_HEADER: hook_route_secrets(route)[0]},
    )
    return connection
