"""The five points of an effect's life (design 3), and how the process in question is stopped there."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.kill.holds import Hold, hold
from tests.kill.leads import Call, Lead, Step
from tests.kill.stack import Stack, until

RECEIPT_STORED = "receipt stored"
DECISION_COMMITTED = "decision committed"
TASK_CLAIMED = "task claimed"
REQUEST_ACCEPTED = "request accepted, answer unread"
ANSWER_READ = "answer read, unrecorded"
POINTS = (RECEIPT_STORED, DECISION_COMMITTED, TASK_CLAIMED, REQUEST_ACCEPTED, ANSWER_READ)

STEP_SECONDS = 60.0
#: Seconds for which platforms keep an answer back unless they are told otherwise.
NEVER = 600.0
#: Whose work stands still.
QUEUES = {"relay": ("interactive",), "worker": ("agents", "events", "bulk")}
_SEND: Call = ("gupshup", "POST", "/v3/message")


@contextmanager
def stopped_at(point: str, stands: str, stack: Stack, leads: Sequence[Lead]) -> Iterator[None]:
    """The leads take their steps; the block runs while `stands` (web, relay or worker) is at the point.

    After the block it may go on, if it still lives. Web comes to the first point alone, the worker to all
    but the first.
    """
    with hold(stack) as held:
        if point == RECEIPT_STORED:
            # The server carries a statement out even when the client is dead: web's receipt will be
            # stored, its 2xx was never sent. The relay's transaction is rolled back.
            web = stands == "web"
            held.table("public.receipts_receipt" if web else '"{schema}".subscribers_decisionlog')
            for lead in leads:
                lead.act()
            held.wait_for(stands, len(leads) if web else 1)
        else:
            held.queues(*QUEUES[stands])
            steps = [lead.act() for lead in leads]
            _decided(stack, stands, steps)
            if point == TASK_CLAIMED:
                _claim(stack, held, stands, steps)
            elif point in (REQUEST_ACCEPTED, ANSWER_READ):
                _call(stack, held, stands, leads, steps, point)
        yield
        stack.sandbox.clear_faults()


def _decided(stack: Stack, stands: str, steps: Sequence[Step]) -> None:
    """Waits until the decisions and their tasks are committed; nobody can claim them yet."""
    wanted: Counter[str] = Counter()
    for step in steps:
        wanted.update(["gupshup.message"] if stands == "relay" else list(step.tasks))
    until(
        lambda: not wanted - _tasks(stack, "ready", "new", "waiting"),
        STEP_SECONDS,
        lambda: f"no decision: {wanted - _tasks(stack, 'ready', 'new', 'waiting')}, {stack.left()}",
    )


def _claim(stack: Stack, held: Hold, stands: str, steps: Sequence[Step]) -> None:
    """Lets the claim through and no further: the delivery cannot be marked as started."""
    held.table('"{schema}".integrations_delivery')
    held.free_queues()
    queues = {q for step in steps for q in step.tasks.values()} if stands == "worker" else {"interactive"}
    held.wait_for(stands, len(queues))
    assert _tasks(stack, "claimed"), "nothing is claimed"


def _call(
    stack: Stack, held: Hold, stands: str, leads: Sequence[Lead], steps: Sequence[Step], point: str
) -> None:
    """Lets the requests out; the answers are kept back, or cannot be recorded."""
    calls = [_SEND] if stands == "relay" else [call for step in steps for call in step.calls]
    stack.sandbox.post(
        "/_faults",
        [
            {"platform": platform, "method": method, "path": path, "answer_delay": NEVER}
            for platform, method, path in set(calls)
        ],
    )
    mark = max((row["id"] for row in stack.sandbox.get("/_received")), default=0)
    held.free_queues()
    wanted = Counter({call: len(leads) if stands == "relay" else 1 for call in calls})
    until(
        lambda: not wanted - _accepted(stack, wanted, mark),
        STEP_SECONDS,
        lambda: f"not accepted: {wanted - _accepted(stack, wanted, mark)}, {stack.left()}",
    )
    if point == ANSWER_READ:
        held.table('"{schema}".integrations_delivery')
        stack.sandbox.clear_faults()
        queues = {"interactive"} if stands == "relay" else {_queue(call) for call in calls}
        held.wait_for(stands, len(queues))
        # The first answer of each queue stands at the lock; the others are read meanwhile.
        time.sleep(0.3)


def _queue(call: Call) -> str:
    if call[0] == "flowise":
        return "agents"
    return "bulk" if call[2] == "/users" else "events"


def _accepted(stack: Stack, wanted: Counter[Call], mark: int) -> Counter[Call]:
    """Requests since `mark` that the platforms have served, whether or not their answer has left."""
    found: Counter[Call] = Counter()
    for row in stack.sandbox.get("/_received", after=mark):
        for call in wanted:
            platform, method, path = call
            if (row["platform"], row["method"]) == (platform, method) and path in row["path"]:
                found[call] += row["status"] in (200, 201)
    return found


def _tasks(stack: Stack, *states: str) -> Counter[str]:
    query = "SELECT kind, count(*) FROM public.outbox_outboxtask WHERE state = ANY(%s) GROUP BY kind"
    return Counter(dict(stack.rows(query, list(states))))
