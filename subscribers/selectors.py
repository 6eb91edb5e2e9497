"""Questions to the domain's facts; nothing here changes any."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from arriwa.common.errors import ArriwaError
from subscribers.models import PlaybookVersion
from subscribers.playbook.document import Playbook
from tenants.workspaces.models import Workspace


class NoPlaybook(ArriwaError):
    """The workspace has no published playbook: publish one before its number is used."""


@lru_cache(maxsize=512)
def playbook_content(version: UUID) -> Playbook:
    """A version's typed content; a version never changes, so it is read once per process."""
    return PlaybookVersion.objects.get(id=version).content()


def playbook_published(workspace: Workspace) -> PlaybookVersion:
    """The version that new conversations start with. Raises NoPlaybook."""
    version = (
        PlaybookVersion.objects.filter(workspace=workspace, published_at__isnull=False)
        .defer("document")
        .order_by("-number")
        .first()
    )
    if version is None:
        raise NoPlaybook()
    return version
