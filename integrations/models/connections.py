"""A workspace's access to platforms, the assets that it opens, and which number uses which (T2)."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import Q

from arriwa.common import clock, sealing
from tenants.context import current_organization_id
from tenants.workspaces.models import Workspace


class Connection(models.Model):
    """A workspace's access to one account of a platform (T2)."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"

    class Health(models.TextChoices):
        """What the last check found."""

        UNKNOWN = "unknown", "Not checked yet"
        OK = "ok", "Works"
        WARNING = "warning", "Works, but look at it"
        BROKEN = "broken", "Does not work"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="connections")
    platform = models.CharField(max_length=16)
    #: The owner's name for it; "" shows the account.
    name = models.CharField(max_length=120, blank=True, default="")
    #: The platform's id of the account: app id, ad account, subdomain, acct_…, flow id.
    account = models.CharField(max_length=120)
    config = models.JSONField(default=dict)
    #: JSON object of tokens and keys, sealed.
    secrets_sealed = models.BinaryField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    #: Why it is paused, in words for the owner.
    state_reason = models.CharField(max_length=300, blank=True, default="")
    #: The user who paused it; None when Arriwa did: then a check that succeeds lets it work on.
    paused_by = models.UUIDField(null=True, blank=True)
    health = models.CharField(max_length=8, choices=Health.choices, default=Health.UNKNOWN)
    #: What the last check found, in words for the owner.
    health_text = models.CharField(max_length=400, blank=True, default="")
    #: Real time.
    checked_at = models.DateTimeField(null=True, blank=True)
    #: When the credential ends, real time; None is never, or nobody knows.
    expires_at = models.DateTimeField(null=True, blank=True)
    #: The user whose consent it rests on; None for a key that was pasted in.
    granted_by = models.UUIDField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    #: Set once its owner took it away: its secrets are gone, its deliveries remain. Made anew, it is None.
    removed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "platform", "account"], name="connection_once")
        ]

    def __str__(self) -> str:
        return f"{self.platform} {self.account}"

    def secrets(self) -> dict[str, Any]:
        """The opened secrets. Raises SealBroken when they are another tenant's."""
        opened: dict[str, Any] = sealing.unseal_json(
            self.secrets_sealed, organization=current_organization_id(), row=f"connection:{self.id}"
        )
        return opened

    def set_secrets(self, secrets: dict[str, Any]) -> None:
        """Seals `secrets` into the row; the caller saves it."""
        self.secrets_sealed = sealing.seal_json(
            secrets, organization=current_organization_id(), row=f"connection:{self.id}"
        )


class Asset(models.Model):
    """One thing at a platform that a connection opens and the owner chose: any number of each kind (T2)."""

    class Kind(models.TextChoices):
        AD_ACCOUNT = "ad_account", "Ad account"
        DATASET = "dataset", "Messaging dataset"
        GOOD_PIXEL = "good_pixel", "GOOD pixel"
        NOISE_PIXEL = "noise_pixel", "NOISE pixel"
        CATALOG = "catalog", "Catalog"
        PIPELINE = "pipeline", "Pipeline"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="assets")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    #: The platform's id, without prefixes such as act_.
    external_id = models.CharField(max_length=64)
    name = models.CharField(max_length=200, blank=True, default="")
    #: What the platform told: currency, time zone, WABA id of a dataset, stages of a pipeline …
    details = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "external_id"], name="asset_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name or self.external_id}"


class NumberRoute(models.Model):
    """Which accounts serve the chats of one number; the row without a number is the default (T2).

    An empty field of a number's row falls back to the default row's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="number_routes")
    #: The Gupshup connection; None: the workspace's default.
    number = models.OneToOneField(
        Connection, on_delete=models.CASCADE, null=True, blank=True, related_name="number_route"
    )
    agentflow = models.ForeignKey(
        "integrations.Agentflow", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    dataset = models.ForeignKey(Asset, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    good_pixel = models.ForeignKey(Asset, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    noise_pixel = models.ForeignKey(Asset, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    #: Whose audiences the number's people join.
    ad_account = models.ForeignKey(Asset, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    catalog = models.ForeignKey(Asset, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    pipeline = models.ForeignKey(Asset, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    payments = models.ForeignKey(
        Connection, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"], condition=Q(number=None), name="number_route_default_once"
            )
        ]

    def __str__(self) -> str:
        return f"route of {self.number_id or 'every number'}"

    @property
    def bot_on(self) -> bool:
        """Whether this number's own switch is on; `subscribers.services.switches` turns it."""
        return self.number_id not in self.workspace.silent_channels
