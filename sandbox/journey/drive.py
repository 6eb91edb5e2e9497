"""The lead: acts, waits for the answer on the phone, and for what follows from it everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.journey import expected
from sandbox.journey.api import JourneyStopped, Phone, Product
from sandbox.journey.compare import lines_awaited, pending
from sandbox.journey.expected import Step
from sandbox.journey.show import last_words

#: Seconds to wait for the next message; for what a step brings about; for the end.
MESSAGE_SECONDS = 30.0
LINES_SECONDS = 15.0
END_SECONDS = 40.0
#: The ledger must stay the same that long at the end: what comes doubled comes late.
QUIET_SECONDS = 1.5
LOOK_SECONDS = 0.15

Rows = list[dict[str, Any]]


@dataclass
class Journey:
    """What is known after the way: the referral of the tap and the messages that were answered."""

    referral: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)


def travel(phone: Phone, product: Product, tell: Callable[[str], None]) -> Journey:
    """The whole way, step by step. Raises JourneyStopped when a message does not come.

    Each step waits until its lines are confirmed: mirrors may skip what was wanted and unwanted within
    moments (design, decision 7), and the lead would read anyway.
    """
    journey, seen = Journey(), 0
    awaited: list[expected.Line] = []
    for step in expected.STEPS:
        begin = time.monotonic()
        _act(phone, step, journey)
        messages = _message(phone, product, step, seen)
        seen = len(messages)
        journey.messages = messages
        awaited = [*awaited, *step.lines]
        late = _lines(product, awaited)
        awaited = [line for line in awaited if line not in late]
        note = f" · still awaited: {', '.join(line.key for line in late)}" if late else ""
        tell(f"· the lead {step.name} → {step.message} … {time.monotonic() - begin:.1f} s{note}")
    return journey


def _act(phone: Phone, step: Step, journey: Journey) -> None:
    given = dict(step.given)
    last = journey.messages[-1] if journey.messages else {}
    if step.action == "tap":
        given |= {"wamid": last["wamid"], "id": _option(last, step.option)}
    elif step.action == "order":
        given["wamid"] = last["wamid"]
    elif step.action == "pay":
        given["url"] = last["link"]["url"]
    done = phone.act(step.action, **given)
    if step.action == "tap-ad":
        journey.referral = done["referral"]
    for result in done.get("results", ()):
        if not result["paid"]:
            raise JourneyStopped(f"The payment link {given['url']} cannot be paid: it is {result['reason']}.")
        journey.payments.append(result)


def _option(message: dict[str, Any], title: str) -> str:
    options = [*message.get("buttons", ()), *message.get("rows", ())]
    found = [str(one["id"]) for one in options if one["title"] == title]
    if not found:
        raise JourneyStopped(
            f"The message «{message['body'][:60]}» offers {[one['title'] for one in options]}, not {title!r}."
        )
    return found[0]


def _message(phone: Phone, product: Product, step: Step, seen: int) -> list[dict[str, Any]]:
    """The chat once the expected message is there. Raises JourneyStopped with the ledger's last words."""
    deadline = time.monotonic() + MESSAGE_SECONDS
    while True:
        messages = phone.received()
        new = messages[seen:]
        if new:
            one = new[0]
            if len(new) == 1 and one["type"] == step.message and step.text in one["body"]:
                return messages
            came = "; ".join(f"{m['type']} «{m['body'][:60]}»" for m in new)
            wanted = f"one {step.message} with «{step.text}»"
            raise JourneyStopped(f"The lead {step.name}; {wanted} was due, but this came: {came}.")
        if time.monotonic() > deadline:
            raise JourneyStopped(
                f"The lead {step.name}; the {step.message} with «{step.text}» did not come in"
                f" {MESSAGE_SECONDS:.0f} s.\n{last_words(product.rows())}"
            )
        time.sleep(LOOK_SECONDS)


def _lines(product: Product, awaited: Sequence[expected.Line]) -> list[expected.Line]:
    """Waits for the lines; those that did not come are left for the comparison at the end."""
    deadline = time.monotonic() + LINES_SECONDS
    while True:
        late = lines_awaited(product.rows(), awaited)
        if not late or time.monotonic() > deadline:
            return late
        time.sleep(LOOK_SECONDS)


def settle(product: Product) -> Rows:
    """The ledger once nothing is pending and nothing more comes, or as it is at the deadline."""
    deadline = time.monotonic() + END_SECONDS
    rows, since = product.rows(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        now = product.rows()
        if now != rows:
            rows, since = now, time.monotonic()
        elif (
            time.monotonic() - since >= QUIET_SECONDS
            and not pending(rows)
            and not lines_awaited(rows, expected.LINES)
        ):
            break
    return rows
