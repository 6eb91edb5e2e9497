"""The *test* button for Stripe: account, permissions, and whether payments are told to us."""

from __future__ import annotations

from django.utils.translation import gettext as _

from integrations.base.checks import CheckResult, Health, register_check
from integrations.base.errors import CredentialRefused
from integrations.models import Connection
from integrations.stripe import EVENTS
from integrations.stripe.client import Account, StripeClient
from integrations.stripe.config import StripeSettings
from integrations.stripe.connect import client_of


def check(connection: Connection) -> CheckResult:
    """Reads account, payment links and webhook endpoints. Raises the errors of `StripeClient`."""
    settings = StripeSettings.from_connection(connection.config, connection.secrets())
    client = client_of(connection)
    client.payment_links_readable()
    account = _account(client)
    facts = {"account": connection.account, "livemode": settings.livemode}
    if account is not None and account.id != connection.account:
        refused = CredentialRefused("The key opens another account: connect the right one.")
        told = _("The key opens another account (%(account)s) than the one that was connected.")
        return CheckResult(Health.BROKEN, told % {"account": account.id}, facts, refused=refused)
    silent = _silent(client, connection)
    if silent:
        return CheckResult(Health.BROKEN, silent, facts)
    if account is not None and not account.charges_enabled:
        told = _("The account may not take payments yet: finish its set-up in Stripe.")
        return CheckResult(Health.WARNING, told, facts)
    if settings.livemode:
        return CheckResult(Health.OK, _("Stripe answers, and payments are told to us."), facts)
    told = _("Stripe answers in test mode: no real money moves.")
    return CheckResult(Health.OK, told, facts)


def _account(client: StripeClient) -> Account | None:
    """None when the key may not read its account, which is a fair restriction."""
    try:
        return client.account()
    except CredentialRefused as error:
        if error.status == 403:
            return None
        raise


def _silent(client: StripeClient, connection: Connection) -> str:
    """Why we would not hear of a payment, "" when we would."""
    wanted = connection.config.get("webhook_endpoint")
    endpoint = next((one for one in client.webhook_endpoints() if one.id == wanted), None)
    if endpoint is None:
        return _("Payments are not told to us: our webhook endpoint is gone from Stripe. Reconnect.")
    if not endpoint.enabled:
        return _("Payments are not told to us: our webhook endpoint is disabled in Stripe. Reconnect.")
    if not set(EVENTS) <= endpoint.events and "*" not in endpoint.events:
        return _("Not all payments are told to us: our webhook endpoint lacks events. Reconnect.")
    return ""


register_check("stripe", check)
