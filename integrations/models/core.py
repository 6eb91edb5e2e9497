"""What was told to whom with its proof, mirrors, and hooks that could not be worked off (design 3)."""

from __future__ import annotations

import uuid

from django.db import models

from integrations.models.connections import Asset, Connection
from subscribers.models import Conversation, Subscriber


class Delivery(models.Model):
    """One effect at one platform account, with the platform's own proof (R1, R2).

    The id is the deterministic event id: a second row for the same effect cannot be.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting to be sent"
        STARTED = "started", "Sent, the answer is awaited"
        CONFIRMED = "confirmed", "Confirmed by the platform"
        UNKNOWN = "unknown", "Nobody knows whether it was done: look at it"
        SKIPPED = "skipped", "Not sent, for the reason given"
        DEAD = "dead", "Refused for good"

    id = models.UUIDField(primary_key=True, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="deliveries")
    platform = models.CharField(max_length=16)
    #: The kind of task that brings it about, such as "meta.event".
    kind = models.CharField(max_length=64)
    #: What is told, in the platform's words: LeadSubmitted, add A1_STARTED_NOT_FINISHED, …
    action = models.CharField(max_length=120)
    #: The account at the platform: dataset, pixel, audience, deal.
    target = models.CharField(max_length=120, blank=True, default="")
    #: The business key: the same for the same fact in every run (no ids, no times).
    business_key = models.CharField(max_length=200)
    #: The fact it tells of: a JourneyEvent, Message, Order, Judgement, mirror row.
    fact = models.UUIDField()
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="deliveries", null=True
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    #: What the builder needs and no fact holds; never personal data.
    data = models.JSONField(default=dict, blank=True)
    #: The request as frozen at the first attempt, sealed.
    request_sealed = models.BinaryField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    #: The platform's id of what came about: gs id, trace id, session id, deal id, execution id.
    external_id = models.CharField(max_length=160, blank=True, default="")
    proof = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_text = models.CharField(max_length=400, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["conversation", "created_at"], name="delivery_when"),
            models.Index(fields=["platform", "external_id"], name="delivery_external"),
            models.Index(fields=["kind", "fact"], name="delivery_fact"),
        ]

    def __str__(self) -> str:
        return f"{self.platform} {self.action} ({self.state})"


class Audience(models.Model):
    """A custom audience in an ad account (S3d), known here by the brief's name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="audiences")
    #: The ad account that holds it, digits.
    ad_account_id = models.CharField(max_length=64, default="")
    name = models.CharField(max_length=120)
    #: The platform's id; "" until it is made there.
    external_id = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "ad_account_id", "name"], name="audience_once"),
        ]

    def __str__(self) -> str:
        return self.name


class AudienceMembership(models.Model):
    """Mirror: should the subscriber be in the audience, and what has the platform confirmed?"""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    audience = models.ForeignKey(Audience, on_delete=models.CASCADE, related_name="memberships")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+")
    desired = models.BooleanField()
    version = models.PositiveIntegerField(default=1)
    confirmed = models.BooleanField(default=False)
    confirmed_version = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["audience", "subscriber"], name="audience_membership_once")
        ]

    def __str__(self) -> str:
        return f"{self.subscriber_id} {'in' if self.desired else 'out of'} {self.audience_id}"


class DealMirror(models.Model):
    """Mirror of a conversation's deal and contact in the CRM (L11, L17, L18, L20, L21)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, related_name="deal")
    #: Where the deal stands, whatever the chat's route says later; None: what the connection names.
    pipeline = models.ForeignKey(Asset, on_delete=models.RESTRICT, null=True, blank=True, related_name="+")
    #: attribute -> value: "stage", "price", "field:<key>", "tag:<tag>" (True: set, False: not set)
    desired = models.JSONField(default=dict)
    #: attribute -> how often its desired value has changed
    versions = models.JSONField(default=dict)
    #: attribute -> value that the CRM confirmed
    confirmed = models.JSONField(default=dict)
    contact_id = models.CharField(max_length=32, blank=True, default="")
    deal_id = models.CharField(max_length=32, blank=True, default="")

    def __str__(self) -> str:
        return f"deal {self.deal_id or '(not yet)'}"


class InboundEvent(models.Model):
    """A normalized event that was taken in: its key keeps a repetition out (R1). Kept ≥ 30 days."""

    key = models.CharField(max_length=240, primary_key=True)
    received_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class OrphanStatus(models.Model):
    """A message status whose message is not known yet (design 3, "Statuses may come before")."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    gs_id = models.CharField(max_length=64, blank=True, default="", db_index=True)
    external_id = models.CharField(max_length=160, blank=True, default="", db_index=True)
    #: Keyed hash of the recipient's phone, "" when only the user id is known.
    recipient = models.CharField(max_length=64, blank=True, default="", db_index=True)
    #: The normalized status as JSON, without the phone.
    status = models.JSONField()
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.status.get('status')} of {self.gs_id}"


class DeadReceipt(models.Model):
    """A hook, or one item of it, that could not be worked off: seen and replayed by people."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    platform = models.CharField(max_length=16)
    connection_uuid = models.UUIDField()
    workspace_uuid = models.UUIDField()
    received_at = models.DateTimeField()
    body_sealed = models.BinaryField()
    error_code = models.CharField(max_length=64)
    error_text = models.CharField(max_length=400)
    replayed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.platform}: {self.error_text}"

    @property
    def seal_row(self) -> str:
        """What the sealed body is bound to."""
        return f"dead_receipt:{self.id}"
