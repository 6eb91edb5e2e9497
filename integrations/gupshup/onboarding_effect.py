"""The worker's side of an onboarding: one task takes one step (design 3, "An effect's life").

A batch key keeps two workers off one onboarding; knocks (events, timers, a press of "check") add tasks that
one call carries together. A wait is a timer, so a knock never makes a second chain of looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from arriwa.common import clock
from arriwa.common.errors import ArriwaError, Disposition
from arriwa.common.redaction import redact_text
from arriwa.outbox.enqueue import timer_set
from arriwa.outbox.finish import backoff
from arriwa.outbox.registry import Attempt, Claimed, Outcome, Verdict, register_effect, register_timer
from integrations.base.effects import DONE
from integrations.base.errors import CredentialRefused, RemoteError, Throttled
from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.kinds import ONBOARDING, ONBOARDING_TIMER
from integrations.gupshup.onboarding_calls import CALLS, Told, Work, words_of
from integrations.gupshup.onboarding_record import step_record
from integrations.gupshup.onboarding_rows import next_enqueue, onboarding_lock, step_set
from integrations.gupshup.onboarding_work import NotReady, work_for
from integrations.gupshup.tokens import partner_refused, token_refused
from integrations.models import NumberOnboarding

#: Tries before a step that keeps failing waits for a person.
MAX_ATTEMPTS = 30
#: Of those, tries with a token that Gupshup refuses.
MAX_REFUSALS = 8
#: Seconds to wait after 429: Gupshup's windows are minutes, and it names no time.
THROTTLE_PAUSE = 20.0
#: Seconds that Gupshup's test call may take.
TEST_CALL_SECONDS = 180


class OnboardingEffect:
    """Takes the next step of a number."""

    kind = ONBOARDING
    queue = "events"
    batch = 20
    exclusive = True
    parks = False

    def prepare(self, tasks: list[Claimed]) -> list[Attempt]:
        """One attempt for all tasks of the onboarding; none when nothing is to be done."""
        onboarding = onboarding_lock(tasks[0].subject)
        step = steps.next_step(onboarding.way, onboarding.steps) if onboarding else None
        if onboarding is None or step is None:
            return [Attempt(tasks, verdict=DONE)]
        if step == steps.TEST_MESSAGE and onboarding.steps[step].get("begun"):
            # A dead worker had begun it: it may have gone out, so nobody sends it again unasked.
            step_set(onboarding, step, steps.FAILED, code="maybe_sent")
            onboarding.save(update_fields=["steps"])
            return [Attempt(tasks, verdict=DONE)]
        try:
            work = work_for(onboarding, step)
        except NotReady as wait:
            return [Attempt(tasks, verdict=self._wait(onboarding, step, wait, tasks))]
        self._begin(onboarding, step)
        return [Attempt(tasks, payload=work)]

    def _wait(self, onboarding: NumberOnboarding, step: str, wait: NotReady, tasks: list[Claimed]) -> Verdict:
        state = steps.FAILED if wait.final else steps.WAITING
        step_set(onboarding, step, state, code=wait.reason, said=wait.said)
        onboarding.save(update_fields=["steps"])
        pause = min(backoff(tasks[0].attempts), 30.0)
        return DONE if wait.final else Verdict(Outcome.RETRY, delay=pause)

    def _begin(self, onboarding: NumberOnboarding, step: str) -> None:
        """What people see; a step that waits for somebody else keeps on waiting."""
        if step == steps.TEST_MESSAGE:
            onboarding.steps[step]["begun"] = True
        elif steps.state_of(onboarding.steps, step) != steps.WAITING:
            step_set(onboarding, step, steps.RUNNING)
        onboarding.save(update_fields=["steps"])

    def call(self, attempt: Attempt) -> Told:
        """The step's calls at Gupshup."""
        work: Work = attempt.payload
        return CALLS[work.step](work)

    def record(self, attempt: Attempt) -> Sequence[Verdict]:
        """What was told goes to the row; the next step, or the next look, follows."""
        work: Work = attempt.payload
        onboarding = onboarding_lock(attempt.tasks[0].subject)
        if onboarding is None:
            return [DONE] * len(attempt.tasks)
        if attempt.error is not None:
            verdict = self._failed(onboarding, work, attempt.error, attempt.tasks[0])
        else:
            step_record(onboarding, work, attempt.result)
            self._follow(onboarding, work.step)
            verdict = DONE
        onboarding.save()
        # Knocks that came along have been answered; one task is enough to try again.
        return [verdict] + [DONE] * (len(attempt.tasks) - 1)

    def _follow(self, onboarding: NumberOnboarding, step: str) -> None:
        known = onboarding.steps.get(step, {})
        state, since = known.get("state"), known.get("since")
        if state in (steps.DONE, steps.SKIPPED):
            next_enqueue(onboarding)
        elif state == steps.WAITING or (step == steps.SIGNUP and state == steps.FAILED):
            age = clock.now() - datetime.fromisoformat(since)
            look_later(onboarding.id, pause(step, known.get("code", ""), age))

    def _failed(self, onboarding: NumberOnboarding, work: Work, error: ArriwaError, task: Claimed) -> Verdict:
        refused = isinstance(error, CredentialRefused) and error.status == 401
        if refused and task.attempts <= MAX_REFUSALS and _renew(onboarding, work):
            return Verdict(Outcome.RETRY, delay=1.0)
        if isinstance(error, Throttled) and task.attempts < MAX_ATTEMPTS:
            step_set(onboarding, work.step, steps.WAITING, code="throttled")
            return Verdict(Outcome.RETRY, delay=max(error.retry_after, THROTTLE_PAUSE))
        doubtful = error.disposition in (Disposition.RETRY, Disposition.RESOLVE)
        if doubtful and work.step == steps.TEST_MESSAGE and error.disposition is Disposition.RESOLVE:
            step_set(onboarding, work.step, steps.FAILED, code="maybe_sent")
            return DONE
        if doubtful and task.attempts < MAX_ATTEMPTS:
            if work.step == steps.TEST_MESSAGE:
                onboarding.steps[work.step].pop("begun", None)
            step_set(onboarding, work.step, steps.WAITING, code="unreachable")
            return Verdict(Outcome.RETRY, delay=backoff(task.attempts))
        said = words_of(error) if isinstance(error, RemoteError) else error.message
        code = "token_refused" if refused else "refused"
        step_set(onboarding, work.step, steps.FAILED, code=code, said=redact_text(said))
        return DONE


def _renew(onboarding: NumberOnboarding, work: Work) -> bool:
    if work.partner is not None:
        partner_refused(work.partner_token)
        return True
    connection = onboarding.connection
    return connection is not None and token_refused(connection.id, work.app_token)


def pause(step: str, code: str, age: timedelta) -> timedelta:
    """Until the next look at a step that waits."""
    if step == steps.SUBSCRIPTIONS:
        return timedelta(seconds=TEST_CALL_SECONDS)
    usual = steps.poll_pause(age)
    return max(usual, timedelta(minutes=1)) if step == steps.TEMPLATES or code == "health" else usual


def look_later(identity: UUID, wait: timedelta) -> None:
    """Sets the one timer of the onboarding."""
    timer_set(kind=ONBOARDING_TIMER, subject=identity, turn=0, due_at=clock.now() + wait)


def look_again(identity: UUID, turn: int) -> None:
    """The timer: Gupshup is asked again."""
    onboarding = NumberOnboarding.objects.filter(id=identity).first()
    if onboarding is not None:
        next_enqueue(onboarding)


register_effect(OnboardingEffect())
register_timer(ONBOARDING_TIMER, look_again)
