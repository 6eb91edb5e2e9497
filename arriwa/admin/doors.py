"""How organizations come about, how hooks come in, and what waits in the queues."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from arriwa.admin.base import ReadOnly, actor_of, each, masked
from arriwa.admin.site import site
from arriwa.common.errors import ArriwaError
from arriwa.outbox import wakeup
from arriwa.outbox.finish import lane_resume
from arriwa.outbox.models import OutboxTask, TaskState
from tenants.audit import audit_record
from tenants.birth import birth_retry
from tenants.context import in_organization
from tenants.models import AssetClaim, Birth, DeletionRequest, HookRoute


class NotParked(ArriwaError):
    """Only a parked task is set going here; others go by themselves or wait for their connection."""


class NotStopped(ArriwaError):
    """Only a birth that an error has stopped is set going again."""


@admin.register(Birth, site=site)
class BirthAdmin(ReadOnly):
    """Organizations in the making."""

    list_display = ("page_name", "state", "step", "attempts", "requested_by", "created_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("requested_by",)
    search_fields = ("page_name", "page_id")
    fields = (
        "page_id",
        "page_name",
        "requested_by",
        "businesses",
        "state",
        "step",
        "attempts",
        "error_text",
        "organization",
        "created_at",
        "finished_at",
    )
    actions = ("resume",)

    @admin.action(description=_("Set stopped births going again"))
    def resume(self, request: HttpRequest, queryset: Any) -> None:
        """From the step at which it stopped."""

        def act(birth: Birth) -> None:
            if birth.state != Birth.State.FAILED:
                raise NotStopped()
            birth_retry(birth=birth)

        each(request, queryset, act, str(_("Set going")))


@admin.register(HookRoute, site=site)
class HookRouteAdmin(ReadOnly):
    """Where hooks come in; neither the address nor its secrets are shown whole."""

    list_display = ("platform", "organization", "active", "masked_key", "created_at")
    list_filter = ("platform", "active")
    list_select_related = ("organization",)
    search_fields = ("organization__name",)
    fields = (
        "platform",
        "organization",
        "active",
        "masked_key",
        "workspace_uuid",
        "connection_uuid",
        "created_at",
    )
    readonly_fields = ("masked_key",)

    @admin.display(description=_("Key"))
    def masked_key(self, route: HookRoute) -> str:
        """Enough to find it in a platform's settings."""
        return masked(route.key, 6)


@admin.register(AssetClaim, site=site)
class AssetClaimAdmin(ReadOnly):
    """Numbers, WABAs and datasets, and the one workspace that holds each."""

    list_display = ("kind", "organization", "workspace_uuid", "created_at")
    list_filter = ("kind",)
    list_select_related = ("organization",)
    fields = ("kind", "organization", "workspace_uuid", "created_at")


@admin.register(DeletionRequest, site=site)
class DeletionRequestAdmin(ReadOnly):
    """Wishes to be forgotten that came from Meta."""

    list_display = ("code", "state", "requested_at", "finished_at")
    list_filter = ("state",)
    fields = ("code", "state", "requested_at", "finished_at")


@admin.register(OutboxTask, site=site)
class OutboxTaskAdmin(ReadOnly):
    """What waits to be done; parked and held tasks wait for a person."""

    list_display = ("id", "kind", "queue", "state", "attempts", "schema_name", "available_at")
    list_filter = ("state", "queue")
    search_fields = ("kind", "schema_name")
    fields = (
        "id",
        "queue",
        "kind",
        "state",
        "attempts",
        "schema_name",
        "subject",
        "connection",
        "created_at",
        "available_at",
    )
    actions = ("resume",)

    @admin.action(description=_("Set parked tasks going again"))
    def resume(self, request: HttpRequest, queryset: Any) -> None:
        """Each is tried once more, with what waits behind it in its lane."""

        def act(task: OutboxTask) -> None:
            if task.state != TaskState.PARKED or not task.lane:
                raise NotParked()
            with in_organization(task.schema_name), transaction.atomic():
                if lane_resume(lane=task.lane):
                    audit_record(actor=actor_of(request), action="delivery.replayed", subject=task.kind)
            wakeup.poke(task.queue)

        each(request, queryset, act, str(_("Set going")))
