"""Versions of a workspace's playbook (design 5)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Max

from arriwa.common import clock
from subscribers.models import PlaybookVersion
from subscribers.playbook.load import parse
from tenants.workspaces.models import Workspace


@transaction.atomic
def playbook_publish(*, workspace: Workspace, document: dict[str, Any]) -> PlaybookVersion:
    """Publishes `document` as the next version; the same document twice stays one version.

    Raises PlaybookInvalid, which names every problem.
    """
    parse(document)
    Workspace.objects.select_for_update().get(id=workspace.id)
    latest = PlaybookVersion.objects.filter(workspace=workspace).order_by("-number").first()
    if latest is not None and latest.document == document and latest.published_at:
        return latest
    number = PlaybookVersion.objects.filter(workspace=workspace).aggregate(n=Max("number"))["n"] or 0
    now = clock.now()
    return PlaybookVersion.objects.create(
        workspace=workspace, number=number + 1, document=document, created_at=now, published_at=now
    )
