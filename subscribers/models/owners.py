"""What owners make of a workspace's agent: playbooks, trial chats, lists of customers."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from arriwa.common import clock
from subscribers.playbook.document import Playbook
from subscribers.playbook.load import parse
from tenants.workspaces.models import Workspace


class PlaybookVersion(models.Model):
    """One version of a workspace's playbook (design 5). A published version never changes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="playbooks")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    #: The user who wrote it; None for Arriwa.
    created_by = models.UUIDField(null=True, blank=True)
    #: Why, in the author's words; "" for none.
    note = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now)
    #: None: the draft. A workspace has at most one.
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="playbook_number_once"),
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(published_at=None), name="playbook_draft_once"
            ),
        ]

    def __str__(self) -> str:
        return f"playbook {self.number}"

    def content(self) -> Playbook:
        """The document as typed data. Raises PlaybookInvalid."""
        return parse(self.document)


class TrialChat(models.Model):
    """An owner tries the draft in a chat beside it; nothing of it reaches a platform."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="trial_chats")
    user = models.UUIDField()
    document = models.JSONField()
    #: The machine's Snapshot as JSON.
    snapshot = models.JSONField()
    #: [{"direction", "content", "reason"}], oldest first.
    messages = models.JSONField(default=list)
    #: Set when the chat came to an offer: the checklist's condition.
    finished_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"trial of {self.workspace_id}"


class CustomerImport(models.Model):
    """A list of known customers on its way in: looked at first, then taken batch by batch."""

    class State(models.TextChoices):
        PREVIEW = "preview", "Looked at"
        RUNNING = "running", "Being taken in"
        DONE = "done", "Done"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="customer_imports")
    user = models.UUIDField(null=True)
    file_name = models.CharField(max_length=120, blank=True, default="")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PREVIEW)
    #: The file while it is looked at, then the people as JSON, sealed; empty at the end.
    body_sealed = models.BinaryField()
    #: People to take in, and how many are.
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    #: Of those: new people, and people we knew who were not marked.
    added = models.PositiveIntegerField(default=0)
    marked = models.PositiveIntegerField(default=0)
    #: Lines that were left out.
    left_out = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"customers of {self.workspace_id} ({self.state})"

    @property
    def seal_row(self) -> str:
        """What the sealed body is bound to."""
        return f"customer_import:{self.id}"
