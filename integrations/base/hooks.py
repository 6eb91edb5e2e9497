"""What an adapter's webhooks module offers to the receiver and to the drain (design 3). Pure."""

from __future__ import annotations

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
