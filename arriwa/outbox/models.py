"""The transient queue tables of the public schema (design, decision 2). They hold no personal data."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

#: Stands for "no connection" so that the claim's index has no NULLs to step around.
NO_CONNECTION = uuid.UUID(int=0)


class Queue(models.TextChoices):
    """Celery's queues and the relay's (design, decision 4)."""

    INTERACTIVE = "interactive", "messages to people"
    AGENTS = "agents", "LLM calls"
    EVENTS = "events", "CAPI, CRM, payments"
    BULK = "bulk", "audiences, syncs, spend"


class TaskState(models.TextChoices):
    """Where a task stands; only `ready` is ever claimed."""

    NEW = "new", "laned, not yet looked at by a claim"
    READY = "ready", "may be claimed once it is due"
    WAITING = "waiting", "behind its lane's head"
    CLAIMED = "claimed", "a session works on it"
    PARKED = "parked", "dead, holds its lane until replayed"
    HELD = "held", "its connection is paused"


class OutboxTask(models.Model):
    """An effect to be had (R2). Written in its cause's transaction; gone once it is done."""

    queue = models.CharField(max_length=16, choices=Queue.choices)
    kind = models.CharField(max_length=64)
    schema_name = models.CharField(max_length=63)
    #: The fact in the tenant's schema: a Delivery, a mirror row.
    subject = models.UUIDField()
    connection = models.UUIDField(default=NO_CONNECTION)
    #: Tasks of a lane run one by one, in the order of their ids; "" for none.
    lane = models.CharField(max_length=120, default="", blank=True)
    #: Tasks that one platform call may carry together; "" for none.
    batch_key = models.CharField(max_length=120, default="", blank=True)
    #: Keys of shared rate limits, drawn on in the claim.
    rate_keys = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=8, choices=TaskState.choices, default=TaskState.READY)
    #: Real time, as a lease is: domain time may be moved.
    available_at = models.DateTimeField()
    created_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    claimed_by = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["queue", "id"], name="task_new", condition=Q(state="new")),
            models.Index(
                fields=["queue", "schema_name", "connection", "available_at", "id"],
                name="task_ready",
                condition=Q(state="ready"),
            ),
            models.Index(fields=["lane", "id"], name="task_lane", condition=~Q(lane="")),
            models.Index(
                fields=["batch_key", "id"],
                name="task_batch",
                condition=Q(state="ready") & ~Q(batch_key=""),
            ),
            models.Index(fields=["queue", "connection"], name="task_claimed", condition=Q(state="claimed")),
            models.Index(fields=["connection"], name="task_held", condition=Q(state="held")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} ({self.state})"


class Timer(models.Model):
    """A moment to come: a due one becomes a signal to its subject (design 3)."""

    kind = models.CharField(max_length=32)
    schema_name = models.CharField(max_length=63)
    subject = models.UUIDField()
    #: What the timer speaks of; one whose turn has moved on is a no-op.
    turn = models.BigIntegerField(default=0)
    #: Domain time.
    due_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["schema_name", "kind", "subject"], name="timer_once")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.subject} at {self.due_at:%F %T}"


class RateLimit(models.Model):
    """A token bucket shared by all processes (design 3, "Lanes"). Real time."""

    key = models.CharField(max_length=160, primary_key=True)
    tokens = models.FloatField()
    updated_at = models.DateTimeField()
    #: The platform told us to stop until then.
    blocked_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.key
