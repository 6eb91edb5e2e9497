"""How an organization comes about, and which of Facebook's assets it holds alone (T1, T2)."""

from __future__ import annotations

import uuid

from django.db import models

from arriwa.common import clock
from tenants.models.organizations import Organization, User


class Birth(models.Model):
    """The making of an organization from a Page: resumable, one per Page, watched on a page (T1).

    The organization and the maker's membership come with the last step, so nobody meets half a tenant.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Being made"
        DONE = "done", "Ready"
        FAILED = "failed", "Stopped by an error"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    page_id = models.CharField(max_length=64, unique=True)
    page_name = models.CharField(max_length=200)
    requested_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="births")
    #: The chosen Business Managers: [{"id", "name"}], each becomes a workspace.
    businesses = models.JSONField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    #: The step it is at, one of `tenants.birth.STEPS`.
    step = models.CharField(max_length=32, blank=True, default="")
    attempts = models.PositiveIntegerField(default=0)
    error_text = models.CharField(max_length=400, blank=True, default="")
    organization = models.OneToOneField(
        Organization, on_delete=models.SET_NULL, null=True, blank=True, related_name="birth"
    )
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.page_name} ({self.state})"


class SchemaTemplate(models.Model):
    """What organizations' schemas are made from, for one state of the code (design, decision 10)."""

    #: Of the code's migrations, see `tenants.schemas.migrations`.
    fingerprint = models.CharField(max_length=64, primary_key=True)
    #: SQL statements, run as one batch with the new schema alone on the search path.
    statements = models.TextField()
    #: [[app, name]] of the migrations that they stand for, in the order of their run.
    migrations = models.JSONField()
    #: Real time.
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.fingerprint[:12]


class AssetClaim(models.Model):
    """A number, WABA or dataset belongs to one workspace across all organizations (T2)."""

    class Kind(models.TextChoices):
        NUMBER = "number", "WhatsApp number"
        WABA = "waba", "WhatsApp Business account"
        DATASET = "dataset", "Messaging dataset"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    external_id = models.CharField(max_length=64)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="claims")
    workspace_uuid = models.UUIDField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "external_id"], name="asset_claim_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id}"
