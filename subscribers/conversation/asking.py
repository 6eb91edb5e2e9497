"""Rows of ASKING, CLASSIFYING and PARKED: a question is open (L15 to L18). Pure."""

from __future__ import annotations

from datetime import datetime

from subscribers.conversation import messages
from subscribers.conversation.answering import Answer, accept, open_question, refuse
from subscribers.conversation.common import WORDLESS, pay_debt, silence, unmoved
from subscribers.conversation.draft import Draft
from subscribers.conversation.local_classifier import match_title, match_value
from subscribers.conversation.option_ids import parse_option_id
from subscribers.conversation.types import (
    Chose,
    Classified,
    Classify,
    Decision,
    Facts,
    FellSilent,
    Ordered,
    Said,
    Snapshot,
    StartTimer,
    State,
)
from subscribers.playbook.document import AnswerOption

#: Kinds whose caption counts as text.
_CAPTIONED = frozenset({"text", "image", "video", "document"})
_LONGEST_VALUE = 200


def said(snapshot: Snapshot, signal: Said, facts: Facts) -> Decision:
    """A free text waits for the lead's silence; an image or the like gets a hint, the question stays open."""
    if (debt := pay_debt(snapshot, facts)) is not None:
        return debt
    if (why := silence(facts)) != "":
        return unmoved(snapshot, f"The text is not taken as an answer. {why}")
    return _collect(snapshot, signal, facts)


def said_while_classifying(snapshot: Snapshot, signal: Said, facts: Facts) -> Decision:
    """A newer text makes the running judgement stale; both texts are judged together after silence."""
    if (why := silence(facts)) != "":
        draft = Draft(snapshot, facts)
        draft.next_turn(state=State.ASKING, judged=())
        return draft.decision(f"The newer message ends the judgement of the text before it. {why}")
    if not _answerable(signal):
        return unmoved(snapshot, f"A {signal.kind} came while a text is judged; the judgement goes on.")
    draft = Draft(snapshot, facts)
    draft.next_turn(state=State.ASKING, pending=snapshot.judged, judged=(), pending_since="")
    return _collect(draft.snapshot, signal, facts)


def said_while_parked(snapshot: Snapshot, signal: Said, facts: Facts) -> Decision:
    """The lead is back: the open question is open again and the text is judged after silence."""
    if not _answerable(signal) or silence(facts):
        return said(snapshot, signal, facts)
    draft = Draft(snapshot, facts)
    draft.move(state=State.ASKING)
    return said(draft.snapshot, signal, facts)


def chose(snapshot: Snapshot, signal: Chose, facts: Facts) -> Decision:
    """A tap on the open question, whatever its turn, answers it at once; an older one changes nothing."""
    tapped = parse_option_id(signal.option_id)
    if tapped is not None and tapped.question != snapshot.question:
        reason = f"The tap belongs to question {tapped.question + 1}, which is not the open one."
        return pay_debt(snapshot, facts) or unmoved(snapshot, f"No change. {reason}")
    option = _option(snapshot, signal, facts)
    if option is None:
        reason = "The tap is on nothing that the open question offers."
        return pay_debt(snapshot, facts) or unmoved(snapshot, f"No change. {reason}")
    text = signal.title or messages.localised(option.titles, facts)
    return accept(snapshot, Answer(text, option.value, 1.0, "choice", option), facts)


def ordered(snapshot: Snapshot, _signal: Ordered, facts: Facts) -> Decision:
    """A cart before the questions are done opens no order; the lead is asked to answer first."""
    if (debt := pay_debt(snapshot, facts)) is not None:
        return debt
    draft = Draft(snapshot, facts)
    draft.hint(messages.text("answer_first", facts))
    return draft.decision("A cart came before the last question; no order is opened yet.")


def fell_silent(snapshot: Snapshot, signal: FellSilent, facts: Facts) -> Decision:
    """The lead has finished writing: the collected texts go to the classifier as one answer."""
    if signal.turn != snapshot.turn or not snapshot.pending:
        return unmoved(snapshot, "The silence timer is stale: what it waited for is settled.")
    if (why := silence(facts)) != "":
        return unmoved(snapshot, f"The texts stay unjudged. {why}")
    draft = Draft(snapshot, facts)
    draft.next_turn(state=State.CLASSIFYING, pending=(), pending_since="", judged=snapshot.pending)
    question = open_question(snapshot, facts)
    draft.do(Classify(draft.snapshot.turn, question.key, "\n".join(snapshot.pending)))
    return draft.decision(f"The lead is silent; the text is judged as the answer to {question.key}.")


def classified(snapshot: Snapshot, signal: Classified, facts: Facts) -> Decision:
    """Valid from the threshold on is accepted; noise, ambiguous or a weak valid is re-prompted or parked."""
    if signal.turn != snapshot.turn:
        return unmoved(snapshot, f"The judgement of turn {signal.turn} is stale: the lead went on since.")
    if (why := silence(facts)) != "":
        return unmoved(snapshot, f"The judgement changes nothing. {why}")
    text = "\n".join(snapshot.judged)
    if signal.verdict == "noise":
        return refuse(snapshot, Answer(text, "", signal.confidence, signal.method), "noise", facts)
    answer = _valued(snapshot, signal, text, facts)
    if signal.verdict == "valid" and signal.confidence >= facts.playbook.threshold and answer.value:
        return accept(snapshot, answer, facts)
    return refuse(snapshot, answer, "ambiguous", facts)


def _collect(snapshot: Snapshot, signal: Said, facts: Facts) -> Decision:
    draft = Draft(snapshot, facts)
    if not _answerable(signal):
        if signal.kind in WORDLESS:
            return draft.decision(f"A {signal.kind} is no answer; the question stays open.")
        draft.hint(messages.text("unsupported", facts))
        return draft.decision(f"A message of kind {signal.kind} holds no answer; the question stays open.")
    since = snapshot.pending_since or facts.now.isoformat()
    draft.move(pending=(*snapshot.pending, signal.text), pending_since=since)
    seconds = _wait(since, facts)
    draft.timers.append(StartTimer("silence", seconds, draft.snapshot.turn))
    return draft.decision(f"The text is kept; it is judged after {seconds:g} s of silence.")


def _wait(since: str, facts: Facts) -> float:
    """Seconds of silence to wait for, so that the first text never waits beyond the limit."""
    elapsed = (facts.now - datetime.fromisoformat(since)).total_seconds()
    left = facts.playbook.silence_limit_seconds - elapsed
    return max(0.0, min(facts.playbook.silence_seconds, left))


def _answerable(signal: Said) -> bool:
    return signal.kind in _CAPTIONED and bool(signal.text.strip())


def _option(snapshot: Snapshot, signal: Chose, facts: Facts) -> AnswerOption | None:
    """The option tapped: by our id, else by its title, as a template's quick reply brings it."""
    question, tapped = open_question(snapshot, facts), parse_option_id(signal.option_id)
    if tapped is not None:
        return next((option for option in question.options if option.value == tapped.value), None)
    return match_title(question, signal.title)


def _valued(snapshot: Snapshot, signal: Classified, text: str, facts: Facts) -> Answer:
    """The judged answer with its option, if it means one. A closed form accepts options alone."""
    question = open_question(snapshot, facts)
    option = match_value(question, signal.value, facts.language) or match_value(
        question, text, facts.language
    )
    if option is not None:
        return Answer(text, option.value, signal.confidence, signal.method, option)
    value = (signal.value.strip() or text.strip())[:_LONGEST_VALUE] if question.form == "text" else ""
    return Answer(text, value, signal.confidence, signal.method)
