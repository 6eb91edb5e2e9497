"""What Gupshup's notices set going: a step that waits is looked at again."""

from __future__ import annotations

from uuid import UUID

from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.onboarding_calls import SUBSCRIPTIONS
from integrations.gupshup.onboarding_rows import next_enqueue, onboarding_lock, step_set
from integrations.models import NumberOnboarding
from subscribers.inbound import ChannelNotice

#: Notice -> the step whose truth it speaks of.
_ABOUT = {"account": steps.HEALTH, "template": steps.TEMPLATES}


def notice_take_in(connection: UUID, notice: ChannelNotice) -> None:
    """Notes a test call, or has Gupshup asked; a connection that was made otherwise has nothing to note."""
    known = NumberOnboarding.objects.filter(connection=connection).values_list("id", flat=True).first()
    onboarding = onboarding_lock(known) if known else None
    if onboarding is None:
        return
    if notice.kind == "set_callback":
        _test_call(onboarding, notice.version)
    elif notice.kind in _ABOUT:
        _look(onboarding, _ABOUT[notice.kind], notice.said)
    onboarding.save(update_fields=["steps"])
    next_enqueue(onboarding)


def _test_call(onboarding: NumberOnboarding, version: str) -> None:
    known = onboarding.steps.setdefault(steps.SUBSCRIPTIONS, {})
    known["seen"] = sorted({*known.get("seen", ()), version})
    whole = set(known["seen"]) >= {str(one) for one in SUBSCRIPTIONS}
    # While the call that made it is under way, its answer ends the step.
    if whole and known.get("state") in (steps.WAITING, steps.FAILED):
        step_set(onboarding, steps.SUBSCRIPTIONS, steps.DONE)


def _look(onboarding: NumberOnboarding, step: str, said: str) -> None:
    """A step that is over is looked at once more: what it found may have changed."""
    if steps.state_of(onboarding.steps, step) in (steps.DONE, steps.FAILED):
        code = "review" if step == steps.TEMPLATES else "looking"
        step_set(onboarding, step, steps.WAITING, code=code)
    onboarding.steps.setdefault("notices", {})[step] = said
