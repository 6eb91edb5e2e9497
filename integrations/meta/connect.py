"""Connecting a workspace to Meta: its access, and what it is to work on (T2, T3.5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from integrations.base.assets import asset_add
from integrations.base.connect import connection_save
from integrations.meta.access import BY_CONSENT
from integrations.meta.audience_setup import audiences_ensure
from integrations.models import Asset, Connection
from subscribers.playbook.document import Playbook
from tenants.audit import Actor, audit_record
from tenants.workspaces.models import Workspace

#: Without these the access opens neither ads nor audiences (T3.5).
ADS_SCOPES = ("ads_read", "ads_management")


def meta_connect(
    *,
    workspace: Workspace,
    accounts: Mapping[str, Any],
    secrets: dict[str, Any],
    playbook: Playbook,
) -> Connection:
    """Connects by a token of the workspace's own and chooses one asset of each kind.

    `accounts`: ad_account_id, dataset_id, waba_id, good_pixel_id, noise_pixel_id, catalog_id. Finds or makes
    every audience that the playbook names. Raises ClaimedElsewhere and the errors of `AudiencesClient`.
    """
    connection = connection_save(
        workspace=workspace, platform="meta", account=workspace.business_id, config={}, secrets=secrets
    )
    waba = {"waba_id": str(accounts["waba_id"])}
    wanted: tuple[tuple[str, str, dict[str, Any]], ...] = (
        (Asset.Kind.AD_ACCOUNT, "ad_account_id", {}),
        (Asset.Kind.DATASET, "dataset_id", waba),
        (Asset.Kind.GOOD_PIXEL, "good_pixel_id", {}),
        (Asset.Kind.NOISE_PIXEL, "noise_pixel_id", {}),
        (Asset.Kind.CATALOG, "catalog_id", {"waba_ids": [waba["waba_id"]]}),
    )
    for kind, key, details in wanted:
        asset = asset_add(
            connection=connection,
            kind=kind,
            external_id=str(accounts[key]),
            name="",
            actor=Actor.system(),
            details=details,
        )
        if kind == Asset.Kind.AD_ACCOUNT:
            audiences_ensure(account=asset, playbook=playbook)
    connection.refresh_from_db()
    return connection


@transaction.atomic
def meta_consented(
    *,
    workspace: Workspace,
    token: str,
    granted: Collection[str],
    granted_by: UUID,
    expires_at: datetime | None,
    actor: Actor,
) -> Connection:
    """Stores the workspace's own token after Facebook's dialog; its assets stay as they were chosen.

    `granted`: all scopes that the token opens; `expires_at`: real time. Repeated, it renews the token.
    """
    connection = connection_save(
        workspace=workspace,
        platform="meta",
        account=workspace.business_id,
        config={BY_CONSENT: True, "granted": sorted(granted)},
        secrets={"token": token},
    )
    connection.name = connection.name or workspace.name[:120]
    connection.granted_by, connection.expires_at = granted_by, expires_at
    connection.save(update_fields=["name", "granted_by", "expires_at"])
    audit_record(
        actor=actor,
        action="connection.consented",
        subject=f"meta {connection.account}",
        workspace=workspace,
        details={"granted": sorted(granted)},
    )
    return connection


def meta_of(workspace: Workspace) -> Connection | None:
    """The workspace's access to its own Business Manager, None before the consent."""
    own = Connection.objects.filter(workspace=workspace, platform="meta", removed_at=None)
    return own.filter(account=workspace.business_id).first()


def ads_granted(connection: Connection | None) -> bool:
    """Whether the access opens ads; a token that was pasted in is taken for one that does."""
    if connection is None:
        return False
    if not connection.config.get(BY_CONSENT):
        return True
    return set(ADS_SCOPES) <= set(connection.config.get("granted") or ())
