"""Incoming hooks, stored before they are answered (design 3). Rows leave when they are worked off."""

from __future__ import annotations

import uuid

from django.db import models


class Receipt(models.Model):
    """An authenticated hook: raw bytes, sealed."""

    uid = models.UUIDField(default=uuid.uuid4, editable=False)
    platform = models.CharField(max_length=16)
    schema_name = models.CharField(max_length=63)
    workspace_uuid = models.UUIDField()
    connection_uuid = models.UUIDField()
    received_at = models.DateTimeField()
    #: Real time; later than now after a failure of ours.
    available_at = models.DateTimeField(db_index=True)
    attempts = models.PositiveIntegerField(default=0)
    #: How many of the body's items are done.
    done = models.PositiveIntegerField(default=0)
    body_sealed = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.platform} {self.uid}"

    @property
    def seal_row(self) -> str:
        """What the sealed body is bound to."""
        return f"receipt:{self.uid}"
