"""A number on its way to WhatsApp through Gupshup, and the templates it will need (T3.3)."""

from __future__ import annotations

import uuid

from django.db import models

from arriwa.common import clock
from integrations.models.connections import Connection
from tenants.workspaces.models import Workspace


class NumberOnboarding(models.Model):
    """One number's way through /wa-onboarding. Every step can be left, resumed and repeated."""

    class Way(models.TextChoices):
        """Where the number comes from."""

        NEW = "new", "A number that is not on WhatsApp yet"
        EXISTING = "existing", "A number of an app at Gupshup"
        MIGRATE = "migrate", "A number that another provider holds"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="number_onboardings")
    way = models.CharField(max_length=8, choices=Way.choices, default=Way.NEW)
    #: Made with the app; None before.
    connection = models.OneToOneField(
        Connection, on_delete=models.SET_NULL, null=True, blank=True, related_name="onboarding"
    )
    #: Gupshup's id and name of the app; the name is unique in all of Gupshup.
    app_id = models.CharField(max_length=64, blank=True, default="", db_index=True)
    app_name = models.CharField(max_length=150, blank=True, default="")
    region = models.CharField(max_length=2, blank=True, default="")
    #: {"name", "email", "phone"} of the contact, sealed; None until given.
    contact_sealed = models.BinaryField(null=True, blank=True)
    #: step -> {"state": waiting|running|done|failed|skipped, "at", "text", …}
    steps = models.JSONField(default=dict)
    #: Gupshup's signup page; real time of its end.
    link = models.CharField(max_length=500, blank=True, default="")
    link_expires_at = models.DateTimeField(null=True, blank=True)
    #: Set once the number can send: the gate's condition (T3.2).
    live_at = models.DateTimeField(null=True, blank=True)
    started_by = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.app_name or 'a number'} of {self.workspace_id}"

    @property
    def seal_row(self) -> str:
        """What the sealed contact is bound to."""
        return f"number_onboarding:{self.id}"


class MessageTemplate(models.Model):
    """A WhatsApp template of a number, as Gupshup last told (R3)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="templates")
    name = models.CharField(max_length=200)
    language = models.CharField(max_length=16)
    #: The playbook's purpose that it serves; "" for one that is not ours.
    purpose = models.CharField(max_length=64, blank=True, default="")
    category = models.CharField(max_length=24, blank=True, default="")
    body = models.TextField(blank=True, default="")
    #: Upper case, Meta's words: PENDING, APPROVED, REJECTED, PAUSED, DISABLED; "" before it is submitted.
    status = models.CharField(max_length=16, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")
    quality = models.CharField(max_length=16, blank=True, default="")
    external_id = models.CharField(max_length=64, blank=True, default="")
    submitted_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "name", "language"], name="message_template_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.language} ({self.status})"
