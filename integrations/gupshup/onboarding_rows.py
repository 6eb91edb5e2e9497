"""Reading and changing one onboarding's row: its steps, its sealed contact, its next task."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from arriwa.common import clock, sealing
from arriwa.outbox.enqueue import task_enqueue
from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.kinds import MAIL, ONBOARDING
from integrations.models import NumberOnboarding
from tenants.context import current_organization_id


def onboarding_lock(identity: UUID) -> NumberOnboarding | None:
    """The row, locked, with workspace and connection; None when it is gone."""
    return (
        NumberOnboarding.objects.select_for_update(of=("self",))
        .select_related("workspace", "connection")
        .filter(id=identity)
        .first()
    )


def contact_read(onboarding: NumberOnboarding) -> dict[str, Any]:
    """{"name", "email", "phone", "coexistence", "waba_id", "test_phone"}; {} before it was given."""
    if onboarding.contact_sealed is None:
        return {}
    opened: dict[str, Any] = sealing.unseal_json(
        onboarding.contact_sealed, organization=current_organization_id(), row=onboarding.seal_row
    )
    return opened


def contact_write(onboarding: NumberOnboarding, contact: dict[str, Any]) -> None:
    """Seals the contact into the row; the caller saves it."""
    onboarding.contact_sealed = sealing.seal_json(
        contact, organization=current_organization_id(), row=onboarding.seal_row
    )


def step_set(
    onboarding: NumberOnboarding, step: str, state: str, *, code: str = "", said: str = "", **facts: Any
) -> None:
    """Puts a step into a state; facts that it has already stay. The caller saves the row."""
    known = onboarding.steps.get(step, {})
    now = clock.now().isoformat()
    since = known.get("since", now) if known.get("state") == state else now
    onboarding.steps[step] = {
        **known, **facts, "state": state, "at": now, "since": since, "code": code, "said": said[:300]
    }  # fmt: skip


def next_enqueue(onboarding: NumberOnboarding, *, delay: float = 0.0) -> None:
    """Has the next step taken, if there is one for a worker. Inside a transaction."""
    if steps.next_step(onboarding.way, onboarding.steps) is not None:
        task_enqueue(
            kind=ONBOARDING, subject=onboarding.id, batch_key=f"onboarding:{onboarding.id}", delay=delay
        )


def mail_enqueue(onboarding: NumberOnboarding, what: str) -> None:
    """Has the owner told, once for each thing. The caller saves the row; inside a transaction."""
    told = onboarding.steps.setdefault("mail", {})
    if what not in told:
        told[what] = "waiting"
        task_enqueue(kind=MAIL, subject=onboarding.id, lane=f"mail:{onboarding.id}:{what}")
