"""The *test* button for Kommo: whose account it is, whether its pipeline and fields are still there."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from arriwa.outbox.enqueue import real_now
from integrations.base.checks import CheckResult, Health, register_check
from integrations.base.errors import CredentialRefused
from integrations.kommo.client import Account, KommoClient
from integrations.kommo.config import LONG_LIVED, KommoSettings
from integrations.kommo.tokens import client_of
from integrations.models import Connection

#: A token that is pasted in cannot renew itself: its owner hears of the end in time.
SOON = timedelta(days=14)


def check(connection: Connection) -> CheckResult:
    """Reads the account, its pipelines and custom fields. Raises the errors of `KommoClient`."""
    settings = KommoSettings.from_connection(connection.config, connection.secrets())
    client = client_of(connection)
    account = client.account()
    facts = {"account_id": account.id, "subdomain": account.subdomain, "currency": account.currency}
    if settings.account_id and account.id != settings.account_id:
        told = _("The token opens another account (%(name)s) than the one that was connected.")
        refused = CredentialRefused("The token opens another account: connect the right one.")
        return CheckResult(Health.BROKEN, told % {"name": account.name}, facts, refused=refused)
    problems = _problems(client, settings) + _ending(connection)
    if problems:
        return CheckResult(Health.WARNING, " ".join(problems), facts)
    return CheckResult(Health.OK, _works(account), facts)


def _works(account: Account) -> str:
    told = _("Kommo answers: account %(name)s; pipeline, stages and fields are there.")
    return told % {"name": account.name}


def _problems(client: KommoClient, settings: KommoSettings) -> list[str]:
    if not settings.pipeline_id:
        return [_("The account answers. Choose its pipeline and stages, then deals can be written.")]
    pipeline = next((one for one in client.pipelines() if one.id == settings.pipeline_id), None)
    if pipeline is None:
        return [_("The chosen pipeline is gone: choose another one.")]
    there = {status.id for status in pipeline.statuses}
    gone = sorted(key for key, status_id in settings.stages.items() if status_id not in there)
    found = []
    if gone:
        told = _("Stages were deleted in Kommo: %(stages)s. Map them again.")
        found.append(told % {"stages": ", ".join(gone)})
    lost: list[str] = []
    for entity in {ref.entity for ref in settings.fields.values()}:
        known = {field.id for field in client.custom_fields_list(entity)}
        mine = {key: ref for key, ref in settings.fields.items() if ref.entity == entity}
        lost += [key for key, ref in mine.items() if ref.field_id not in known]
    if lost:
        told = _("Fields were deleted in Kommo: %(fields)s. Map them again.")
        found.append(told % {"fields": ", ".join(sorted(lost))})
    return found


def _ending(connection: Connection) -> list[str]:
    if connection.config.get("auth") != LONG_LIVED or connection.expires_at is None:
        return []
    left = connection.expires_at - real_now()
    if left > SOON:
        return []
    return [_("The token ends in %(days)s days: make a new one and reconnect.") % {"days": max(0, left.days)}]


register_check("kommo", check)
