"""What an adapter's webhooks module offers to the receiver and to the drain (design 3). Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from arriwa.common.errors import ArriwaError
from subscribers.inbound import Inbound


class UnparsableHook(ArriwaError):
    """The hook cannot be read; see its dead receipt, correct the parser and replay it."""


@dataclass(frozen=True, slots=True)
class BrokenItem:
    """One item of a hook that could not be read; its siblings are served all the same."""

    key: str
    #: What could not be read, without personal data.
    reason: str
    #: The platform's own item.
    raw: Any


class HookHandler(Protocol):
    """An adapter's `webhooks` module."""

    def verify(self, raw: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: float) -> bool:
        """Whether the sender knows one of `secrets` (current, then previous).

        `headers` have lower-case names; `now` is real time in epoch seconds. Never raises.
        """

    def parse(self, raw: bytes) -> list[Inbound | BrokenItem]:
        """The hook's events in the order in which they are to be served. Raises UnparsableHook."""


def read_json(raw: bytes) -> Any:
    """The hook's JSON, made safe to store as jsonb: NUL and lone surrogates in texts become U+FFFD.

    Raises UnparsableHook when it is no UTF-8, no JSON, too deep, or holds NaN or Infinity, which
    PostgreSQL refuses.
    """
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
        # Only an escape can smuggle these in; an ordinary hook is not walked.
        if b"\\u" in raw:
            value = _storable(value)
    except (ValueError, RecursionError) as error:
        raise UnparsableHook(f"The hook is no readable JSON ({type(error).__name__}).") from error
    return value


def _refuse(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value
