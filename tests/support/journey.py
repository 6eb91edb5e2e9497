"""Steps of a lead's path, for tests that begin somewhere on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.db import connection

from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import OutboxTask, RateLimit
from tests.support.sandbox import Phone, Sandbox

Settle = Callable[..., None]
#: The second and third question take words alone.
BUDGET, CHANNEL = "около 2000 долларов", "в основном инстаграм"
STATUSES_OFF = {"platform": "gupshup", "mute": True, "hook": "status"}
STRIPE_OFF = {"platform": "stripe", "mute": True}


def to_offer(leads: Phone | list[Phone], settle: Settle) -> None:
    """From the ad to the product cards; several leads go side by side."""
    people = leads if isinstance(leads, list) else [leads]
    steps: tuple[Callable[[Phone], Any], ...] = (
        Phone.tap_ad,
        Phone.choose,
        lambda phone: phone.say(BUDGET),
        lambda phone: phone.say(CHANNEL),
        Phone.choose,
    )
    for step in steps:
        for phone in people:
            step(phone)
        settle()


def to_link(leads: Phone | list[Phone], settle: Settle) -> None:
    """From the ad to the payment link in the chat."""
    to_offer(leads, settle)
    for phone in leads if isinstance(leads, list) else [leads]:
        phone.order()
    settle()


def walk(phone: Phone, settle: Settle) -> None:
    """The path of `bin/demo --once`: two answers are taps, two are free text, noise and vague first."""
    phone.tap_ad()
    settle()
    phone.choose(0)
    settle()
    for text in ("ывапрол", "не знаю", BUDGET, CHANNEL):
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
    rows = sandbox.get(f"/_received?path={path}", platform=platform)
    escaped = json.dumps(words)[1:-1]
    return [row for row in rows if words in row["body"] or escaped in row["body"]]


def user_id_of(sandbox: Sandbox, phone: Phone) -> str:
    """The WhatsApp user id under which the business knows the phone's owner."""
    rows = sandbox.state("gupshup")["inbound"]
    row = next(r for r in rows if r["wa_id"] == phone.number and r["account"] == phone.account)
    return str(row["message"]["from_user_id"])


def hasten() -> None:
    """Back-offs and retry times are over now."""
    connection.set_schema_to_public()
    OutboxTask.objects.filter(state="ready").update(available_at=real_now())
    RateLimit.objects.update(blocked_until=None)
