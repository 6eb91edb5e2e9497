"""Agentflows of a workspace (S1, T1): Arriwa keeps which flow is whose, Flowise runs them."""

from __future__ import annotations

import uuid

from django.db import models

from arriwa.common import clock
from integrations.models.connections import Connection
from tenants.workspaces.models import Workspace


class Agentflow(models.Model):
    """One agentflow, installed from a template or adopted from the tenant's own Flowise."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="agentflows")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="agentflows")
    #: Flowise's id; "" until it is made there.
    external_id = models.CharField(max_length=64, blank=True, default="")
    name = models.CharField(max_length=120)
    #: Key of Arriwa's template; "" for an adopted flow, whose prompts are not ours to edit.
    template = models.CharField(max_length=32, blank=True, default="")
    #: Node -> prompt text, as the owner edited it.
    prompts = models.JSONField(default=dict, blank=True)
    model = models.CharField(max_length=80, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now)
    #: When Flowise last took our version.
    pushed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "external_id"],
                condition=~models.Q(external_id=""),
                name="agentflow_once",
            )
        ]

    def __str__(self) -> str:
        return self.name
