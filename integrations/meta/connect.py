"""Connecting Meta's assets of a workspace: ad account, dataset, pixels, audiences (T2)."""

from __future__ import annotations

from typing import Any

from integrations.base.connect import connection_save
from integrations.base.urls import platform_url
from integrations.meta.audiences_client import AudiencesClient
from integrations.meta.config import MetaSettings
from integrations.models import Audience, Connection
from subscribers.playbook.document import Playbook
from tenants.workspaces.models import Workspace


def meta_connect(
    *, workspace: Workspace, config: dict[str, Any], secrets: dict[str, Any], playbook: Playbook
) -> Connection:
    """Stores the assets and finds or makes every audience that the playbook names.

    Raises the errors of `AudiencesClient`.
    """
    connection = connection_save(
        workspace=workspace,
        platform="meta",
        account=str(config["ad_account_id"]),
        config={**config, "audience_names": dict(playbook.audiences)},
        secrets=secrets,
    )
    settings = MetaSettings.from_connection(connection.config, secrets)
    client = AudiencesClient(base_url=platform_url("meta"), settings=settings)
    for name, name_at_platform in playbook.audiences.items():
        external_id = client.audience_find(name_at_platform) or client.audience_create(
            name_at_platform, "Kept by Arriwa."
        )
        Audience.objects.update_or_create(
            connection=connection, name=name, defaults={"external_id": external_id}
        )
    return connection
