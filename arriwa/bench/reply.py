"""How late a reply is: hook received at web → request at Gupshup, for taps on buttons."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

from arriwa.bench.common import (
    Stage,
    empty_queues,
    execute,
    figure,
    interactive_left,
    percentile,
    say,
    wait_until,
)

TAPS_PER_SECOND = 50.0
#: Taps on ads while the conversations are prepared.
ADS_PER_SECOND = 20.0
STATUSES = ("sent", "delivered", "read")
ADS = "120219876543210001"


@dataclass(frozen=True, slots=True)
class Person:
    """A phone and the account whose ad it tapped."""

    number: str
    account: str


class Hand:
    """Uses phones over one kept-alive connection to the sandbox."""

    def __init__(self, stage: Stage) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", stage.addresses.sandbox_port, timeout=60)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        read = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {read[:200]!r}")
        return json.loads(read)

    def tap_ad(self, person: Person) -> None:
        """Starts a conversation."""
        body = {"account": person.account, "ad_id": ADS, "name": "Ana"}
        self._ask("POST", f"/phone/{person.number}/tap-ad", body)

    def choices(self, person: Person) -> dict[str, Any] | None:
        """The tap on the first option of the last message that has any, None when none has come."""
        chat = self._ask("GET", f"/phone/{person.number}/chat?account={person.account}")["messages"]
        for message in reversed(chat):
            options = message.get("rows") or message.get("buttons") or []
            if message["from"] == "business" and options:
                return {"account": person.account, "wamid": message["wamid"], "id": options[0]["id"]}
        return None

    def tap(self, person: Person, choice: dict[str, Any]) -> None:
        """Answers by a button or a row."""
        self._ask("POST", f"/phone/{person.number}/tap", choice)


def measure(stage: Stage, *, seconds: float, conversations: int) -> None:
    """Prints reply_p50_ms and reply_p99_ms, alone and with events and bulk draining (`_loaded`)."""
    stage.start("sandbox")
    stage.provision()
    empty_queues()
    stage.statuses(STATUSES)
    stage.start("web", "relay")
    people = _prepare(stage, conversations, first=77020000000)
    _report(_run(stage, people, seconds), "")
    people = _prepare(stage, conversations, first=77030000000)
    # Both rounds have left thousands of effects: the worker drains all the time.
    stage.start("worker")
    before = _waiting()
    delays = _run(stage, people, seconds)
    say(f"events and bulk: {before} tasks waited before, {_waiting()} after")
    _report(delays, "_loaded")
    stage.stop("worker", "relay", "web", "sandbox")
    empty_queues()


def _waiting() -> int:
    rows = execute("SELECT count(*) FROM public.outbox_outboxtask WHERE queue IN ('events', 'bulk')")
    return int(rows[0][0])


def _prepare(stage: Stage, count: int, *, first: int) -> list[Person]:
    say(f"{count} people tap an ad …")
    people = [Person(str(first + n), ("demo", "other")[n % 2]) for n in range(count)]
    hand = Hand(stage)
    for due, person in _paced(people, ADS_PER_SECOND):
        _sleep_until(due)
        hand.tap_ad(person)
    wait_until(lambda: interactive_left() == 0, 300, "Answering the ads' first messages")
    # The statuses of the last messages.
    time.sleep(1.0)
    wait_until(lambda: interactive_left() == 0, 60, "Taking in the statuses")
    return people


def _run(stage: Stage, people: list[Person], seconds: float) -> list[float]:
    """Taps at an even pace; milliseconds from each tap's hook to the reply."""
    hand = Hand(stage)
    ready = {person: hand.choices(person) for person in people}
    total = int(TAPS_PER_SECOND * seconds)
    say(f"{total} taps, {TAPS_PER_SECOND:.0f} a second, over {len(people)} conversations …")
    begun, late = time.time(), 0.0
    for due, number in _paced(list(range(total)), TAPS_PER_SECOND):
        person = people[number % len(people)]
        choice = ready.pop(person, None) or hand.choices(person)
        late = max(late, time.monotonic() - due)
        _sleep_until(due)
        if choice is not None:
            hand.tap(person, choice)
    say(f"the latest tap was {late * 1000:.0f} ms behind its time")
    wait_until(lambda: interactive_left() == 0, 120, "Answering the taps")
    return _delays(stage, begun)


def _delays(stage: Stage, begun: float) -> list[float]:
    """Joins hooks with messages in them and requests to send, by person."""
    replies: dict[str, list[float]] = {}
    for request in stage.ask("/_received?platform=gupshup&path=/v3/message"):
        if request["at"] >= begun:
            replies.setdefault(json.loads(request["body"])["to"], []).append(request["at"])
    delays, unanswered = [], 0
    for hook in stage.ask("/_hooks?platform=gupshup"):
        if hook["at"] < begun or '"messages": [' not in hook["body"]:
            continue
        value = json.loads(hook["body"])["entry"][0]["changes"][0]["value"]
        person = value["messages"][0]["from"]
        reply = next((at for at in replies.get(person, ()) if at > hook["at"]), None)
        if reply is None:
            unanswered += 1
        else:
            delays.append((reply - hook["at"]) * 1000)
    say(f"{len(delays)} taps were answered, {unanswered} were not")
    return delays


def _report(delays: list[float], suffix: str) -> None:
    figure(f"reply_p50{suffix}_ms", percentile(delays, 0.50), "ms (aim: at most 40)")
    figure(f"reply_p99{suffix}_ms", percentile(delays, 0.99), "ms (aim: at most 200)")


def _paced(items: list[Any], per_second: float) -> list[tuple[float, Any]]:
    start = time.monotonic() + 0.1
    return [(start + number / per_second, item) for number, item in enumerate(items)]


def _sleep_until(due: float) -> None:
    pause = due - time.monotonic()
    if pause > 0:
        time.sleep(pause)
