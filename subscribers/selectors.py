"""Questions to the domain's facts; nothing here changes any."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from arriwa.common.errors import ArriwaError
from subscribers.models import PlaybookVersion
from subscribers.playbook.document import Playbook
from tenants.workspaces.models import Workspace

#: Number of the version that conversations hold before the owner publishes: the bot is silent on it.
SILENT_NUMBER = 0


class NoPlaybook(ArriwaError):
    """The workspace has no published playbook: publish one on the page Go live."""


def playbook_content(version: UUID) -> Playbook:
    """The typed content of a version that is no draft; it never changes, so it is read once per process."""
    return _version(version)[1]


def playbook_speaks(version: UUID) -> bool:
    """Whether the owner has published this version: the bot says nothing on any other."""
    return _version(version)[0] > SILENT_NUMBER


@lru_cache(maxsize=512)
def _version(version: UUID) -> tuple[int, Playbook]:
    row = PlaybookVersion.objects.get(id=version)
    return row.number, row.content()


def playbook_latest(workspace: Workspace) -> PlaybookVersion | None:
    """The version that new conversations start with; None before the first publication."""
    published = PlaybookVersion.objects.filter(
        workspace=workspace, published_at__isnull=False, number__gt=SILENT_NUMBER
    )
    return published.defer("document").order_by("-number").first()


def playbook_published(workspace: Workspace) -> PlaybookVersion:
    """As `playbook_latest`. Raises NoPlaybook."""
    version = playbook_latest(workspace)
    if version is None:
        raise NoPlaybook()
    return version


def playbook_draft(workspace: Workspace) -> PlaybookVersion | None:
    """The workspace's draft, if there is one."""
    return PlaybookVersion.objects.filter(workspace=workspace, published_at=None).first()


def playbook_versions(workspace: Workspace) -> list[PlaybookVersion]:
    """The published versions without their documents, newest first."""
    return list(
        PlaybookVersion.objects.filter(
            workspace=workspace, published_at__isnull=False, number__gt=SILENT_NUMBER
        )
        .defer("document")
        .order_by("-number")
    )
