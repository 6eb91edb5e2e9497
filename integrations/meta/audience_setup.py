"""Audiences of an ad account: found by the playbook's names, made where they are missing (S3d)."""

from __future__ import annotations

from typing import Any
from uuid import uuid5

from django.db import transaction

from integrations.base.errors import IntegrationError
from integrations.base.locks import platform_lock
from integrations.base.urls import platform_url
from integrations.meta.access import meta_settings
from integrations.meta.assets_client import AssetsClient
from integrations.meta.audiences_client import AudiencesClient
from integrations.models import Asset, Audience, Connection
from subscribers.playbook.document import Playbook
from subscribers.playbook.load import default_document, parse
from subscribers.selectors import NoPlaybook, playbook_published
from tenants.workspaces.models import Workspace

#: In an ad account's details: {"accepted", "link"} of the terms, as Meta told last.
TERMS = "audience_terms"


class TermsNotAccepted(IntegrationError):
    """The terms of custom audiences are not accepted for this ad account: accept them, then check again."""


def playbook_of(workspace: Workspace) -> Playbook:
    """What the workspace publishes, else the default document."""
    try:
        return playbook_published(workspace).content()
    except NoPlaybook:
        return parse(default_document())


def audiences_ensure(*, account: Asset, playbook: Playbook | None = None, terms: bool = False) -> int:
    """Finds or makes every audience of the playbook in the ad account; returns how many it has.

    `terms`: ask first whether the terms are accepted, and keep the answer with the asset. Calls Meta, so no
    transaction may be open. Repeated, it changes nothing. Raises TermsNotAccepted and the errors of
    `AudiencesClient`.
    """
    connection = account.connection
    playbook = playbook or playbook_of(connection.workspace)
    settings = meta_settings(connection)
    if terms:
        _terms_checked(account, settings.token, settings.app_secret)
    client = AudiencesClient(
        base_url=platform_url("meta"), settings=settings, ad_account_id=account.external_id
    )
    # As with pixels: Meta would make a second one of the same name.
    with platform_lock(uuid5(account.id, "audiences")):
        for name, name_at_platform in playbook.audiences.items():
            _audience_ensure(client, account, name, name_at_platform)
    _names_kept(connection, playbook)
    return len(playbook.audiences)


def _audience_ensure(client: AudiencesClient, account: Asset, name: str, name_at_platform: str) -> None:
    keys: dict[str, Any] = {
        "connection": account.connection,
        "ad_account_id": account.external_id,
        "name": name,
    }
    if Audience.objects.filter(**keys).exclude(external_id="").exists():
        return
    external_id = client.audience_find(name_at_platform) or client.audience_create(
        name_at_platform, "Kept by Arriwa."
    )
    Audience.objects.update_or_create(**keys, defaults={"external_id": external_id})


def _terms_checked(account: Asset, token: str, app_secret: str) -> None:
    told = AssetsClient(platform_url("meta"), token, app_secret).audience_terms(account.external_id)
    account.details = {**account.details, TERMS: {"accepted": told.accepted, "link": told.link}}
    account.save(update_fields=["details"])
    if not told.accepted:
        raise TermsNotAccepted(link=told.link)


@transaction.atomic
def _names_kept(connection: Connection, playbook: Playbook) -> None:
    """The names at Meta, for audiences that are made later, by their first member."""
    row = Connection.objects.select_for_update().get(id=connection.id)
    row.config = {**row.config, "audience_names": dict(playbook.audiences)}
    row.save(update_fields=["config"])
    connection.config = row.config
