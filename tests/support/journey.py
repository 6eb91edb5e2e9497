"""Steps of a lead's path, for tests that begin somewhere on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.sandbox import Phone, Sandbox

Settle = Callable[..., None]
QUESTIONS = 4
STATUSES_OFF = {"platform": "gupshup", "mute": True, "hook": "status"}
STRIPE_OFF = {"platform": "stripe", "mute": True}


def to_offer(phone: Phone, settle: Settle) -> None:
    """From the ad to the product cards, all by taps."""
    phone.tap_ad()
    settle()
    for _ in range(QUESTIONS):
        phone.choose(0)
        settle()


def to_link(phone: Phone, settle: Settle) -> None:
    """From the ad to the payment link in the chat."""
    to_offer(phone, settle)
    phone.order()
    settle()


def walk(phone: Phone, settle: Settle) -> None:
    """The path of `bin/demo --once`: two answers are taps, two are free text, noise and vague first."""
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


def sent_to(sandbox: Sandbox, number: str) -> list[dict[str, Any]]:
    """What the number was sent, as WhatsApp's record has it, oldest first."""
    rows = sandbox.state("gupshup")["messages"]
    return [row for row in rows if row["to"] == number and row["account"] == "demo"]


def requests_for(sandbox: Sandbox, platform: str, path: str, words: str) -> list[dict[str, Any]]:
    """Requests that arrived whose path and body mention these."""
    rows = sandbox.get("/_received", platform=platform, path=path)
    return [row for row in rows if words in row["body"]]
