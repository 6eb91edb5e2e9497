"""Orders want payment links; paid events come back as hooks (L20, L21)."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from arriwa.common import clock
from integrations.base.deliveries import delivery_create, delivery_enqueue
from integrations.base.routing import route_for_conversation
from integrations.models import Connection, Delivery
from integrations.receipts.registry import Origin, register_intake
from integrations.stripe.effects import KIND
from subscribers import signals
from subscribers.inbound import Inbound, PaymentReceived
from subscribers.models import Conversation, Order
from subscribers.services.inbound import payment_apply

PLATFORM = "stripe"


@receiver(signals.order_opened)
def order_opened(sender: Any, order: Order, conversation: Conversation, **kwargs: Any) -> None:
    """An order wants its payment link."""
    connection = route_for_conversation(conversation).payments
    if connection is None:
        return
    delivery_enqueue(
        connection=connection,
        kind=KIND,
        action="payment_link",
        target=connection.account,
        business_key=f"payment_link:{order.product}",
        fact=order.id,
        conversation=conversation,
        amount_minor=order.amount_minor,
        currency=order.currency,
    )


def take_in(origin: Origin, event: Inbound) -> None:
    """Money arrived; the event that told of it first is kept as proof of the payment."""
    if not isinstance(event, PaymentReceived):
        return
    payment_apply(organization_id=origin.organization, event=event)
    order = Order.objects.select_related("conversation").get(id=event.order_id)
    delivery = delivery_create(
        connection=Connection.objects.get(id=origin.connection),
        kind="stripe.payment",
        action="payment",
        target=event.payment_id,
        business_key=f"payment:{order.product}",
        fact=order.id,
        conversation=order.conversation,
        amount_minor=event.amount_minor,
        currency=event.currency,
    )
    if delivery is not None:
        Delivery.objects.filter(id=delivery.id).update(
            state=Delivery.State.CONFIRMED,
            external_id=event.event_id,
            proof={
                "event": event.event_id,
                "type": event.event_type,
                "payment_intent": event.payment_id,
            },
            finished_at=clock.now(),
        )


register_intake(PLATFORM, take_in)
