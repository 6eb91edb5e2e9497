"""Payment links with metadata (L20)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from arriwa.outbox.registry import register_effect
from integrations.base.effects import DeliveryEffect, Job, Proof
from integrations.base.errors import ConfigurationError
from integrations.base.urls import platform_url
from integrations.models import Connection, Delivery
from integrations.stripe.client import StripeClient
from integrations.stripe.config import StripeSettings
from integrations.stripe.payloads import order_metadata
from subscribers.models import Order
from subscribers.selectors import playbook_content
from subscribers.services.conversation import payment_link_record
from tenants.context import current_organization_id

KIND = "stripe.payment_link"


class PaymentLinkEffect(DeliveryEffect):
    """One link per order; Stripe's idempotency key is the delivery's id."""

    kind = KIND
    queue = "events"

    def load(self, deliveries: list[Delivery]) -> dict[UUID, Any]:
        """Orders with conversation and subscriber, by delivery."""
        orders = Order.objects.select_related("conversation__subscriber").in_bulk(
            [delivery.fact for delivery in deliveries]
        )
        return {delivery.id: orders.get(delivery.fact) for delivery in deliveries}

    def settings(self, connection: Connection) -> StripeSettings:
        """The account and its key. Raises ConfigurationError."""
        return StripeSettings.from_connection(connection.config, connection.secrets())

    def build(self, delivery: Delivery, fact: Any) -> dict[str, Any]:
        """Product, amount in minor units, currency and metadata (L20). Raises ConfigurationError."""
        order: Order | None = fact
        if order is None:
            raise ConfigurationError("The order that wants a payment link is gone.")
        playbook = playbook_content(order.conversation.playbook_id)
        product = next((p for p in playbook.products if p.key == order.product), None)
        language = order.conversation.subscriber.language
        return {
            "product_name": product.titles[language] if product else order.product,
            "amount_minor": order.amount_minor,
            "currency": order.currency,
            "metadata": order_metadata(
                organization=str(current_organization_id()),
                workspace=str(order.conversation.workspace_id),
                order=str(order.id),
            ),
        }

    def deliver(self, job: Job) -> Proof:
        """Makes the link; a repetition gets the same. Raises the errors of `StripeClient`."""
        client = StripeClient(base_url=platform_url("stripe"), settings=job.settings)
        link = client.create_payment_link(**job.request, idempotency_key=str(job.delivery.id))
        return Proof(
            link.id,
            {
                "payment_link": link.id,
                "url": link.url,
                "request_id": link.request_id,
                "livemode": link.livemode,
                "metadata": job.request["metadata"],
            },
        )

    def confirmed(self, job: Job) -> None:
        """The link goes to the conversation."""
        assert job.proof is not None
        payment_link_record(order_id=job.delivery.fact, url=job.proof.facts["url"])


register_effect(PaymentLinkEffect())
