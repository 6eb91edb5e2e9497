"""Leads on their way, and what each of their steps brings about at the platforms."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sandbox.journey.expected import AD_ID
from tests.kill.stack import Stack, until
from tests.support.sandbox import ROOT, Phone

MESSAGE_SECONDS = 60.0
ACCOUNT: dict[str, Any] = json.loads((ROOT / "sandbox" / "accounts.json").read_text())["demo"]
DATASET = f"/{ACCOUNT['meta']['dataset_id']}/events"
PIXEL = f"/{ACCOUNT['meta']['good_pixel_id']}/events"

Call = tuple[str, str, str]


@dataclass(frozen=True)
class Step:
    """What a lead does, and what follows."""

    name: str
    #: Business keys of the deliveries, by platform.
    effects: dict[str, tuple[str, ...]]
    #: Tasks of the worker that the step itself writes: kind → queue.
    tasks: dict[str, str]
    #: The calls that bring them about: platform, method, a part of the path.
    calls: tuple[Call, ...]
    #: The answer to the lead needs the worker first: a judgement, a payment link.
    answer_waits: bool = False

    def act(self, phone: Phone) -> None:
        """The lead's hand."""
        if self.name == "start":
            phone.tap_ad()
        elif self.name == "niche":
            phone.choose(0)
        elif self.name == "budget":
            phone.say("около 2000 долларов")
        elif self.name == "channel":
            phone.say("в основном инстаграм")
        elif self.name == "readiness":
            phone.choose(0)
        else:
            phone.order()


STEPS = {
    step.name: step
    for step in (
        Step(
            "start",
            {
                "meta": (
                    f"ad:{AD_ID}",
                    "messaging:OptIn",
                    "good_pixel:OptIn",
                    "join:A1_STARTED_NOT_FINISHED",
                ),
                "kommo": ("contact", "deal", "stage:new"),
                "flowise": ("agent:start",),
                "gupshup": ("question:niche:menu",),
            },
            {
                "meta.event": "events",
                "meta.ad": "events",
                "kommo.deal": "events",
                "meta.audience": "bulk",
                "flowise.start": "agents",
            },
            (
                ("meta", "POST", DATASET),
                ("meta", "POST", PIXEL),
                ("meta", "GET", AD_ID),
                ("meta", "POST", "/users"),
                ("kommo", "POST", "/complex"),
                ("flowise", "POST", "/prediction/"),
            ),
        ),
        Step(
            "niche",
            {
                "meta": ("good_pixel:QUALIFY_Q1", "join:CA_QUAL_Q1", "join:SEG_NICHE_SCHOOL"),
                "kommo": ("field:cf_niche=school",),
                "gupshup": ("question:budget:text",),
            },
            {"meta.event": "events", "kommo.deal": "events", "meta.audience": "bulk"},
            (("meta", "POST", PIXEL), ("meta", "POST", "/users"), ("kommo", "PATCH", "/")),
        ),
        Step(
            "budget",
            {
                "flowise": ("judge:budget",),
                "meta": ("good_pixel:QUALIFY_Q2", "join:CA_QUAL_Q2", "join:SEG_BUDGET_1000_3000"),
                "kommo": ("field:cf_budget_month=1000_3000",),
                "gupshup": ("question:channel:text",),
            },
            {"flowise.judge": "agents"},
            (("flowise", "POST", "/prediction/"),),
            answer_waits=True,
        ),
        Step(
            "channel",
            {
                "flowise": ("judge:channel",),
                "meta": ("good_pixel:QUALIFY_Q3", "join:CA_QUAL_Q3", "join:SEG_CHANNEL_INSTAGRAM"),
                "kommo": ("field:cf_channel=instagram",),
                "gupshup": ("question:readiness:buttons",),
            },
            {"flowise.judge": "agents"},
            (("flowise", "POST", "/prediction/"),),
            answer_waits=True,
        ),
        Step(
            "readiness",
            {
                "meta": (
                    "good_pixel:QUALIFY_Q4",
                    "good_pixel:QUALIFY_COMPLETE",
                    "messaging:QUALIFY_COMPLETE",
                    "messaging:ViewContent:course-start",
                    "join:CA_QUAL_Q4",
                    "leave:A1_STARTED_NOT_FINISHED",
                    "join:A2_QUALIFIED",
                ),
                "kommo": ("field:cf_readiness=now", "stage:qualified"),
                "gupshup": ("cards:product_cards",),
            },
            {"meta.event": "events", "kommo.deal": "events", "meta.audience": "bulk"},
            (("meta", "POST", PIXEL), ("meta", "POST", "/users"), ("kommo", "PATCH", "/")),
        ),
        Step(
            "order",
            {
                "meta": ("messaging:AddToCart:course-start", "messaging:InitiateCheckout:course-start"),
                "kommo": ("price",),
                "stripe": ("payment_link:course-start",),
                "gupshup": ("payment_link:link_button",),
            },
            {"stripe.payment_link": "events", "meta.event": "events"},
            (("stripe", "POST", "/payment_links"), ("meta", "POST", DATASET)),
            answer_waits=True,
        ),
    )
}
ORDER = list(STEPS)


@dataclass
class Lead:
    """One person: the phone and the steps that were gone."""

    phone: Phone
    gone: list[str] = field(default_factory=list)

    @property
    def digits(self) -> str:
        return self.phone.number

    @property
    def next(self) -> str:
        """The step that comes; "" at the end."""
        return ORDER[len(self.gone)] if len(self.gone) < len(ORDER) else ""

    def act(self) -> Step:
        """Takes the next step without waiting for anything."""
        step = STEPS[self.next]
        step.act(self.phone)
        self.gone.append(step.name)
        return step

    def wait_answer(self) -> None:
        """Waits for the message that answers the last step: one for each."""
        self.phone.wait_for(len(self.gone), MESSAGE_SECONDS)


class Leads:
    """Leads at rest, by the step that comes next, so that not each test has to walk all the way."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._resting: dict[str, list[Lead]] = defaultdict(list)

    def before(self, *steps: str) -> list[Lead]:
        """A lead in front of each of the steps; returns once nothing is left to do for them."""
        leads = [self._nearest(step) for step in steps]
        while walking := [lead for lead, step in zip(leads, steps, strict=True) if lead.next != step]:
            for lead in walking:
                lead.act()
            for lead in walking:
                lead.wait_answer()
        settle(self._stack)
        return leads

    def rest(self, leads: list[Lead]) -> None:
        """Gives back leads whose step has come to its end."""
        for lead in leads:
            self._resting[lead.next].append(lead)

    def _nearest(self, step: str) -> Lead:
        for name in reversed(ORDER[: ORDER.index(step) + 1]):
            if self._resting[name]:
                return self._resting[name].pop()
        return Lead(Phone(self._stack.sandbox))


def settle(stack: Stack, seconds: float = 90.0) -> None:
    """Waits until the queues are empty and no hook is on its way, twice in a row."""
    quiet = 0

    def idle() -> bool:
        nonlocal quiet
        quiet = 0 if stack.left() or stack.sandbox.pending() else quiet + 1
        return quiet > 3

    until(
        idle,
        seconds,
        lambda: (
            f"work does not end: {stack.left()}, {stack.sandbox.pending()} hooks\n"
            f"relay: {stack.tail('relay')}\nworker: {stack.tail('worker')}"
        ),
    )
