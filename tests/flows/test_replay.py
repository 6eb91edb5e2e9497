"""The whole log again, after the end, in any order: the ledger stays and nothing is sent (R1)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from subscribers.models import Conversation, Message
from tenants.context import in_organization
from tests.support.hooks import log_of, post_again
from tests.support.journey import walk
from tests.support.ledger import canonical, rows_of, subscriber_of
from tests.support.sandbox import Phone, Sandbox

PLATFORMS = ("gupshup", "meta", "kommo", "stripe", "flowise")
ORDERS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "same": list,
    "reversed": lambda hooks: hooks[::-1],
    "shuffled": lambda hooks: random.Random(7).sample(hooks, len(hooks)),
}


def test_the_whole_log_again_changes_nothing_and_sends_nothing(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    walk(phone, settle)
    with in_organization(schema):
        conversation = Conversation.objects.get(subscriber=subscriber_of(schema, phone.number))
        order = str(conversation.orders.get().id)
    hooks = log_of(sandbox, [phone.number, order])
    assert {hook["platform"] for hook in hooks} == {"gupshup", "stripe"}
    assert len(hooks) > 40
    before = canonical(schema, phone.number), _everything(schema, conversation, phone)
    arrived = _arrived(sandbox)
    for name, arrange in ORDERS.items():
        post_again(sandbox, arrange(hooks))
        settle()
        after = canonical(schema, phone.number), _everything(schema, conversation, phone)
        assert after == before, f"replayed {name}"
        assert _arrived(sandbox) == arrived, f"replayed {name}"


@pytest.mark.parametrize("times", [3])
def test_the_sandbox_own_replay_is_answered_and_sends_nothing(
    times: int, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    """The log of Stripe, of all leads so far, `times` times over."""
    settle()
    arrived = _arrived(sandbox)
    for _ in range(times):
        replayed = sandbox.post("/_hooks/replay", {"platform": "stripe", "order": "shuffled", "seed": times})
        assert {answer["status"] for answer in replayed["answers"]} <= {200}
    settle()
    assert _arrived(sandbox) == arrived


def _everything(schema: str, conversation: Conversation, phone: Phone) -> dict[str, Any]:
    """Decisions too, and each message's row: a repeated status may not even touch a time."""
    with in_organization(schema):
        snapshot = Conversation.objects.get(id=conversation.id).snapshot
        messages = list(Message.objects.filter(conversation=conversation).order_by("id").values())
    decisions = [row for row in rows_of(schema, phone.number) if row.kind == "decision"]
    return {"snapshot": snapshot, "messages": messages, "decisions": decisions}


def _arrived(sandbox: Sandbox) -> dict[str, int]:
    return {name: len(sandbox.received(name)) for name in PLATFORMS}
