"""Work that nobody waits for stands back while people are being answered (design, decision 4).

On one machine a worker with a backlog takes what the relay needs. Lowering its priority (nice) was
tried: it then held row locks while it waited for the processor, and people waited for those.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from arriwa.common.statements import Statement
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import Queue

#: Queues whose tasks may come a moment later.
PATIENT = (Queue.EVENTS, Queue.BULK)
#: Calls begun in one step while people are being answered.
FEW = 4
#: How many times as long as a step took it rests, and seconds of a rest at most: what is promised within
#: 5 s stays far below.
REST, LONGEST = 5.0, 0.4
#: A message that is older hangs at its platform, and nobody is helped by waiting for it.
FRESH = timedelta(seconds=2)

_PEOPLE = Statement(
    """
SELECT EXISTS (SELECT 1 FROM public.outbox_outboxtask
               WHERE queue = 'interactive' AND state = 'new' AND created_at > %s)
    OR EXISTS (SELECT 1 FROM public.outbox_outboxtask
               WHERE queue = 'interactive' AND state = 'claimed' AND created_at > %s)
"""
)
_turn = threading.Lock()


def step_politely(queue: str, step: Callable[[int], int]) -> int:
    """Runs `step`, which takes how many calls it may begin (0: as many as it likes); its result.

    While messages to people are under way, the PATIENT queues of a process take turns in small steps and
    rest after each.
    """
    if queue not in PATIENT or not _people_wait():
        return step(0)
    # Not for ever: a step that waits for a lock must not stop the other queue.
    mine = _turn.acquire(timeout=LONGEST)
    try:
        begin = time.monotonic()
        moved = step(FEW)
        time.sleep(min(LONGEST, REST * (time.monotonic() - begin)))
    finally:
        if mine:
            _turn.release()
    return moved


def _people_wait() -> bool:
    since = real_now() - FRESH
    row = _PEOPLE.row(since, since)
    return row is not None and bool(row[0])
