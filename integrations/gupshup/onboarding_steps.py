"""The steps by which a number comes on WhatsApp, per way, and what follows what. Pure (reference 1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

WAITING, RUNNING, DONE, FAILED, SKIPPED = "waiting", "running", "done", "failed", "skipped"
NEW, EXISTING, MIGRATE = "new", "existing", "migrate"

APP: Final = "app"
REGION: Final = "region"
CONTACT: Final = "contact"
SUBSCRIPTIONS: Final = "subscriptions"
LINK: Final = "link"
SIGNUP: Final = "signup"
REGISTER: Final = "register"
HEALTH: Final = "health"
TEMPLATES_ON: Final = "templates_on"
USER_IDS: Final = "bsuid"
TEMPLATES: Final = "templates"
PAGE_LINK: Final = "page_link"
TEST_MESSAGE: Final = "test_message"

_BEFORE: Final = (APP, REGION, CONTACT, SUBSCRIPTIONS, LINK, SIGNUP, REGISTER)
_AFTER: Final = (HEALTH, TEMPLATES_ON, USER_IDS, TEMPLATES, PAGE_LINK, TEST_MESSAGE)
STEPS: Final[dict[str, tuple[str, ...]]] = {
    NEW: (*_BEFORE, *_AFTER),
    MIGRATE: (*_BEFORE, *_AFTER),
    EXISTING: (SUBSCRIPTIONS, *_AFTER),
}
#: Steps that the owner takes: no worker waits for them, and none of them holds another up.
BY_OWNER: Final = frozenset({PAGE_LINK, TEST_MESSAGE})


@dataclass(frozen=True, slots=True)
class Shown:
    """One step as it stands."""

    step: str
    state: str
    #: Why it waits or failed: a key of the texts in `arriwa.pages.onboarding`.
    code: str = ""
    #: The platform's own words.
    said: str = ""


def state_of(steps: Mapping[str, Any], step: str) -> str:
    """The step's state, "" before it has begun."""
    return str(steps.get(step, {}).get("state", ""))


def shown(way: str, steps: Mapping[str, Any]) -> list[Shown]:
    """All steps of the way in their order."""
    rows = []
    for step in STEPS[way]:
        known = steps.get(step, {})
        rows.append(Shown(step, known.get("state", ""), known.get("code", ""), known.get("said", "")))
    return rows


def next_step(way: str, steps: Mapping[str, Any]) -> str | None:
    """The step for a worker: the first that is not over, or a test message that was asked for.

    None when the owner has to act, or all is over.
    """
    if state_of(steps, TEST_MESSAGE) == WAITING:
        return TEST_MESSAGE
    for step in STEPS[way]:
        if step not in BY_OWNER and state_of(steps, step) not in (DONE, SKIPPED):
            return step
    return None


#: Age of the wait -> how often it is looked again; events come first where they come.
_PAUSES: Final = (
    (timedelta(minutes=10), timedelta(seconds=15)),
    (timedelta(hours=1), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(minutes=10)),
)
LONGEST_PAUSE: Final = timedelta(hours=1)


def poll_pause(age: timedelta) -> timedelta:
    """How long to wait before the next look."""
    return next((pause for limit, pause in _PAUSES if age < limit), LONGEST_PAUSE)


def app_name(workspace: str, identity: str, attempt: int) -> str:
    """A name that nobody else has: the same for the same onboarding and attempt.

    Letters and digits only, for Gupshup takes nothing else; `identity` is the onboarding's hex id.
    """
    slug = "".join(c for c in workspace if c.isascii() and c.isalnum())[:24]
    return f"arriwa{slug}{identity[:12]}{attempt or ''}"
