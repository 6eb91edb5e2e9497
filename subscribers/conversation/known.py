"""People who bought before: greeted, offered help and the products, never asked to qualify. Pure."""

from __future__ import annotations

from typing import Any

from subscribers.conversation import messages
from subscribers.conversation.common import WORDLESS, Row
from subscribers.conversation.draft import Draft
from subscribers.conversation.types import Decision, Facts, Snapshot, State, UpdateDeal

#: The CRM's tag by which a manager finds them.
TAG = "known_customer"


def welcome(draft: Draft) -> Decision:
    """Greets a known customer with help and the products in the first question's stead.

    The deal is tagged for a manager, who answers what the products do not.
    """
    draft.update_deal(UpdateDeal(tags_add=(TAG,)))
    draft.next_turn(
        state=State.OFFERING,
        question=len(draft.facts.playbook.questions),
        attempt=0,
        pending=(),
        pending_since="",
        judged=(),
    )
    draft.do(messages.cards(draft.snapshot, draft.facts))
    return draft.decision("A known customer wrote: greeted with help and the products; nothing is asked.")


def unasked(snapshot: Snapshot, facts: Facts) -> bool:
    """Whether the lead is a known customer who has answered no question."""
    return facts.known_customer and not snapshot.answers


def unless_known(row: Row) -> Row:
    """The row of an open question; a customer who became known before the first answer is greeted instead."""

    def spared(snapshot: Snapshot, signal: Any, facts: Facts) -> Decision:
        stale = getattr(signal, "turn", snapshot.turn) != snapshot.turn
        if not unasked(snapshot, facts) or stale or getattr(signal, "kind", "") in WORDLESS:
            return row(snapshot, signal, facts)
        draft = Draft(snapshot, facts)
        draft.leave("A1_STARTED_NOT_FINISHED")
        if snapshot.mark:
            draft.leave("CA_EXCLUDE_NOISE")
            draft.update_deal(UpdateDeal(tags_remove=(snapshot.mark,)))
            draft.move(mark="")
        return welcome(draft)

    spared.__doc__ = row.__doc__
    return spared
