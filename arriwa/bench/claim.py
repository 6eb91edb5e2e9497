"""What a claim costs among many rows that may not run now."""

from __future__ import annotations

import statistics
import time
import uuid
from datetime import timedelta

from arriwa.bench.common import empty_queues, execute, figure, say
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import Queue
from arriwa.outbox.session import Session

CLAIMED_AT_ONCE = 50
BLOCKED = 100_000
#: The blocked rows belong to so many organizations, ours among them.
ORGANIZATIONS = 10
#: A kind without lane rules or batches of its own.
KIND = "gupshup.message"

_FILL = """
INSERT INTO public.outbox_outboxtask (queue, kind, schema_name, subject, connection, lane, batch_key,
    rate_keys, state, available_at, created_at, attempts)
SELECT %(queue)s, %(kind)s, 'bench_' || n %% %(organizations)s, gen_random_uuid(),
    ('00000000-0000-4000-8000-' || lpad((n %% %(organizations)s)::text, 12, '0'))::uuid,
    %(lane)s || CASE WHEN %(lane)s = '' THEN '' ELSE (n %% 1000)::text END, '', '[]'::jsonb,
    %(state)s, %(due)s, %(due)s, 0
FROM generate_series(1, %(count)s) n
"""


def measure(*, repetitions: int) -> None:
    """Prints claim_alone_ms, claim_blocked_ms and claim_blocked_ratio."""
    say(f"claims of {CLAIMED_AT_ONCE} tasks, {repetitions} times each …")
    empty_queues()
    with Session("arriwa bench") as session:
        _ready()
        alone = _time(session, repetitions)
        say(f"{BLOCKED} blocked rows …")
        _block()
        blocked = _time(session, repetitions)
        execute(
            "DELETE FROM public.outbox_outboxtask"
            " WHERE state NOT IN ('ready', 'claimed') OR available_at > %s",
            (real_now(),),
        )
        execute("VACUUM ANALYZE public.outbox_outboxtask")
        again = _time(session, repetitions)
    empty_queues()
    free = (alone + again) / 2
    figure("claim_alone_ms", free, "ms")
    figure("claim_blocked_ms", blocked, "ms")
    figure("claim_blocked_ratio", blocked / free, "(aim: at most 2)")


def _fill(*, count: int, state: str, lane: str = "", due_in: float = -60.0, organizations: int = 1) -> None:
    execute(
        _FILL,
        {
            "queue": Queue.INTERACTIVE.value,
            "kind": KIND,
            "organizations": organizations,
            "lane": lane,
            "state": state,
            "due": real_now() + timedelta(seconds=due_in),
            "count": count,
        },
    )


def _ready() -> None:
    """More than one claim can take, of several organizations, so that no cap ends it early."""
    _fill(count=CLAIMED_AT_ONCE * 4, state="ready", organizations=ORGANIZATIONS)
    execute("VACUUM ANALYZE public.outbox_outboxtask")


def _block() -> None:
    """Heads that hold their lanes, rows behind them, backed off, parked and held ones."""
    run = uuid.uuid4().hex
    share = BLOCKED // 5
    _fill(count=1000, state="held", lane=f"head:{run}:", organizations=ORGANIZATIONS)
    _fill(count=share * 2 - 1000, state="waiting", lane=f"head:{run}:", organizations=ORGANIZATIONS)
    _fill(count=share, state="ready", due_in=3600, organizations=ORGANIZATIONS)
    _fill(count=share, state="parked", lane=f"parked:{run}:", organizations=ORGANIZATIONS)
    _fill(count=share, state="held", organizations=ORGANIZATIONS)
    execute("VACUUM ANALYZE public.outbox_outboxtask")


def _time(session: Session, repetitions: int) -> float:
    """Median milliseconds of a claim; what it took is given back outside the clock."""
    taken = []
    for number in range(repetitions + 5):
        begin = time.perf_counter()
        tasks = session.claim(Queue.INTERACTIVE, now=real_now(), limit=CLAIMED_AT_ONCE)
        spent = (time.perf_counter() - begin) * 1000
        assert len(tasks) == CLAIMED_AT_ONCE, f"{len(tasks)} tasks were claimed, not {CLAIMED_AT_ONCE}"
        execute(
            "UPDATE public.outbox_outboxtask SET state = 'ready', claimed_by = NULL, attempts = 0"
            " WHERE state = 'claimed'"
        )
        if number >= 5:
            taken.append(spent)
    return statistics.median(taken)
