"""What the number's page shows of an onboarding; no secret, and of the contact nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from arriwa.outbox.enqueue import real_now
from arriwa.pages.onboarding.words import CODES, STATES, STEPS, TEMPLATE_BADGES
from integrations.gupshup import onboarding_steps as steps
from integrations.models import MessageTemplate, NumberOnboarding, OrphanStatus

_ORDER = {"enqueued": 0, "sent": 1, "delivered": 2, "read": 3, "failed": 4}


@dataclass(frozen=True, slots=True)
class StepShown:
    """One line of the list. `css`: done | current | waiting | failed."""

    step: str
    code: str
    title: str
    about: str
    state: str
    css: str
    badge: str
    word: str
    text: str
    said: str


def step_list(onboarding: NumberOnboarding) -> list[StepShown]:
    """The steps as lines; the one that everything waits for is the current one."""
    current = steps.next_step(onboarding.way, onboarding.steps)
    lines = []
    for row in steps.shown(onboarding.way, onboarding.steps):
        title, about = STEPS[row.step]
        badge, word = STATES[row.state]
        css = {"done": "done", "skipped": "done", "failed": "failed"}.get(row.state, "")
        css = css or ("current" if row.step == current else "waiting")
        text = CODES.get(row.code, "")
        lines.append(
            StepShown(
                step=row.step,
                code=row.code,
                title=str(title),
                about=str(about),
                state=row.state,
                css=css,
                badge=badge,
                word=str(word),
                text=str(text),
                said=row.said,
            )
        )
    return lines


def overall(onboarding: NumberOnboarding) -> dict[str, Any]:
    """{"badge", "word_key", "percent"} of the whole way."""
    rows = steps.shown(onboarding.way, onboarding.steps)
    over = sum(row.state in (steps.DONE, steps.SKIPPED) for row in rows)
    failed = any(row.state == steps.FAILED for row in rows)
    key = "live" if onboarding.live_at else "failed" if failed else "under_way"
    return {"key": key, "failed": failed, "percent": round(100 * over / len(rows))}


def link_shown(onboarding: NumberOnboarding) -> dict[str, Any] | None:
    """The signup page while it is of use: {"url", "ends", "expired"}."""
    if not onboarding.link or onboarding.way == steps.EXISTING:
        return None
    if steps.state_of(onboarding.steps, steps.SIGNUP) == steps.DONE:
        return None
    ends: datetime | None = onboarding.link_expires_at
    expired = ends is not None and ends <= real_now()
    renewing = bool(onboarding.steps.get(steps.LINK, {}).get("renew"))
    return {"url": onboarding.link, "ends": ends, "expired": expired, "renewing": renewing}


def templates_of(onboarding: NumberOnboarding) -> list[dict[str, Any]]:
    """The number's templates with the badge of their status."""
    if onboarding.connection is None:
        return []
    rows = MessageTemplate.objects.filter(connection=onboarding.connection).order_by("name", "language")
    return [{"row": row, "badge": TEMPLATE_BADGES.get(row.status, "muted")} for row in rows]


def test_status(onboarding: NumberOnboarding) -> str:
    """How far the test message has come: sent, delivered, read, failed; "" when nothing is known."""
    gs_id = onboarding.steps.get(steps.TEST_MESSAGE, {}).get("gs_id", "")
    if not gs_id:
        return ""
    known = [row.status.get("status", "") for row in OrphanStatus.objects.filter(gs_id=gs_id)]
    return max(known, key=lambda one: _ORDER.get(one, -1), default="")


def moving(onboarding: NumberOnboarding) -> bool:
    """Whether something may change without this page: the owner may sign up in another tab."""
    rows = steps.shown(onboarding.way, onboarding.steps)
    return onboarding.live_at is None or any(row.state in (steps.WAITING, steps.RUNNING) for row in rows)


def acts_digest(onboarding: NumberOnboarding) -> str:
    """Changes when the forms beside the list have to change; then the page is loaded anew."""
    row = onboarding
    parts = [row.link, str(row.live_at), str(bool(row.steps.get(steps.LINK, {}).get("renew")))]
    parts += [f"{one.step}{one.state == steps.FAILED}" for one in steps.shown(row.way, row.steps)]
    parts += [steps.state_of(row.steps, step) for step in (steps.SIGNUP, *sorted(steps.BY_OWNER))]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def sandbox_page(onboarding: NumberOnboarding | None = None) -> str:
    """Where people may play the lead; "" where there is no sandbox."""
    base = settings.SANDBOX_PAGE_URL
    name = onboarding.app_name if onboarding is not None and onboarding.live_at else ""
    return f"{base}/?account={name}" if base and name else f"{base}/" if base else ""
