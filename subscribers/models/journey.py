"""The domain's facts; every table lives in the organization's schema (design 2)."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from subscribers.models.owners import PlaybookVersion
from tenants.workspaces.models import Workspace


class Subscriber(models.Model):
    """A person who writes to the business. The id is ours and random (L6; design, decision 6)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="subscribers")
    #: {"phone": digits or "", "name": …}, sealed.
    person_sealed = models.BinaryField()
    #: ISO 3166-1 alpha-2 from the number or the business-scoped id, "" when unknown.
    country = models.CharField(max_length=2, blank=True, default="")
    language = models.CharField(max_length=8)
    opted_out_at = models.DateTimeField(null=True, blank=True)
    #: Imported as someone who bought before: never asked Q1.
    known_customer_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.id)

    @property
    def seal_row(self) -> str:
        """What the sealed person is bound to."""
        return f"subscriber:{self.id}"


class AliasKind(models.TextChoices):
    """Whose name for a person it is."""

    PHONE = "phone", "keyed hash of the phone"
    USER_ID = "user_id", "WhatsApp business-scoped user id"


class SubscriberAlias(models.Model):
    """One of the names by which platforms know a subscriber (L6)."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="aliases")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=AliasKind.choices)
    #: For a phone its keyed hash, never the phone.
    key = models.CharField(max_length=160)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "kind", "key"], name="alias_once")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.subscriber_id}"


class Conversation(models.Model):
    """A subscriber's chat with one business number."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subscriber = models.ForeignKey(Subscriber, on_delete=models.PROTECT, related_name="conversations")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    #: The connection whose number the person wrote to.
    channel = models.UUIDField()
    playbook = models.ForeignKey(PlaybookVersion, on_delete=models.PROTECT, related_name="+")
    #: The machine's Snapshot as JSON.
    snapshot = models.JSONField()
    #: The snapshot's state once more, for lists and funnels.
    state = models.CharField(max_length=16)
    started_at = models.DateTimeField()
    #: When the person last wrote: WhatsApp's 24 h window counts from here (R3).
    last_inbound_at = models.DateTimeField()
    human_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "channel"], name="conversation_once")]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"


class Touchpoint(models.Model):
    """Something that brought the person here, with the raw referral (L1, L5, L7, L12)."""

    class Kind(models.TextChoices):
        CTWA = "ctwa", "click-to-WhatsApp ad"
        POST = "post", "post with a WhatsApp button"
        ORGANIC = "organic", "direct message without a source"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="touchpoints")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="touchpoints")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    occurred_at = models.DateTimeField()
    #: The referral block as it came; {} for none.
    referral = models.JSONField(default=dict)
    #: Meta's click id, never normalised; "" for none.
    click_id = models.TextField(blank=True, default="")
    #: absent | malformed | suspicious | plausible | accepted | rejected (L7)
    click_id_state = models.CharField(max_length=16)
    click_id_reason = models.CharField(max_length=200, blank=True, default="")
    ad_id = models.CharField(max_length=64, blank=True, default="")
    campaign_id = models.CharField(max_length=64, blank=True, default="")
    adset_id = models.CharField(max_length=64, blank=True, default="")
    creative_id = models.CharField(max_length=64, blank=True, default="")
    #: utm_* of source_url and of the creative's url_tags.
    utm = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [models.Index(fields=["subscriber", "occurred_at"], name="touchpoint_when")]

    def __str__(self) -> str:
        return f"{self.kind} {self.ad_id}"


class Message(models.Model):
    """A message of either direction. Times of statuses are set once (design 3)."""

    class Direction(models.TextChoices):
        IN = "in", "from the person"
        OUT = "out", "to the person"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    direction = models.CharField(max_length=3, choices=Direction.choices)
    #: text, choice, order … for what came in; the content's type for what goes out.
    kind = models.CharField(max_length=24)
    #: What an outgoing message is for; finds the template when the window is closed.
    purpose = models.CharField(max_length=64, blank=True, default="")
    content = models.JSONField(default=dict)
    #: The platform's own message object as JSON, sealed: it names the sender. None for what we send.
    raw_sealed = models.BinaryField(null=True, blank=True)
    #: What the message's template needs, and what its statuses stand for (products, order).
    params = models.JSONField(default=list, blank=True)
    about = models.JSONField(default=dict, blank=True)
    #: wamid; None until known.
    external_id = models.CharField(max_length=160, null=True, blank=True, unique=True)
    gs_id = models.CharField(max_length=64, null=True, blank=True, unique=True)
    created_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=32, blank=True, default="")
    error_text = models.CharField(max_length=300, blank=True, default="")
    #: The template's name when one went out in the content's stead (R3).
    template = models.CharField(max_length=200, blank=True, default="")
    #: WhatsApp refused the free form because its window is closed; the template follows.
    window_refused = models.BooleanField(default=False)
    pricing = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [models.Index(fields=["conversation", "created_at"], name="message_when")]

    def __str__(self) -> str:
        return f"{self.direction} {self.kind} {self.id}"

    @property
    def seal_row(self) -> str:
        """What the sealed raw message is bound to."""
        return f"message:{self.id}"


class Judgement(models.Model):
    """A free text answer handed to the classifier, and what it said (L16)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="judgements")
    turn = models.PositiveIntegerField()
    question = models.CharField(max_length=64)
    text = models.TextField()
    asked_at = models.DateTimeField()
    verdict = models.CharField(max_length=16, blank=True, default="")
    confidence = models.FloatField(null=True, blank=True)
    value = models.CharField(max_length=200, blank=True, default="")
    #: flowise | local
    method = models.CharField(max_length=16, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")
    judged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "turn"], name="judgement_once")]

    def __str__(self) -> str:
        return f"{self.question} turn {self.turn}"


class Answer(models.Model):
    """An answer to a question with its verdict and confidence (L17, L18)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="answers")
    question = models.CharField(max_length=64)
    attempt = models.PositiveIntegerField()
    text = models.TextField()
    value = models.CharField(max_length=200, blank=True, default="")
    verdict = models.CharField(max_length=16)
    confidence = models.FloatField()
    #: choice | flowise | local
    method = models.CharField(max_length=16)
    answered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.question}: {self.verdict}"


class JourneyEvent(models.Model):
    """A step of the journey, once per conversation and key (R1)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="events")
    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="events")
    #: OptIn, QUALIFY_Q1 …, NOISE, ViewContent …: the brief's names.
    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=160)
    occurred_at = models.DateTimeField()
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "key"], name="journey_event_once")]
        indexes = [models.Index(fields=["kind", "occurred_at"], name="journey_event_when")]

    def __str__(self) -> str:
        return self.key


class DecisionLog(models.Model):
    """Every decision of the machine with its reason: what a person reads in the ledger."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="decisions")
    decided_at = models.DateTimeField()
    signal = models.CharField(max_length=32)
    state_before = models.CharField(max_length=16)
    state_after = models.CharField(max_length=16)
    turn = models.PositiveIntegerField()
    reason = models.CharField(max_length=400)

    class Meta:
        indexes = [models.Index(fields=["conversation", "id"], name="decision_when")]

    def __str__(self) -> str:
        return self.reason


class Order(models.Model):
    """A product offered for payment (L20, L21)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="orders")
    product = models.CharField(max_length=100)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    opened_at = models.DateTimeField()
    payment_url = models.CharField(max_length=500, blank=True, default="")
    #: What was really paid.
    paid_amount_minor = models.BigIntegerField(null=True, blank=True)
    paid_currency = models.CharField(max_length=3, blank=True, default="")
    paid_at = models.DateTimeField(null=True, blank=True)
    #: Stripe's PaymentIntent: one sale, however many events speak of it.
    payment_id = models.CharField(max_length=100, null=True, blank=True, unique=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gte=0), name="order_amount_positive")]

    def __str__(self) -> str:
        return f"{self.product} {self.amount_minor} {self.currency}"
