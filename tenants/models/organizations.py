"""People, organizations, and the routes by which hooks find them."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django_tenants.models import TenantMixin

from arriwa.common import clock


class User(AbstractUser):
    """A person who signs in. Tenant rows hold `id`, never a foreign key (design, decision 1)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)


class Organization(TenantMixin):
    """A tenant: a Facebook Page and the PostgreSQL schema that holds all that is its own (T1)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    #: Facebook's id of the Page; None until one is chosen.
    page_id = models.CharField(max_length=64, unique=True, null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    auto_create_schema = False
    auto_drop_schema = False

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member or an API token may do."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MANAGER = "manager", "Manager"
    ANALYST = "analyst", "Analyst"


class Membership(models.Model):
    """A user's place in an organization."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.ANALYST)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "organization"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organization_id} as {self.role}"


class HookRoute(models.Model):
    """Where a platform's hooks come in: the key in the URL names the tenant (design 3)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: The unguessable part of /hooks/<platform>/<key>/.
    key = models.CharField(max_length=64, unique=True)
    platform = models.CharField(max_length=16)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="hook_routes")
    workspace_uuid = models.UUIDField()
    connection_uuid = models.UUIDField()
    active = models.BooleanField(default=True)
    #: JSON list of secrets, current first, sealed.
    secrets_sealed = models.BinaryField()
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.platform} of {self.organization_id}"

    @property
    def seal_row(self) -> str:
        """What the sealed secrets are bound to."""
        return f"hook_route:{self.id}"
