"""Rows of the state NEW: the first message (L9, L10, L11, L14, L15). Pure."""

from __future__ import annotations

from subscribers.conversation import messages
from subscribers.conversation.common import WORDLESS, silence, unmoved
from subscribers.conversation.draft import Draft
from subscribers.conversation.known import welcome
from subscribers.conversation.types import (
    Chose,
    Decision,
    Facts,
    Ordered,
    Said,
    Snapshot,
    StartAgent,
    State,
    UpdateDeal,
)


def said(snapshot: Snapshot, signal: Said, facts: Facts) -> Decision:
    """The lead opts in: event, A1, deal, agent, question 1. A known customer is greeted and not asked."""
    if signal.kind in WORDLESS:
        return unmoved(snapshot, f"A {signal.kind} is no message; the conversation has not begun.")
    return _begin(snapshot, signal.text, facts)


def chose(snapshot: Snapshot, signal: Chose, facts: Facts) -> Decision:
    """A tap as the first message opts the lead in like any other; it answers nothing yet."""
    return _begin(snapshot, signal.title or signal.option_id, facts)


def ordered(snapshot: Snapshot, signal: Ordered, facts: Facts) -> Decision:
    """A cart as the first message opts the lead in like any other; the questions come first."""
    return _begin(snapshot, ", ".join(signal.products), facts)


def _begin(snapshot: Snapshot, text: str, facts: Facts) -> Decision:
    """Begin, or with a silent bot record the opt-in and stay NEW: the next message then begins."""
    draft = Draft(snapshot, facts)
    if not snapshot.opted_in:
        draft.event("OptIn")
        if not facts.known_customer:
            draft.join("A1_STARTED_NOT_FINISHED")
        draft.update_deal(UpdateDeal(stage="new"))
        draft.move(opted_in=True)
    if silence(facts):
        return draft.decision("The lead wrote; the bot begins with a message to a bot that may speak.")
    draft.do(StartAgent(text))
    if facts.known_customer:
        return welcome(draft)
    draft.next_turn(state=State.ASKING)
    draft.do(messages.question(draft.snapshot, facts))
    return draft.decision("The lead wrote for the first time: opted in, and question 1 is asked.")
