"""The order in which a workspace opens: number first, then credentials, then everything (T3). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What is known of a workspace."""

    #: A WhatsApp number can send (T3.2, T3.3).
    number_live: bool = False
    #: The owner granted what step 5 asks for (T3.5).
    ads_granted: bool = False
    #: Kinds of required assets that are not chosen yet, in words.
    assets_missing: tuple[str, ...] = ()


#: The stages in their order; a page or endpoint names the stage from which on it is open.
ONBOARDING: Final = "onboarding"
CREDENTIALS: Final = "credentials"
OPEN: Final = "open"
STAGES: Final = (ONBOARDING, CREDENTIALS, OPEN)


@dataclass(frozen=True, slots=True)
class Gate:
    """Where a workspace stands. `reason` is a key of the messages in `arriwa.pages.gate`."""

    stage: str
    reason: str
    missing: tuple[str, ...] = ()

    def opens(self, stage: str) -> bool:
        """Whether something that opens at `stage` is open."""
        return STAGES.index(self.stage) >= STAGES.index(stage)


def gate_of(facts: GateFacts) -> Gate:
    """The workspace's stage, and what it waits for."""
    if not facts.number_live:
        return Gate(ONBOARDING, "number")
    if not facts.ads_granted:
        return Gate(CREDENTIALS, "consent")
    if facts.assets_missing:
        return Gate(CREDENTIALS, "assets", facts.assets_missing)
    return Gate(OPEN, "")
