"""What follows an answer: accepted, or noise and re-prompt (L17, L18, L20). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from subscribers.conversation import messages
from subscribers.conversation.draft import Draft
from subscribers.conversation.types import Decision, Facts, RecordAnswer, Snapshot, State, UpdateDeal
from subscribers.playbook.checks import segment_audience
from subscribers.playbook.document import AnswerOption, Question

#: verdict -> the CRM's tag for it
TAGS = {"noise": "trash", "ambiguous": "ambiguous"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A judged answer to the open question. `option` is None for a free value."""

    text: str
    value: str
    confidence: float
    method: str  # choice | flowise | local
    option: AnswerOption | None = None


def open_question(snapshot: Snapshot, facts: Facts) -> Question:
    """The question that waits for an answer."""
    return facts.playbook.questions[snapshot.question]


def accept(snapshot: Snapshot, answer: Answer, facts: Facts) -> Decision:
    """Record a valid answer, mirror it, and ask the next question or make the offer."""
    asked, number = open_question(snapshot, facts), snapshot.question + 1
    draft = Draft(snapshot, facts)
    draft.record(_record(asked, snapshot, answer, "valid"))
    draft.event(
        f"QUALIFY_Q{number}",
        question=asked.key,
        value=answer.value,
        confidence=answer.confidence,
        method=answer.method,
    )
    draft.join(f"CA_QUAL_Q{number}")
    if asked.segment and answer.option is not None:
        draft.join(segment_audience(asked.segment, answer.option.value))
    if asked.crm_field:
        draft.update_deal(UpdateDeal(fields={asked.crm_field: answer.value}))
    if snapshot.mark:
        draft.leave("CA_EXCLUDE_NOISE")
        draft.update_deal(UpdateDeal(tags_remove=(snapshot.mark,)))
    draft.next_turn(
        state=State.ASKING,
        question=number,
        attempt=0,
        answers={**snapshot.answers, asked.key: answer.value},
        mark="",
        pending=(),
        pending_since="",
        judged=(),
    )
    reason = f"The answer to question {number} ({asked.key}) is {answer.value}, by {answer.method}"
    if number < len(facts.playbook.questions):
        draft.do(messages.question(draft.snapshot, facts))
        return draft.decision(f"{reason}; question {number + 1} is asked.")
    _qualify(draft)
    return draft.decision(f"{reason}; it was the last, so the lead is qualified and gets the offer.")


def _qualify(draft: Draft) -> None:
    """All questions are answered: audience A1 -> A2, deal qualified, offer sent (L20)."""
    draft.move(state=State.OFFERING)
    draft.event("QUALIFY_COMPLETE", answers=dict(draft.snapshot.answers))
    draft.leave("A1_STARTED_NOT_FINISHED")
    draft.join("A2_QUALIFIED")
    draft.update_deal(UpdateDeal(stage="qualified"))
    draft.do(messages.cards(draft.snapshot, draft.facts))


def refuse(snapshot: Snapshot, answer: Answer, verdict: str, facts: Facts) -> Decision:
    """Record a noise or ambiguous answer; mark the lead, then re-prompt or park (L18)."""
    asked, attempt = open_question(snapshot, facts), snapshot.attempt + 1
    draft = Draft(snapshot, facts)
    draft.record(_record(asked, snapshot, answer, verdict))
    kind = verdict.upper()
    draft.event(
        kind,
        f"{kind}:{asked.key}:{attempt}",
        question=asked.key,
        attempt=attempt,
        confidence=answer.confidence,
    )
    if attempt >= facts.playbook.mark_at_attempt:
        _mark(draft, TAGS[verdict])
    draft.next_turn(state=State.ASKING, attempt=attempt, judged=())
    reason = f"Answer {attempt} to question {snapshot.question + 1} ({asked.key}) is {verdict}"
    most = facts.playbook.max_attempts
    if attempt <= most:
        draft.do(messages.reprompt(draft.snapshot, facts))
        return draft.decision(f"{reason}; the question is put in other words ({attempt} of {most}).")
    draft.move(state=State.PARKED)
    if attempt > most + 1:
        return draft.decision(f"{reason}; the conversation stays parked, and that was said before.")
    draft.do(messages.text("parked", facts, purpose="parked"))
    return draft.decision(f"{reason}; {most} re-prompts are used up, so the conversation is parked.")


def _mark(draft: Draft, tag: str) -> None:
    """Tag the lead and exclude it from ads; a changed tag replaces the one before."""
    old = draft.snapshot.mark
    if old == tag:
        return
    if not old:
        draft.join("CA_EXCLUDE_NOISE")
    draft.update_deal(UpdateDeal(tags_add=(tag,), tags_remove=(old,) if old else ()))
    draft.move(mark=tag)


def _record(asked: Question, snapshot: Snapshot, answer: Answer, verdict: str) -> RecordAnswer:
    return RecordAnswer(
        question=asked.key,
        attempt=snapshot.attempt + 1,
        text=answer.text,
        value=answer.value,
        verdict=verdict,
        confidence=answer.confidence,
        method=answer.method,
    )
