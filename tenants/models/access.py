"""How people and programs get into an organization: tokens, invitations, requests to join."""

from __future__ import annotations

import hashlib
import secrets
import uuid

from django.db import models

from arriwa.common import clock
from tenants.models.organizations import Organization, Role, User


class ApiToken(models.Model):
    """A named key to the API. Only its hash is stored; it is shown once, when it is made."""

    PREFIX = "arw_"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.ANALYST)
    #: What it may do within its role, such as ["read:subscribers"]; [] is all that the role may.
    scopes = models.JSONField(default=list, blank=True)
    #: The member's user id; None for one that a command made.
    created_by = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    #: Real time, to the minute.
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def digest_of(token: str) -> str:
        """Hex SHA-256; the token has 256 random bits, so no slow hash is needed."""
        return hashlib.sha256(token.encode()).hexdigest()

    @classmethod
    def new_token(cls) -> str:
        """A fresh token, as the user gets it."""
        return cls.PREFIX + secrets.token_urlsafe(32)


class AccessToken(models.Model):
    """A short-lived token of the dashboard, made at sign-in to the API. Only its hash is stored.

    It acts for a user (with the role that the user has at that moment) or for an API token (with its
    scopes), so that a change of either has its effect at once.
    """

    PREFIX = "ara_"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    api_token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    #: The browser's session that it was made from; it ends with it. "" for a sign-in without one.
    session_key = models.CharField(max_length=40, blank=True, default="")
    #: Real time.
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None) ^ models.Q(api_token=None), name="access_token_for_one"
            )
        ]

    def __str__(self) -> str:
        return f"access token until {self.expires_at:%F %T}"


class Invitation(models.Model):
    """A link that makes whoever signs in with it by Facebook a member. Only its hash is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=16, choices=Role.choices)
    #: Whom it is for, in the inviter's words.
    note = models.CharField(max_length=120, blank=True, default="")
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.UUIDField()
    created_at = models.DateTimeField(default=clock.now)
    #: Real time.
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"invitation to {self.organization_id} as {self.role}"


class JoinRequest(models.Model):
    """Someone chose a Page that an organization has already: its owner or admin decides (T1)."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting for a decision"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="join_requests")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="join_requests")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    created_at = models.DateTimeField(default=clock.now)
    decided_by = models.UUIDField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="join_request_once")]

    def __str__(self) -> str:
        return f"{self.user_id} asks to join {self.organization_id}"
