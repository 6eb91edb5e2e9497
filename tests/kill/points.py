"""The five points of an effect's life (design 3), and how the process in question is stopped there."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

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
#: Name of the connection by which web stores hooks.
WEB_STORES = "web"
QUEUES = {"relay": ("interactive",), "worker": ("agents", "events", "bulk")}
_SEND: Call = ("gupshup", "POST", "/v3/message")


@contextmanager
def stopped_at(point: str, stand: Sequence[str], stack: Stack, leads: Sequence[Lead]) -> Iterator[None]:
    """The leads take their steps; the block runs while the processes that `stand` are at the point.

    After the block they may go on, if they still live. Web comes to the first point alone, the worker to
    all but the first; where relay and web stand, the last lead's receipt is web's.
    """
    with hold(stack) as held:
        if point == RECEIPT_STORED:
            _receipts(stand, held, leads)
        else:
            held.queues(*(queue for name in stand for queue in QUEUES[name]))
            steps = [lead.act() for lead in leads]
            work = _work(stand, steps)
            _decided(stack, work)
            if point == TASK_CLAIMED:
                held.table('"{schema}".integrations_delivery')
                held.free_queues()
                _wait_for_all(held, work)
            elif point in (REQUEST_ACCEPTED, ANSWER_READ):
                _call(stack, held, work, recorded=point == ANSWER_READ)
        yield
        stack.sandbox.clear_faults()


def _receipts(stand: Sequence[str], held: Hold, leads: Sequence[Lead]) -> None:
    last = leads[-1:] if "web" in stand else ()
    if "relay" in stand:
        # Its transaction, which only locked the receipt so far, is rolled back.
        held.table('"{schema}".subscribers_decisionlog')
        for lead in leads[: len(leads) - len(last)]:
            lead.act()
        held.wait_for("relay")
    if last:
        # The server carries a statement out even when the client is dead: web's receipt will be
        # stored, its 2xx was never sent.
        held.table("public.receipts_receipt")
        for lead in last:
            lead.act()
        held.wait_for(WEB_STORES, len(last))


@dataclass(frozen=True)
class Work:
    """What is to be in the air: tasks by kind, calls, and the queues of each process."""

    tasks: Counter[str]
    calls: Counter[Call]
    queues: dict[str, set[str]]


def _work(stand: Sequence[str], steps: Sequence[Step]) -> Work:
    tasks: Counter[str] = Counter()
    calls: Counter[Call] = Counter()
    queues: dict[str, set[str]] = {}
    if "relay" in stand:
        # A message that waits for the worker is not written while the worker stands as well.
        count = sum("worker" not in stand or not step.answer_waits for step in steps)
        tasks["gupshup.message"] = calls[_SEND] = count
        queues["relay"] = {"interactive"}
    if "worker" in stand:
        for step in steps:
            tasks.update(list(step.tasks))
            # Events of several leads may share a call.
            calls |= Counter(step.calls)
        queues["worker"] = {queue for step in steps for queue in step.tasks.values()}
    return Work(tasks, calls, queues)


def _decided(stack: Stack, work: Work) -> None:
    """Waits until the decisions and their tasks are committed; nobody can claim them yet."""
    until(
        lambda: not work.tasks - _unclaimed(stack),
        STEP_SECONDS,
        lambda: f"no decision: {work.tasks - _unclaimed(stack)}, {stack.left()}",
    )


def _wait_for_all(held: Hold, work: Work) -> None:
    """Each queue is worked on by a thread with a connection of its own."""
    for name, queues in work.queues.items():
        held.wait_for(name, len(queues))


def _call(stack: Stack, held: Hold, work: Work, *, recorded: bool) -> None:
    """Lets the requests out; the answers are kept back, or come and cannot be recorded."""
    faults = [
        {"platform": platform, "method": method, "path": path, "answer_delay": NEVER}
        for platform, method, path in work.calls
    ]
    stack.sandbox.post("/_faults", faults)
    mark = max((row["id"] for row in stack.sandbox.get("/_received")), default=0)
    held.free_queues()
    until(
        lambda: not work.calls - _accepted(stack, work.calls, mark),
        STEP_SECONDS,
        lambda: f"not accepted: {work.calls - _accepted(stack, work.calls, mark)}, {stack.left()}",
    )
    if recorded:
        held.table('"{schema}".integrations_delivery')
        stack.sandbox.clear_faults()
        _wait_for_all(held, work)
        # The first answer of each queue stands at the lock; the others are read meanwhile.
        time.sleep(0.3)


def _accepted(stack: Stack, wanted: Counter[Call], mark: int) -> Counter[Call]:
    """Requests since `mark` that the platforms have served, whether or not their answer has left."""
    found: Counter[Call] = Counter()
    for row in stack.sandbox.get("/_received", after=mark):
        for call in wanted:
            platform, method, path = call
            if (row["platform"], row["method"]) == (platform, method) and path in row["path"]:
                found[call] += row["status"] in (200, 201)
    return found


def _unclaimed(stack: Stack) -> Counter[str]:
    query = "SELECT kind, count(*) FROM public.outbox_outboxtask WHERE state <> 'claimed' GROUP BY kind"
    return Counter(dict(stack.rows(query)))
