"""What enqueuing looks up for every message, kept for seconds: connections and routes change rarely."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")
#: Seconds for which a process goes on with what another one changed. Enqueuing reads only ids and config;
#: pauses and secrets are read anew before each call.
SECONDS = 5.0
#: More than one process serves at a time; beyond it, it starts afresh.
_MOST = 20_000
_known: dict[Hashable, tuple[float, Any]] = {}


def remembered(key: Hashable, find: Callable[[], T | None]) -> T | None:
    """`find()`, or what it gave less than SECONDS ago. None is not kept. Keys begin with the schema."""
    now = time.monotonic()
    known = _known.get(key)
    if known is not None and now - known[0] < SECONDS:
        return cast(T, known[1])
    found = find()
    if found is not None:
        if len(_known) >= _MOST:
            _known.clear()
        _known[key] = (now, found)
    return found


def forget() -> None:
    """Something changed in this process: look again."""
    _known.clear()
