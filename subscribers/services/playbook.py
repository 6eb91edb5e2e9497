"""Versions of a workspace's playbook (design 5): one draft, published versions, and the way back."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from arriwa.common import clock
from arriwa.common.errors import ArriwaError
from subscribers.models import PlaybookVersion
from subscribers.playbook.diff import Change, playbook_diff
from subscribers.playbook.load import default_document, fingerprint, parse, shape_check
from subscribers.selectors import (
    SILENT_NUMBER,
    NoPlaybook,
    playbook_draft,
    playbook_latest,
    playbook_versions,
)
from tenants.audit import Actor, audit_record
from tenants.workspaces.models import Workspace


class DraftStale(ArriwaError):
    """Somebody changed the draft since you opened it. Compare both; save yours over it or take theirs."""

    def __init__(self, draft: PlaybookVersion | None, changes: list[Change]) -> None:
        #: The draft as it is now; None when it was published or discarded meanwhile.
        self.draft = draft
        #: From the draft as it is to the one that was to be saved.
        self.changes = changes
        super().__init__()


class NothingToPublish(ArriwaError):
    """There is no draft. Make one in the playbook's editor, then publish it."""


class NoSuchVersion(ArriwaError):
    """The workspace has no published version with this number. Choose one from the list."""


def playbook_current(workspace: Workspace) -> PlaybookVersion:
    """The version for new conversations: the latest published one, else a default on which the bot is silent.

    The default names events, audiences and stages for what happens before the first publication.
    """
    latest = playbook_latest(workspace)
    if latest is not None:
        return latest
    silent, _ = PlaybookVersion.objects.get_or_create(
        workspace=workspace,
        number=SILENT_NUMBER,
        defaults={"document": default_document(), "published_at": clock.now()},
    )
    return silent


@transaction.atomic
def draft_save(
    *,
    workspace: Workspace,
    document: dict[str, Any],
    base: str,
    actor: Actor,
    reason: str = "edited",
) -> PlaybookVersion:
    """Stores the workspace's one draft. It may still have problems; its shape must be right.

    `base`: the fingerprint of the draft that was edited, "" when there was none. The same document again
    changes nothing. Raises DraftStale when the draft is another one by now, PlaybookInvalid for a shape
    that no form could show.
    """
    shape_check(document)
    Workspace.objects.select_for_update().get(id=workspace.id)
    draft = playbook_draft(workspace)
    if draft is not None and draft.document == document:
        return draft
    if base != (fingerprint(draft.document) if draft else ""):
        raise DraftStale(draft, playbook_diff(draft.document if draft else {}, document))
    if draft is None:
        draft = PlaybookVersion(workspace=workspace, number=_next_number(workspace))
    draft.document = document
    draft.created_by = actor.id
    draft.created_at = clock.now()
    draft.save()
    audit_record(actor=actor, action="playbook.draft_saved", workspace=workspace, details={"how": reason})
    return draft


@transaction.atomic
def draft_discard(*, workspace: Workspace, actor: Actor) -> bool:
    """Throws the draft away; False when there is none."""
    Workspace.objects.select_for_update().get(id=workspace.id)
    draft = playbook_draft(workspace)
    if draft is None:
        return False
    draft.delete()
    audit_record(actor=actor, action="playbook.draft_discarded", workspace=workspace)
    return True


@transaction.atomic
def draft_publish(*, workspace: Workspace, base: str, actor: Actor, note: str = "") -> PlaybookVersion:
    """Makes the draft the live version: conversations that begin from now on go by it.

    `base`: the fingerprint of the draft that was looked at. A repetition gives the version that the first
    one made. Raises NothingToPublish, DraftStale, PlaybookInvalid with every problem.
    """
    Workspace.objects.select_for_update().get(id=workspace.id)
    draft = playbook_draft(workspace)
    if draft is None:
        latest = playbook_latest(workspace)
        if latest is not None and fingerprint(latest.document) == base:
            return latest
        raise NothingToPublish()
    if base != fingerprint(draft.document):
        latest = playbook_latest(workspace)
        raise DraftStale(draft, playbook_diff(latest.document if latest else {}, draft.document))
    parse(draft.document)
    document = draft.document
    draft.delete()
    return _publish(workspace, document, actor, note)


@transaction.atomic
def playbook_publish(
    *, workspace: Workspace, document: dict[str, Any], actor: Actor | None = None, note: str = ""
) -> PlaybookVersion:
    """Publishes `document` as the next version, past the draft; the same document twice stays one version.

    Raises PlaybookInvalid, which names every problem.
    """
    parse(document)
    Workspace.objects.select_for_update().get(id=workspace.id)
    latest = playbook_latest(workspace)
    if latest is not None and latest.document == document:
        return latest
    return _publish(workspace, document, actor or Actor.system(), note)


@transaction.atomic
def playbook_rollback(*, workspace: Workspace, number: int, actor: Actor, note: str = "") -> PlaybookVersion:
    """Publishes a copy of version `number` as the next one; the draft stays. The live one again is no change.

    Raises NoSuchVersion, PlaybookInvalid when the rules became stricter since.
    """
    Workspace.objects.select_for_update().get(id=workspace.id)
    source = next((version for version in playbook_versions(workspace) if version.number == number), None)
    if source is None:
        raise NoSuchVersion()
    latest = playbook_latest(workspace)
    if latest is not None and latest.document == source.document:
        return latest
    parse(source.document)
    return _publish(workspace, source.document, actor, note or f"Back to version {number}")


def document_at(workspace: Workspace, number: int) -> dict[str, Any]:
    """The document of a published version. Raises NoSuchVersion."""
    version = next((one for one in playbook_versions(workspace) if one.number == number), None)
    if version is None:
        raise NoSuchVersion()
    document: dict[str, Any] = version.document
    return document


def document_live(workspace: Workspace) -> dict[str, Any]:
    """The document of the live version. Raises NoPlaybook."""
    latest = playbook_latest(workspace)
    if latest is None:
        raise NoPlaybook()
    document: dict[str, Any] = latest.document
    return document


def _publish(workspace: Workspace, document: dict[str, Any], actor: Actor, note: str) -> PlaybookVersion:
    """The next version, under the workspace's lock; a draft moves up by one."""
    draft, now = playbook_draft(workspace), clock.now()
    number = draft.number if draft else _next_number(workspace)
    if draft is not None:
        draft.number = number + 1
        draft.save(update_fields=["number"])
    version = PlaybookVersion.objects.create(
        workspace=workspace,
        number=number,
        document=document,
        created_by=actor.id,
        note=note[:200],
        created_at=now,
        published_at=now,
    )
    details = {"version": number, "note": note[:200]}
    audit_record(actor=actor, action="playbook.published", workspace=workspace, details=details)
    return version


def _next_number(workspace: Workspace) -> int:
    last = PlaybookVersion.objects.filter(workspace=workspace).order_by("-number").first()
    return last.number + 1 if last else SILENT_NUMBER + 1
