"""One lead from the ad click to the payment, hook in to proofs out (L1, L5–L12, L14–L17, L20, L21)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.ledger import canonical, rows_of
from tests.support.sandbox import Phone

BAD_STATES = {"pending", "started", "dead", "unknown", "skipped"}


def walk(phone: Phone, settle: Callable[..., None]) -> None:
    """The path of `bin/demo --once`."""
    phone.tap_ad()
    settle()
    phone.choose(0)
    settle()
    for text in ("ывапрол", "не знаю", "около 2000 долларов", "в основном инстаграм"):
        phone.say(text)
        settle()
    phone.choose(0)
    settle()
    phone.order()
    settle()
    phone.pay()
    settle()


def test_a_lead_goes_from_the_ad_to_the_receipt(demo: Any, phone: Phone, settle: Any) -> None:
    walk(phone, settle)
    schema = demo.organization.schema_name
    rows = rows_of(schema, phone.number)
    assert phone.last()["type"] == "template"
    bad = [(r.platform, r.key, r.state, r.reason) for r in rows if r.state in BAD_STATES]
    assert not bad
    keys = canonical(schema, phone.number)
    assert keys["delivery", "meta", "messaging:Purchase", 90000, "USD", "confirmed"] == 1
    assert keys["delivery", "kommo", "stage:paid", None, "", "confirmed"] == 1
    assert keys["delivery", "meta", "leave:A1_STARTED_NOT_FINISHED", None, "", "confirmed"] == 1
