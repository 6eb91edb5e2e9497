"""People, organizations, and who belongs where."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from arriwa.admin.base import ReadOnly, actor_of, each, masked
from arriwa.admin.site import site
from tenants.context import in_organization
from tenants.models import (
    ApiToken,
    FacebookGrant,
    Invitation,
    JoinRequest,
    Membership,
    Organization,
    User,
)
from tenants.tokens import token_revoke


@admin.register(Organization, site=site)
class OrganizationAdmin(ReadOnly):
    """Tenants."""

    list_display = ("name", "page_id", "schema_name", "created_at")
    search_fields = ("name", "page_id", "schema_name")
    fields = ("id", "name", "page_id", "schema_name", "created_at")


@admin.register(User, site=site)
class UserAdmin(ReadOnly):
    """Everybody who ever signed in. A superuser says who is staff."""

    list_display = ("username", "first_name", "last_name", "email", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    fields = (
        "id",
        "username",
        "first_name",
        "last_name",
        "email",
        "is_active",
        "is_staff",
        "is_superuser",
        "date_joined",
        "last_login",
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers, but not on themselves: nobody locks themselves out."""
        return bool(getattr(request.user, "is_superuser", False)) and obj != request.user

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All but the three switches."""
        return [name for name in self.fields if name not in ("is_active", "is_staff", "is_superuser")]


@admin.register(Membership, site=site)
class MembershipAdmin(ReadOnly):
    """Who works in which organization, as what."""

    list_display = ("user", "organization", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "organization")
    search_fields = ("user__username", "user__last_name", "user__email", "organization__name")
    fields = ("user", "organization", "role", "created_at")


@admin.register(JoinRequest, site=site)
class JoinRequestAdmin(ReadOnly):
    """Requests to join; owners and admins decide."""

    list_display = ("user", "organization", "state", "created_at", "decided_at")
    list_filter = ("state",)
    list_select_related = ("user", "organization")
    fields = ("user", "organization", "state", "created_at", "decided_by", "decided_at")


@admin.register(Invitation, site=site)
class InvitationAdmin(ReadOnly):
    """Invitations; their links are known to nobody but the inviter."""

    list_display = ("organization", "role", "created_at", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("organization",)
    fields = (
        "organization",
        "role",
        "note",
        "created_by",
        "created_at",
        "expires_at",
        "accepted_by",
        "accepted_at",
        "revoked_at",
    )


@admin.register(ApiToken, site=site)
class ApiTokenAdmin(ReadOnly):
    """API tokens; the keys are known to nobody but their makers."""

    list_display = ("name", "organization", "role", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("organization",)
    search_fields = ("name", "organization__name")
    fields = (
        "organization",
        "name",
        "role",
        "scopes",
        "created_by",
        "created_at",
        "last_used_at",
        "revoked_at",
    )
    actions = ("revoke",)

    @admin.action(description=_("Revoke the chosen tokens"))
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        """As its owner would; the audit log names support."""

        def act(token: ApiToken) -> None:
            with in_organization(token.organization.schema_name):
                token_revoke(organization=token.organization, token_id=token.id, actor=actor_of(request))

        each(request, queryset.select_related("organization"), act, str(_("Revoked")))


@admin.register(FacebookGrant, site=site)
class FacebookGrantAdmin(ReadOnly):
    """What people granted at Facebook; never the token."""

    list_display = ("user", "masked_id", "expires_at", "checked_at", "revoked_at")
    list_select_related = ("user",)
    fields = (
        "user",
        "masked_id",
        "granted",
        "declined",
        "granular",
        "expires_at",
        "data_access_expires_at",
        "checked_at",
        "revoked_at",
        "revoked_reason",
    )
    readonly_fields = ("masked_id",)

    @admin.display(description=_("Facebook id"))
    def masked_id(self, grant: FacebookGrant) -> str:
        """Enough to tell two apart."""
        return masked(grant.facebook_user_id, 6)
