"""Connecting a workspace's agentflow (S1)."""

from __future__ import annotations

from integrations.base.connect import connection_save
from integrations.models import Connection
from tenants.workspaces.models import Workspace


def flowise_connect(*, workspace: Workspace, url: str, flow_id: str, key: str) -> Connection:
    """Stores the flow and the key that is bound to it."""
    return connection_save(
        workspace=workspace,
        platform="flowise",
        account=flow_id,
        config={"url": url, "flow_id": flow_id} if url else {"flow_id": flow_id},
        secrets={"key": key},
    )
