"""A Workspace is a Facebook Business Manager (T1); it lives in its organization's schema."""

from __future__ import annotations

import uuid

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
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.name
