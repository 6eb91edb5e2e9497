"""Writing down who changed what, in the transaction of the change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from arriwa.common import clock
from tenants.workspaces.models import AuditEntry, Workspace


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `id` is a user's or an API token's; None for Arriwa itself."""

    id: UUID | None
    name: str
    via: str

    @classmethod
    def system(cls) -> Actor:
        """Arriwa itself: a worker, a command."""
        return cls(None, "Arriwa", AuditEntry.Via.SYSTEM)


def audit_record(
    *,
    actor: Actor,
    action: str,
    subject: str = "",
    workspace: Workspace | None = None,
    details: dict[str, Any] | None = None,
) -> AuditEntry:
    """One line of the organization's audit log. `details` holds no secrets and no people's data.

    Must run in the organization's schema.
    """
    return AuditEntry.objects.create(
        at=clock.now(),
        actor=actor.id,
        actor_name=actor.name[:200],
        via=actor.via,
        action=action,
        subject=subject[:200],
        workspace=workspace,
        details=details or {},
    )
