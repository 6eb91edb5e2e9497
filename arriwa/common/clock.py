"""Domain time. Everything that the business calls "now" comes from here (design, decision 12).

The offset is moved by `manage.py clock` in demos and tests only. Signatures, leases and token
expiry use real time (`time.time()`), never this module.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_offset = timedelta(0)


def now() -> datetime:
    """The current domain time, timezone-aware, in UTC."""
    return datetime.now(UTC) + _offset


def set_offset(offset: timedelta) -> None:
    """Moves domain time for this process by `offset` from real time."""
    global _offset
    _offset = offset


def offset() -> timedelta:
    """How far domain time is ahead of real time in this process."""
    return _offset
