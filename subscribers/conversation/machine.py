"""The conversation machine (design, decision 5): `decide` looks up one row per state and signal. Pure.

The table is written out in full: no pair has a default. Docs: docs/conversation.md.
"""

from __future__ import annotations

from typing import get_args

from subscribers.conversation import asking, opening, sale
from subscribers.conversation.common import Row, held_back, hush, stays
from subscribers.conversation.known import unless_known
from subscribers.conversation.option_ids import (
    AnswerId,
    option_id,
    parse_option_id,
    parse_product_option_id,
    product_option_id,
)
from subscribers.conversation.types import (
    CardsDelivered,
    Chose,
    Classified,
    Decision,
    Facts,
    FellSilent,
    HeldBack,
    LinkReady,
    LinkSent,
    Ordered,
    Paid,
    Said,
    Signal,
    Snapshot,
    State,
)

__all__ = [
    "TABLE",
    "AnswerId",
    "decide",
    "describe",
    "option_id",
    "parse_option_id",
    "parse_product_option_id",
    "product_option_id",
]

_NOTHING_SAID = stays("Nothing was said yet, so no timer, no judgement and no message can belong here.")
_NO_OFFER = stays("No offer was made yet, so no cards of this conversation can have arrived.")
_NO_ORDER = stays("No order was opened yet, so this link belongs to another conversation.")
_NO_CHECKOUT = stays("No order is in checkout, so there is no link to send.")
_SETTLED = stays("All questions are answered; the timer is stale.")
_JUDGED_LATE = stays("All questions are answered; the judgement is stale.")
_RUNNING = stays("The text is being judged already; the timer is stale.")
_OVERTAKEN = stays("The judgement is stale: the lead went on since.")
_PARKED_TIMER = stays("The conversation is parked and no text waits; the timer is stale.")
_PAID_LINK = stays("The order is paid; the link is not sent any more.")

TABLE: dict[tuple[State, type[Signal]], Row] = {
    (State.NEW, Said): opening.said,
    (State.NEW, Chose): opening.chose,
    (State.NEW, Ordered): opening.ordered,
    (State.NEW, FellSilent): _NOTHING_SAID,
    (State.NEW, Classified): _NOTHING_SAID,
    (State.NEW, CardsDelivered): _NO_OFFER,
    (State.NEW, LinkReady): _NO_ORDER,
    (State.NEW, LinkSent): _NO_ORDER,
    (State.NEW, Paid): sale.paid,
    (State.NEW, HeldBack): _NOTHING_SAID,
    (State.ASKING, Said): unless_known(asking.said),
    (State.ASKING, Chose): unless_known(asking.chose),
    (State.ASKING, Ordered): unless_known(asking.ordered),
    (State.ASKING, FellSilent): unless_known(asking.fell_silent),
    (State.ASKING, Classified): _OVERTAKEN,
    (State.ASKING, CardsDelivered): _NO_OFFER,
    (State.ASKING, LinkReady): _NO_ORDER,
    (State.ASKING, LinkSent): _NO_ORDER,
    (State.ASKING, Paid): sale.paid,
    (State.ASKING, HeldBack): held_back,
    (State.CLASSIFYING, Said): unless_known(asking.said_while_classifying),
    (State.CLASSIFYING, Chose): unless_known(asking.chose),
    (State.CLASSIFYING, Ordered): unless_known(asking.ordered),
    (State.CLASSIFYING, FellSilent): _RUNNING,
    (State.CLASSIFYING, Classified): unless_known(asking.classified),
    (State.CLASSIFYING, CardsDelivered): _NO_OFFER,
    (State.CLASSIFYING, LinkReady): _NO_ORDER,
    (State.CLASSIFYING, LinkSent): _NO_ORDER,
    (State.CLASSIFYING, Paid): sale.paid,
    (State.CLASSIFYING, HeldBack): held_back,
    (State.PARKED, Said): unless_known(asking.said_while_parked),
    (State.PARKED, Chose): unless_known(asking.chose),
    (State.PARKED, Ordered): unless_known(asking.ordered),
    (State.PARKED, FellSilent): _PARKED_TIMER,
    (State.PARKED, Classified): _OVERTAKEN,
    (State.PARKED, CardsDelivered): _NO_OFFER,
    (State.PARKED, LinkReady): _NO_ORDER,
    (State.PARKED, LinkSent): _NO_ORDER,
    (State.PARKED, Paid): sale.paid,
    (State.PARKED, HeldBack): held_back,
    (State.OFFERING, Said): sale.said,
    (State.OFFERING, Chose): sale.chose,
    (State.OFFERING, Ordered): sale.ordered,
    (State.OFFERING, FellSilent): _SETTLED,
    (State.OFFERING, Classified): _JUDGED_LATE,
    (State.OFFERING, CardsDelivered): sale.cards_delivered,
    (State.OFFERING, LinkReady): _NO_CHECKOUT,
    (State.OFFERING, LinkSent): _NO_ORDER,
    (State.OFFERING, Paid): sale.paid,
    (State.OFFERING, HeldBack): held_back,
    (State.CHECKOUT, Said): sale.said,
    (State.CHECKOUT, Chose): sale.chose,
    (State.CHECKOUT, Ordered): sale.ordered,
    (State.CHECKOUT, FellSilent): _SETTLED,
    (State.CHECKOUT, Classified): _JUDGED_LATE,
    (State.CHECKOUT, CardsDelivered): sale.cards_delivered,
    (State.CHECKOUT, LinkReady): sale.link_ready,
    (State.CHECKOUT, LinkSent): sale.link_sent,
    (State.CHECKOUT, Paid): sale.paid,
    (State.CHECKOUT, HeldBack): held_back,
    (State.PAID, Said): sale.said,
    (State.PAID, Chose): sale.choice_after_sale,
    (State.PAID, Ordered): sale.choice_after_sale,
    (State.PAID, FellSilent): _SETTLED,
    (State.PAID, Classified): _JUDGED_LATE,
    (State.PAID, CardsDelivered): sale.cards_delivered,
    (State.PAID, LinkReady): _PAID_LINK,
    (State.PAID, LinkSent): sale.link_sent,
    (State.PAID, Paid): sale.paid,
    (State.PAID, HeldBack): held_back,
}


def decide(snapshot: Snapshot, signal: Signal, facts: Facts) -> Decision:
    """What follows `signal` for a conversation that stands at `snapshot` (design, decision 5).

    Deterministic: the same arguments give the same decision. A silent bot (opted out, held by a
    human, switched off) sends nothing and judges nothing, yet records what happened; what it owes is
    sent with the next message to a bot that may speak. Raises ValueError when a product is chosen and
    `facts.new_order` is empty.
    """
    return hush(TABLE[snapshot.state, type(signal)](snapshot, signal, facts), facts)


def describe() -> str:
    """The table as Markdown, one section per state, one row per signal, for a product owner."""
    lines: list[str] = []
    for state in State:
        lines += [f"## {state.name}", "", "| Signal | What follows |", "|---|---|"]
        for signal in get_args(Signal):
            summary = (TABLE[state, signal].__doc__ or "").strip().splitlines()[0]
            lines.append(f"| {signal.__name__} | {summary} |")
        lines.append("")
    return "\n".join(lines)
