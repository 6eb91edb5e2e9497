"""A lead of a tenant's: taps the ad, answers, buys."""

from __future__ import annotations

from typing import Any

from tests.support.journey import BUDGET, CHANNEL
from tests.support.sandbox import Phone, Sandbox


def tap(sandbox: Sandbox, ad: dict[str, Any]) -> Phone:
    """Somebody new taps the ad (see Owner.ad) and writes what it pre-types."""
    phone = Phone(sandbox, account=ad["account"])
    phone.act("tap-ad", ad_id=ad["id"], name=phone.name)
    return phone


def buy(phone: Phone) -> None:
    """From the first question to the receipt, each answer as soon as the question has come."""
    phone.wait_for(1)
    phone.choose(0)
    phone.wait_for(2)
    phone.say(BUDGET)
    phone.wait_for(3)
    phone.say(CHANNEL)
    phone.wait_for(4)
    phone.choose(0)
    # The offer: cards where there is a catalog, else buttons.
    if phone.wait_for(5)["type"] == "product_list":
        phone.order()
    else:
        phone.choose(0)
    phone.wait_for(6)
    phone.pay()
    phone.wait_for(7)
