"""Every webhook twice changes nothing: same ledger, every effect exactly once (issue 1; R1)."""

from __future__ import annotations

from typing import Any

from tests.support.held import held
from tests.support.journey import walk
from tests.support.ledger import canonical, subscriber_of, unfinished
from tests.support.sandbox import Phone, Sandbox

TWICE = {"platform": "*", "duplicate": 1}


def test_every_hook_twice_gives_the_ledger_of_a_clean_walk(
    schema: str, phones: Any, sandbox: Sandbox, settle: Any
) -> None:
    clean, twice = phones(2)
    walk(clean, settle)
    before = len(sandbox.get("/_hooks"))
    with sandbox.faults(TWICE):
        walk(twice, settle)
    bodies = [hook["body"] for hook in sandbox.get("/_hooks")[before:]]
    assert len(bodies) == 2 * len(set(bodies)) > 40
    assert canonical(schema, twice.number) == canonical(schema, clean.number)
    assert unfinished(schema, twice.number) == []
    both = [_held(sandbox, schema, phone) for phone in (clean, twice)]
    assert [one.doubled() for one in both] == [[], []]
    assert both[1].summary() == both[0].summary()
    assert (len(both[1].deals), len(both[1].contacts), len(both[1].links)) == (1, 1, 1)


def _held(sandbox: Sandbox, schema: str, phone: Phone) -> Any:
    return held(sandbox, schema, subscriber_of(schema, phone.number), phone.number)
