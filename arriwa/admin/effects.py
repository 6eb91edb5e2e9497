"""An organization's leads, masked, and what was told about them to platforms."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from arriwa.admin.base import OfOrganization, actor_of, each, masked, named, shown_json
from arriwa.admin.site import site
from arriwa.api.v1.subscribers import mask
from integrations.base.replay import delivery_replay
from integrations.models import DeadReceipt, Delivery
from integrations.receipts.replay import dead_receipt_replay
from subscribers.models import Subscriber
from subscribers.services.identity import person_open
from tenants.audit import audit_record


@admin.register(Subscriber, site=site)
class SubscriberAdmin(OfOrganization):
    """Leads, told apart and no more."""

    list_display = ("id", "person", "country", "language", "workspace", "opted_out_at", "created_at")
    list_filter = ("country", "language")
    list_select_related = ("workspace",)
    ordering = ("-created_at",)
    fields = (
        "id",
        "person",
        "workspace",
        "country",
        "language",
        "opted_out_at",
        "known_customer_at",
        "created_at",
    )
    readonly_fields = ("person",)

    @admin.display(description=_("Person"))
    def person(self, subscriber: Subscriber) -> str:
        """Initial and masked phone."""
        opened = person_open(subscriber)
        return f"{masked(opened['name'], 1)} {mask(opened['phone'])}".strip()


@admin.register(Delivery, site=site)
class DeliveryAdmin(OfOrganization):
    """Effects at platforms with their proof; dead ones can be sent once more."""

    list_display = ("platform", "action", "state", "attempts", "error_code", "created_at", "finished_at")
    list_filter = ("state", "platform")
    search_fields = ("action", "error_code")
    ordering = ("-created_at",)
    fields = (
        "id",
        "connection",
        "platform",
        "kind",
        "action",
        "state",
        "attempts",
        "amount_minor",
        "currency",
        "started_at",
        "finished_at",
        "shown_proof",
        "error_code",
        "error_text",
        "created_at",
    )
    readonly_fields = ("shown_proof",)
    actions = ("replay",)

    @admin.display(description=_("Proof"))
    def shown_proof(self, delivery: Delivery) -> SafeString:
        """What the platform said."""
        return shown_json(delivery.proof)

    @admin.action(description=_("Send dead deliveries once more"))
    def replay(self, request: HttpRequest, queryset: Any) -> None:
        """Consent and window are checked again, as before any attempt."""

        def act(delivery: Delivery) -> None:
            with transaction.atomic():
                delivery_replay(delivery.id)
                audit_record(
                    actor=actor_of(request),
                    action="delivery.replayed",
                    subject=named(delivery),
                    workspace=delivery.connection.workspace,
                )

        each(request, queryset.select_related("connection__workspace"), act, str(_("Sent once more")))


@admin.register(DeadReceipt, site=site)
class DeadReceiptAdmin(OfOrganization):
    """Hooks that could not be worked off; their bodies stay sealed."""

    list_display = ("platform", "error_code", "error_text", "received_at", "replayed_at")
    list_filter = ("platform", "error_code")
    ordering = ("-received_at",)
    fields = (
        "id",
        "platform",
        "connection_uuid",
        "workspace_uuid",
        "error_code",
        "error_text",
        "received_at",
        "replayed_at",
    )
    actions = ("replay",)

    @admin.action(description=_("Work the chosen hooks off once more"))
    def replay(self, request: HttpRequest, queryset: Any) -> None:
        """What was taken in already is not taken in twice."""

        def act(dead: DeadReceipt) -> None:
            with transaction.atomic():
                dead_receipt_replay(dead.id)
                audit_record(
                    actor=actor_of(request),
                    action="receipt.replayed",
                    subject=f"{dead.platform} {dead.error_code}",
                )

        each(request, queryset, act, str(_("Worked off once more")))
