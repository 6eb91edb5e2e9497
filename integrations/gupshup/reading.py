"""Reading values of a hook whose types cannot be trusted. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

#: Epoch values from here on are milliseconds: in seconds this is the year 5138.
_MILLISECONDS_FROM = 100_000_000_000
#: A WhatsApp business-scoped user id: country, ".", at most 128 alphanumerics.
_USER_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")


class Unreadable(Exception):
    """The item lacks what makes it one; the text names it."""


def as_dict(value: Any) -> dict[str, Any]:
    """The object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The array, or an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """Text or a number as text; "" in place of anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def read_time(value: Any) -> datetime:
    """Epoch seconds or milliseconds, as number or text. Raises Unreadable."""
    try:
        stamp = float(as_text(value))
        return datetime.fromtimestamp(stamp / 1000 if stamp >= _MILLISECONDS_FROM else stamp, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable("no readable timestamp") from error


def read_phone(value: Any) -> str | None:
    """Digits with country code, or None when the value is absent, empty or no phone (a user id)."""
    text = as_text(value).strip().removeprefix("+")
    return text if text.isascii() and text.isdigit() else None


def read_user_id(*values: Any) -> str | None:
    """The first of `values` that has the form of a business-scoped user id."""
    for value in values:
        text = as_text(value).strip()
        if _USER_ID.fullmatch(text):
            return text
    return None
