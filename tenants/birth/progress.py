"""How far a birth is, for the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext

from arriwa.common import clock
from tenants.birth.steps import STEPS, step_keys
from tenants.models import Birth

#: States of a step.
DONE, CURRENT, WAITING, FAILED = "done", "current", "waiting", "failed"


@dataclass(frozen=True, slots=True)
class StepProgress:
    """One step as the page shows it; `state` is done, current, waiting or failed."""

    key: str
    label: str | Promise
    state: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A birth as the page shows it. `percent` is 0 to 100; `error_text` is in the reader's language."""

    state: str
    steps: tuple[StepProgress, ...]
    percent: int
    error_text: str
    elapsed: timedelta

    @property
    def finished(self) -> bool:
        """Nothing will change by itself any more."""
        return self.state in (Birth.State.DONE, Birth.State.FAILED)


def birth_progress(birth: Birth) -> Progress:
    """The birth's steps, each with its state. Reads nothing but the row."""
    done = len(STEPS) if birth.state == Birth.State.DONE else _done(birth)
    at = {Birth.State.RUNNING: CURRENT, Birth.State.FAILED: FAILED}.get(Birth.State(birth.state), WAITING)
    return Progress(
        state=birth.state,
        steps=tuple(
            StepProgress(step.key, step.label, DONE if n < done else at if n == done else WAITING)
            for n, step in enumerate(STEPS)
        ),
        percent=100 * done // len(STEPS),
        error_text=gettext(birth.error_text) if birth.error_text else "",
        elapsed=(birth.finished_at or clock.now()) - birth.created_at,
    )


def _done(birth: Birth) -> int:
    return step_keys().index(birth.step) if birth.step else 0
