"""Connecting a tenant's own Stripe account by a restricted key (reference B5)."""

from __future__ import annotations

from typing import Any

from integrations.base.connect import connection_save, hook_url, route_for
from integrations.base.urls import platform_url
from integrations.models import Connection
from integrations.stripe import EVENTS
from integrations.stripe.client import StripeClient
from integrations.stripe.config import StripeSettings
from tenants.models import Organization
from tenants.services import hook_route_secrets, hook_route_set_secrets
from tenants.workspaces.models import Workspace


def stripe_connect(*, organization: Organization, workspace: Workspace, account: str, key: str) -> Connection:
    """Stores the key and makes an endpoint that calls our route; its secret is kept sealed.

    Raises the errors of `StripeClient`.
    """
    secrets: dict[str, Any] = {"key": key, "webhook_secret": ""}
    connection = connection_save(
        workspace=workspace, platform="stripe", account=account, config={}, secrets=secrets
    )
    route = route_for(organization=organization, connection=connection)
    client = StripeClient(
        base_url=platform_url("stripe"),
        settings=StripeSettings.from_connection(connection.config, secrets),
    )
    endpoint = client.create_webhook_endpoint(hook_url(route), EVENTS)
    previous = hook_route_secrets(route)[:1]
    hook_route_set_secrets(route=route, verification_secrets=[endpoint.secret, *previous])
    return connection
