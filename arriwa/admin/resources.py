"""An organization's own: workspaces, connections, numbers on their way, audit log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from arriwa.admin.base import OfOrganization, actor_of, each, shown_json
from arriwa.admin.site import site
from arriwa.pages.settings.sentences import sentence_of
from integrations.base.checks import connection_check
from integrations.base.connect import connection_pause, connection_resume
from integrations.gupshup.onboarding import onboarding_retry
from integrations.models import Connection, MessageTemplate, NumberOnboarding
from tenants.workspaces.models import AuditEntry, Workspace


@admin.register(Workspace, site=site)
class WorkspaceAdmin(OfOrganization):
    """Business Managers."""

    list_display = ("name", "business_id", "language", "time_zone", "bot_on", "created_at")
    fields = ("id", "name", "business_id", "language", "time_zone", "bot_on", "created_at")


@admin.register(Connection, site=site)
class ConnectionAdmin(OfOrganization):
    """Accounts at platforms; never their secrets."""

    list_display = ("platform", "__str__", "workspace", "state", "health", "last_success_at", "checked_at")
    list_filter = ("platform", "state", "health")
    list_select_related = ("workspace",)
    fields = (
        "id",
        "platform",
        "name",
        "account",
        "workspace",
        "state",
        "state_reason",
        "health",
        "health_text",
        "checked_at",
        "last_success_at",
        "expires_at",
        "granted_by",
        "settings",
        "created_at",
    )
    readonly_fields = ("settings",)
    actions = ("test_chosen", "pause", "resume")

    @admin.display(description=_("Settings"))
    def settings(self, connection: Connection) -> SafeString:
        """What is set and no secret."""
        return shown_json(connection.config)

    @admin.action(description=_("Test the chosen connections"))
    def test_chosen(self, request: HttpRequest, queryset: Any) -> None:
        """One real, harmless call each."""
        actor = actor_of(request)

        def act(connection: Connection) -> None:
            result = connection_check(connection, actor)
            self.message_user(request, f"{connection}: {result.text}")

        each(request, queryset.select_related("workspace"), act, str(_("Tested")))

    @admin.action(description=_("Pause the chosen connections"))
    def pause(self, request: HttpRequest, queryset: Any) -> None:
        """What is to be sent waits."""
        actor, reason = actor_of(request), str(_("Paused by support."))
        each(
            request,
            queryset,
            lambda row: connection_pause(connection=row, actor=actor, reason=reason),
            str(_("Paused")),
        )

    @admin.action(description=_("Resume the chosen connections"))
    def resume(self, request: HttpRequest, queryset: Any) -> None:
        """What waited is sent."""
        actor = actor_of(request)
        each(request, queryset, lambda row: connection_resume(connection=row, actor=actor), str(_("Resumed")))


@admin.register(NumberOnboarding, site=site)
class NumberOnboardingAdmin(OfOrganization):
    """Numbers on their way to WhatsApp; neither the contact nor the signup link is shown."""

    list_display = ("app_name", "workspace", "way", "link_expires_at", "live_at", "created_at")
    list_filter = ("way",)
    list_select_related = ("workspace",)
    fields = (
        "id",
        "workspace",
        "way",
        "connection",
        "app_id",
        "app_name",
        "region",
        "progress",
        "link_expires_at",
        "live_at",
        "started_by",
        "created_at",
    )
    readonly_fields = ("progress",)
    actions = ("move_on",)

    @admin.display(description=_("Steps"))
    def progress(self, onboarding: NumberOnboarding) -> SafeString:
        """Each step with its state."""
        return shown_json(onboarding.steps)

    @admin.action(description=_("Move the numbers on from where they stopped"))
    def move_on(self, request: HttpRequest, queryset: Any) -> None:
        """A failed step is tried again, one that waits is looked at now; nothing is done twice."""
        actor = actor_of(request)
        each(
            request,
            queryset.select_related("workspace"),
            lambda row: onboarding_retry(workspace=row.workspace, identity=row.id, actor=actor),
            str(_("Moved on")),
        )


@admin.register(MessageTemplate, site=site)
class MessageTemplateAdmin(OfOrganization):
    """WhatsApp templates as Gupshup last told."""

    list_display = ("name", "language", "purpose", "category", "status", "quality", "updated_at")
    list_filter = ("status", "category")
    search_fields = ("name", "purpose")
    fields = (
        "connection",
        "name",
        "language",
        "purpose",
        "category",
        "body",
        "status",
        "reason",
        "quality",
        "submitted_at",
        "updated_at",
    )


@admin.register(AuditEntry, site=site)
class AuditEntryAdmin(OfOrganization):
    """Who changed what."""

    list_display = ("at", "sentence", "via", "workspace")
    list_filter = ("via",)
    list_select_related = ("workspace",)
    search_fields = ("actor_name", "subject", "action")
    ordering = ("-at",)
    fields = ("at", "sentence", "actor", "actor_name", "via", "action", "subject", "workspace", "told")
    readonly_fields = ("sentence", "told")

    @admin.display(description=_("What"))
    def sentence(self, entry: AuditEntry) -> str:
        """The entry in words."""
        return sentence_of(entry)

    @admin.display(description=_("Details"))
    def told(self, entry: AuditEntry) -> SafeString:
        """What was and what is."""
        return shown_json(entry.details)
