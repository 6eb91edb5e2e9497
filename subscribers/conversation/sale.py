"""Rows of OFFERING, CHECKOUT and PAID: offer, order, link, payment (L20, L21). Pure."""

from __future__ import annotations

from typing import Any

from subscribers.conversation import messages
from subscribers.conversation.common import pay_debt, product_by_key, unmoved
from subscribers.conversation.draft import Draft
from subscribers.conversation.known import unasked
from subscribers.conversation.option_ids import parse_product_option_id
from subscribers.conversation.types import (
    CardsDelivered,
    Chose,
    Decision,
    Facts,
    LinkReady,
    LinkSent,
    OpenOrder,
    Ordered,
    Paid,
    Said,
    Snapshot,
    State,
    UpdateDeal,
)
from subscribers.playbook.document import Product

_HINTS = {State.OFFERING: "choose_card", State.CHECKOUT: "link_waiting", State.PAID: "already_paid"}


def said(snapshot: Snapshot, _signal: Said, facts: Facts) -> Decision:
    """The lead is told once what is awaited: a choice, the payment, or nothing more."""
    if (debt := pay_debt(snapshot, facts)) is not None:
        return debt
    if snapshot.state is State.OFFERING and unasked(snapshot, facts):
        return unmoved(snapshot, "A known customer wrote; the message is kept for a human.")
    return _hint(snapshot, facts, "The message is kept.")


def ordered(snapshot: Snapshot, signal: Ordered, facts: Facts) -> Decision:
    """The first product of the cart that the playbook sells is ordered at the playbook's price."""
    return _choose(snapshot, signal.products, facts)


def chose(snapshot: Snapshot, signal: Chose, facts: Facts) -> Decision:
    """A tapped product is ordered; a tap on an answered question changes nothing."""
    product = parse_product_option_id(signal.option_id)
    if product is None:
        reason = "No change. The tap belongs to a question that is answered, or to nothing that is offered."
        return pay_debt(snapshot, facts) or unmoved(snapshot, reason)
    return _choose(snapshot, (product,), facts)


def choice_after_sale(snapshot: Snapshot, _signal: Ordered | Chose, facts: Facts) -> Decision:
    """The sale is done: no further order is opened; the lead is told once that it is paid."""
    return pay_debt(snapshot, facts) or _hint(snapshot, facts, "The sale is done; no order is opened.")


def cards_delivered(snapshot: Snapshot, signal: CardsDelivered, facts: Facts) -> Decision:
    """ViewContent, once per offer, whenever the status comes."""
    if not signal.products:
        return unmoved(snapshot, "The delivered offer names no product; nothing is recorded.")
    draft = Draft(snapshot, facts)
    draft.event("ViewContent", f"ViewContent:{signal.products[0]}", products=[*signal.products])
    return draft.decision("The offer reached the phone.")


def link_ready(snapshot: Snapshot, signal: LinkReady, facts: Facts) -> Decision:
    """The payment link of the order in checkout is sent; a link of another order is not."""
    product = product_by_key(snapshot.product, facts)
    if signal.order != snapshot.order or product is None:
        return unmoved(snapshot, "The link belongs to an order that is not in checkout; it is not sent.")
    if snapshot.link:
        return unmoved(snapshot, "The payment link is known already.")
    draft = Draft(snapshot, facts)
    draft.move(link=signal.url)
    draft.do(messages.payment_link(product, signal.url, facts))
    return draft.decision(f"The payment link for {product.key} exists and is sent.")


def link_sent(snapshot: Snapshot, signal: LinkSent, facts: Facts) -> Decision:
    """InitiateCheckout, once per product, even when the payment was quicker."""
    product = product_by_key(snapshot.orders.get(signal.order, ""), facts)
    if product is None:
        return unmoved(snapshot, "The link belongs to no order of this conversation.")
    draft = Draft(snapshot, facts)
    draft.event("InitiateCheckout", f"InitiateCheckout:{product.key}", **_value(product))
    return draft.decision(f"WhatsApp took the payment link for {product.key}.")


def paid(snapshot: Snapshot, signal: Paid, facts: Facts) -> Decision:
    """Purchase, audience A2 to purchasers, deal paid, receipt with accesses; once per order."""
    product = product_by_key(snapshot.orders.get(signal.order, ""), facts)
    if product is None:
        return unmoved(snapshot, "The payment names no order of this conversation; a human should look.")
    if signal.order in snapshot.paid:
        return unmoved(snapshot, "The payment of this order is recorded already.")
    payments = {**snapshot.paid, signal.order: signal.amount_minor}
    draft = Draft(snapshot, facts)
    draft.next_turn(state=State.PAID, order=signal.order, product=product.key, paid=payments)
    draft.event(
        "Purchase",
        f"Purchase:{signal.order}",
        product=product.key,
        amount_minor=signal.amount_minor,
        currency=signal.currency,
        order=signal.order,
    )
    draft.leave("A2_QUALIFIED")
    draft.join("CA_PURCHASERS")
    # A playbook has one currency, so several payments of one deal add up.
    draft.update_deal(UpdateDeal(stage="paid", price_minor=sum(payments.values()), currency=signal.currency))
    draft.do(messages.receipt(product, signal.amount_minor, signal.currency, facts))
    asked, got = product.amount_minor, signal.amount_minor
    note = (
        "" if (asked, product.currency) == (got, signal.currency) else " The amount differs from the price."
    )
    return draft.decision(f"{product.key} is paid; the receipt goes out.{note}")


def _choose(snapshot: Snapshot, keys: tuple[str, ...], facts: Facts) -> Decision:
    """Open an order for the first known product; the cart's own prices are never used."""
    product = next((found for key in keys if (found := product_by_key(key, facts))), None)
    if product is None:
        draft = Draft(snapshot, facts)
        draft.hint(messages.text("choose_again", facts))
        return draft.decision("The playbook sells none of the products chosen; no order is opened.")
    if snapshot.state is State.CHECKOUT and product.key == snapshot.product:
        reason = f"An order for {product.key} is in checkout already."
        return pay_debt(snapshot, facts) or _hint(snapshot, facts, reason)
    if not facts.new_order:
        raise ValueError("Facts.new_order is empty; give a fresh uuid with every choice of a product.")
    draft = Draft(snapshot, facts)
    draft.event("AddToCart", f"AddToCart:{product.key}", **_value(product))
    draft.update_deal(UpdateDeal(price_minor=product.amount_minor, currency=product.currency))
    draft.do(OpenOrder(facts.new_order, product.key, product.amount_minor, product.currency))
    draft.next_turn(
        state=State.CHECKOUT,
        product=product.key,
        order=facts.new_order,
        link="",
        owed=False,
        orders={**snapshot.orders, facts.new_order: product.key},
    )
    more = " The other products of the cart are left out." if len(keys) > 1 else ""
    return draft.decision(f"{product.key} is chosen; its payment link is being made.{more}")


def _hint(snapshot: Snapshot, facts: Facts, reason: str) -> Decision:
    draft = Draft(snapshot, facts)
    told = draft.hint(messages.text(_HINTS[snapshot.state], facts))
    return draft.decision(
        f"{reason} The lead is told what is awaited." if told else f"{reason} It was said before."
    )


def _value(product: Product) -> dict[str, Any]:
    return {"product": product.key, "amount_minor": product.amount_minor, "currency": product.currency}
