"""Connecting a tenant's own Stripe account by a restricted key (reference B5)."""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from arriwa.common.schema import current_schema
from integrations.base.connect import connection_save, hook_url, route_for
from integrations.base.deliveries import connections_forget
from integrations.base.errors import ConfigurationError, CredentialRefused
from integrations.base.locks import platform_lock
from integrations.base.urls import platform_url
from integrations.base.withdrawal import register_withdrawal
from integrations.models import Connection
from integrations.stripe import API_VERSION, EVENTS
from integrations.stripe.client import Account, EndpointState, StripeClient
from integrations.stripe.config import StripeSettings
from tenants.audit import Actor, audit_record
from tenants.models import HookRoute, Organization
from tenants.services import hook_route_secrets, hook_route_set_secrets
from tenants.workspaces.models import Workspace

#: What the key must be able to make, with the words of Stripe's own page of restricted keys.
WRITES = {"payment_links": "Payment Links: Write", "webhook_endpoints": "Webhook Endpoints: Write"}
#: What errors of this package say to people as standing texts; pages translate them by their English words.
TEXTS = (
    gettext_noop("An unrestricted live key may do everything: make a restricted one (rk_live_…)."),
    gettext_noop("This is a publishable key, which can create nothing: put in the restricted one (rk_…)."),
)
#: In an endpoint's metadata: whose it is.
MARK = "arriwa_connection"

_NAMED = re.compile(r"on account '(acct_\w+)'")


def client_of(connection: Connection) -> StripeClient:
    """A client for a connection as just read. Raises ConfigurationError."""
    return _client(StripeSettings.from_connection(connection.config, connection.secrets()))


def _client(settings: StripeSettings) -> StripeClient:
    return StripeClient(base_url=platform_url("stripe"), settings=settings)


def stripe_connect(
    *,
    workspace: Workspace,
    key: str,
    account: str = "",
    organization: Organization | None = None,
    actor: Actor | None = None,
    name: str = "",
) -> Connection:
    """Connects the account that a restricted key opens and makes Stripe tell us of its payments.

    Again for the same account, it puts the new key in and finds the endpoint that is there. `account`: what
    the owner says it is; needed only when the key may not read its account. Calls Stripe, so no transaction
    may be open. Raises ConfigurationError for a key that is none, opens another account or lacks a permission
    (named in Stripe's words), and the errors of `StripeClient`.
    """
    settings = StripeSettings.from_connection({}, {"key": key})
    client = _client(settings)
    opened = _account(client, account)
    lacking = [words for resource, words in WRITES.items() if not client.may_write(resource)]
    if lacking:
        raise ConfigurationError(
            _("The key lacks permissions: %(permissions)s. Edit the key in Stripe and try again.")
            % {"permissions": ", ".join(lacking)},
            field="key",
        )
    connection = _save(workspace, settings, opened, actor or Actor.system(), name)
    stripe_endpoint_ensure(connection=connection, organization=organization)
    return connection


def _account(client: StripeClient, said: str) -> Account:
    try:
        account = client.account()
    except CredentialRefused as error:
        if error.status != 403:
            raise
        # Stripe names the account even to a key that may not read it.
        named = _NAMED.search(error.message)
        found = named.group(1) if named else said
        if not found:
            raise ConfigurationError(
                _("The key may not read its account: enter the account's id (acct_…) as well."),
                field="account",
            ) from error
        account = Account(found, "", "", charges_enabled=True)
    if said and said != account.id:
        told = _("This key opens the account %(found)s, not %(wanted)s.")
        raise ConfigurationError(told % {"found": account.id, "wanted": said}, field="account")
    return account


@transaction.atomic
def _save(
    workspace: Workspace, settings: StripeSettings, account: Account, actor: Actor, name: str
) -> Connection:
    known = Connection.objects.filter(workspace=workspace, platform="stripe", account=account.id).first()
    kept = known.secrets() if known else {}
    connection = connection_save(
        workspace=workspace,
        platform="stripe",
        account=account.id,
        config={"livemode": settings.livemode, "currency": account.default_currency},
        secrets={**kept, "key": settings.key},
    )
    connection.name = name or connection.name or account.name[:120]
    connection.save(update_fields=["name"])
    audit_record(
        actor=actor,
        action="connection.reconnected" if known else "connection.connected",
        subject=f"stripe {account.id}",
        workspace=workspace,
        details={"livemode": settings.livemode},
    )
    return connection


def stripe_endpoint_ensure(*, connection: Connection, organization: Organization | None = None) -> None:
    """Get-or-create of the endpoint that tells us of payments, switched on, for our events.

    Its secret is told only at its creation: an endpoint of ours whose secret we do not hold (a lost answer, a
    crash) is replaced. Calls Stripe; raises the errors of `StripeClient`.
    """
    organization = organization or Organization.objects.get(schema_name=current_schema())
    # A second click waits and finds the endpoint that the first one made.
    with platform_lock(connection.id):
        route = route_for(organization=organization, connection=connection)
        connection.refresh_from_db(fields=["config"])
        _endpoint_ensure(connection, route)


def _endpoint_ensure(connection: Connection, route: HookRoute) -> None:
    client, url = client_of(connection), hook_url(route)
    mine = [one for one in client.webhook_endpoints() if _is_ours(one, connection, url)]
    good = next((one for one in mine if _is_known(one, connection, url)), None)
    for one in mine:
        if one is not good:
            client.webhook_endpoint_delete(one.id)
    if good is None:
        made = client.create_webhook_endpoint(url, EVENTS, {MARK: str(connection.id)})
        _keep_secret(connection, route, made.id, made.secret)
    elif not good.enabled or good.events != frozenset(EVENTS):
        client.webhook_endpoint_update(good.id, EVENTS)


def stripe_withdraw(connection: Connection) -> None:
    """Stripe tells us of no more payments. Raises the errors of `StripeClient`."""
    client = client_of(connection)
    for endpoint in client.webhook_endpoints():
        known = endpoint.id == connection.config.get("webhook_endpoint")
        if known or endpoint.metadata.get(MARK) == str(connection.id):
            client.webhook_endpoint_delete(endpoint.id)


def _is_ours(endpoint: EndpointState, connection: Connection, url: str) -> bool:
    return endpoint.url == url or endpoint.metadata.get(MARK) == str(connection.id)


def _is_known(endpoint: EndpointState, connection: Connection, url: str) -> bool:
    known = connection.config.get("webhook_endpoint") == endpoint.id
    return known and endpoint.url == url and endpoint.api_version == API_VERSION


@transaction.atomic
def _keep_secret(connection: Connection, route: HookRoute, endpoint_id: str, secret: str) -> None:
    """The route's secret and the endpoint's id, both or neither."""
    previous = hook_route_secrets(route)[:1]
    hook_route_set_secrets(route=route, verification_secrets=[secret, *previous])
    row = Connection.objects.select_for_update().get(id=connection.id)
    config: dict[str, Any] = {**row.config, "webhook_endpoint": endpoint_id}
    row.config = config
    row.save(update_fields=["config"])
    connection.config = config
    transaction.on_commit(connections_forget)


register_withdrawal("stripe", stripe_withdraw)
