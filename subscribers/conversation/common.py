"""What rows of several states share: being silent, accepting, offering. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from subscribers.conversation import messages
from subscribers.conversation.draft import Draft
from subscribers.conversation.types import (
    Classify,
    Decision,
    Facts,
    HeldBack,
    Segment,
    Send,
    Snapshot,
    StartAgent,
    State,
)
from subscribers.playbook.document import Product

#: A row of the table. The first line of its docstring is what a product owner reads.
Row: TypeAlias = Callable[[Snapshot, Any, Facts], Decision]

#: Kinds that are no message: a reaction, and WhatsApp's note that a chat was opened.
WORDLESS = frozenset({"reaction", "request_welcome"})
#: What a state calls for, by purpose; when it cannot be sent, it is owed.
_CALLED_FOR = ("question", "reprompt", "cards", "payment_link", "receipt")


def unmoved(snapshot: Snapshot, reason: str) -> Decision:
    """Nothing follows; the ledger keeps the reason."""
    return Decision(snapshot, reason)


def stays(reason: str) -> Row:
    """A row that changes nothing and says why."""

    def row(snapshot: Snapshot, _signal: object, _facts: Facts) -> Decision:
        return unmoved(snapshot, reason)

    row.__doc__ = f"No change. {reason}"
    return row


def silence(facts: Facts) -> str:
    """Why the bot must not speak, as a sentence; "" when it may."""
    if facts.opted_out:
        return "The lead opted out of messages, so nothing is sent."
    if facts.human_holds:
        return "A human holds the conversation, so the bot is silent."
    if not facts.published:
        return "The playbook is not published yet, so the bot is silent."
    if not facts.bot_on:
        return "The bot is switched off, so nothing is sent."
    return ""


def hush(decision: Decision, facts: Facts) -> Decision:
    """The decision as it may leave: a silent bot sends nothing and remembers what it owes.

    Records and mirrors (deal, audiences, order) stay: they are facts, not messages. Somebody who
    opted out joins no audience, since an opt-out removes from all of them (L22).
    """
    wanted = any(_is_called_for(command) for command in decision.commands)
    why = silence(facts)
    if not why:
        owed = decision.snapshot.owed and not wanted
        return replace(decision, snapshot=replace(decision.snapshot, owed=owed))
    kept = tuple(command for command in decision.commands if not _is_hushed(command, facts))
    snapshot = replace(decision.snapshot, owed=decision.snapshot.owed or wanted)
    reason = decision.reason if why in decision.reason else f"{decision.reason} {why}"
    return replace(decision, snapshot=snapshot, reason=reason, commands=kept)


def pay_debt(snapshot: Snapshot, facts: Facts) -> Decision | None:
    """What the lead should have been sent while the bot was silent; None when nothing is owed."""
    if not snapshot.owed or silence(facts):
        return None
    send = called_for(snapshot, facts)
    if send is None:
        return None
    draft = Draft(snapshot, facts)
    draft.do(send)
    return draft.decision("The bot speaks again and sends what it owed since it was silent.")


def held_back(snapshot: Snapshot, signal: HeldBack, facts: Facts) -> Decision:
    """A message held back is owed when the state still calls for it; the lead's next message brings it."""
    send = called_for(snapshot, facts)
    if send is None or signal.purpose.replace("reprompt:", "question:") != send.purpose:
        return unmoved(snapshot, f"The message held back ({signal.purpose}) is not called for any more.")
    return Decision(
        replace(snapshot, owed=True), f"The message held back ({signal.purpose}) is owed to the lead."
    )


def product_by_key(key: str, facts: Facts) -> Product | None:
    """The playbook's product with this key."""
    return next((product for product in facts.playbook.products if product.key == key), None)


def called_for(snapshot: Snapshot, facts: Facts) -> Send | None:
    """What the state calls for: the open question, the offer, the link or the receipt; None for nothing."""
    if snapshot.state in (State.ASKING, State.PARKED, State.CLASSIFYING):
        return messages.question(snapshot, facts)
    if snapshot.state is State.OFFERING:
        return messages.cards(snapshot, facts)
    product = product_by_key(snapshot.product, facts)
    if product is None:
        return None
    if snapshot.state is State.CHECKOUT and snapshot.link:
        return messages.payment_link(product, snapshot.link, facts)
    if snapshot.state is State.PAID:
        return messages.receipt(product, snapshot.paid[snapshot.order], product.currency, facts)
    return None


def _is_called_for(command: object) -> bool:
    return isinstance(command, Send) and command.purpose.split(":")[0] in _CALLED_FOR


def _is_hushed(command: object, facts: Facts) -> bool:
    if isinstance(command, Segment):
        return facts.opted_out and command.member
    return isinstance(command, Send | StartAgent | Classify)
