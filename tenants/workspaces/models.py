"""Workspaces, and who changed what in them; they live in their organization's schema."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models

from arriwa.common import clock


class Workspace(models.Model):
    """One Business Manager of the organization, with credentials of its own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    #: Facebook's id of the Business Manager.
    business_id = models.CharField(max_length=64, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=8, default="ru")
    #: The switch that stops the bot (design 5).
    bot_on = models.BooleanField(default=True)
    #: Connections whose number has its own switch off (design 5).
    silent_channels = ArrayField(models.UUIDField(), default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.name

    def speaks_on(self, channel: uuid.UUID) -> bool:
        """Whether the switches of the workspace and of this number are on."""
        return self.bot_on and channel not in self.silent_channels


class AuditEntry(models.Model):
    """Who changed what, in which way: written with the change, never altered."""

    class Via(models.TextChoices):
        """How it was done."""

        PAGE = "page", "Page"
        API = "api", "API"
        STAFF = "staff", "Support"
        SYSTEM = "system", "Arriwa"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(default=clock.now, db_index=True)
    #: The user's or API token's id; None for Arriwa itself.
    actor = models.UUIDField(null=True, blank=True)
    #: Their name at that time.
    actor_name = models.CharField(max_length=200, blank=True, default="")
    via = models.CharField(max_length=8, choices=Via.choices)
    #: Subject and verb, such as "member.role_changed".
    action = models.CharField(max_length=64)
    #: What it was done to, in words: a member's name, a connection's account.
    subject = models.CharField(max_length=200, blank=True, default="")
    workspace = models.ForeignKey(
        Workspace, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: What was and what is; never secrets, never people's data.
    details = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name}"
