"""Writing down who changed what, in the transaction of the change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

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


def audit_find(
    *,
    actor: UUID | None = None,
    action: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    query: str = "",
) -> QuerySet[AuditEntry]:
    """The organization's audit log, newest first.

    `action`: one such as "member.removed", or all of a subject such as "member"; `since` is included,
    `until` is not; `query` looks into the names of actors and subjects.
    """
    rows = AuditEntry.objects.select_related("workspace").order_by("-at", "-id")
    if actor is not None:
        rows = rows.filter(actor=actor)
    if action:
        rows = rows.filter(Q(action=action) | Q(action__startswith=f"{action}."))
    if since is not None:
        rows = rows.filter(at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until)
    if query:
        rows = rows.filter(Q(actor_name__icontains=query) | Q(subject__icontains=query))
    return rows


def audit_actors() -> list[tuple[UUID, str]]:
    """Everybody in the log by their latest name, sorted by it."""
    rows = AuditEntry.objects.exclude(actor=None).order_by("actor", "-at").distinct("actor")
    found = [(entry.actor, entry.actor_name) for entry in rows.only("actor", "actor_name") if entry.actor]
    return sorted(found, key=lambda row: row[1].lower())
