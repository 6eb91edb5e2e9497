"""The *test* button for a WhatsApp number: the app, the account, and whether its hooks come to us."""

from __future__ import annotations

from django.utils.translation import gettext as _

from integrations.base.checks import CheckResult, Health, register_check
from integrations.base.connect import hook_url
from integrations.base.urls import platform_url
from integrations.gupshup.client import GupshupClient, WabaInfo
from integrations.gupshup.config import GupshupSettings
from integrations.models import Connection
from tenants.models import HookRoute

#: Meta's words for a number that people receive messages from.
_SENDS = ("AVAILABLE", "LIMITED", "")


def check(connection: Connection) -> CheckResult:
    """Reads health, WhatsApp account and subscriptions. Raises the errors of `GupshupClient`."""
    settings = GupshupSettings.from_connection(connection.config, connection.secrets())
    client = GupshupClient(base_url=platform_url("gupshup"), settings=settings)
    health, info = client.health(), client.waba_info()
    facts = {
        "account_status": info.account_status,
        "can_send_message": info.can_send_message,
        "messaging_limit": info.messaging_limit,
        "quality": info.phone_quality,
    }
    if not health.healthy:
        told = _("Gupshup says that the app is not healthy: %(reason)s")
        return CheckResult(Health.BROKEN, told % {"reason": health.reason}, facts)
    if info.can_send_message.upper() not in _SENDS:
        told = _("WhatsApp lets the number send nothing (%(state)s): see WhatsApp Manager.")
        return CheckResult(Health.BROKEN, told % {"state": info.can_send_message}, facts)
    silent = _silent(client, connection)
    if silent:
        return CheckResult(Health.BROKEN, silent, facts)
    if _is_weak(info):
        told = _("The number works; its quality is %(quality)s: people report or block it.")
        return CheckResult(Health.WARNING, told % {"quality": info.phone_quality}, facts)
    return CheckResult(Health.OK, _("The number is healthy, and its messages come to us."), facts)


def _is_weak(info: WabaInfo) -> bool:
    return info.phone_quality.upper() in ("RED", "YELLOW")


def _silent(client: GupshupClient, connection: Connection) -> str:
    """Why we would not hear of a message, "" when we would."""
    route = HookRoute.objects.filter(platform="gupshup", connection_uuid=connection.id, active=True).first()
    url = hook_url(route) if route else ""
    mine = [one for one in client.subscription_list() if url and one.url == url and one.version == 3]
    if not mine:
        return _("Messages do not come to us: Gupshup has no subscription of ours. Reconnect.")
    if not any(one.active for one in mine):
        return _("Messages do not come to us: our subscription at Gupshup is switched off. Reconnect.")
    return ""


register_check("gupshup", check)
