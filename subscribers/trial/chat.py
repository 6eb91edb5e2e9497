"""One step of a trial chat: what the owner says goes through the machine, platforms are played. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from subscribers.content import to_json
from subscribers.conversation import types as t
from subscribers.conversation.local_classifier import classify
from subscribers.conversation.machine import decide
from subscribers.playbook.document import Playbook, Question

#: Judges a free text as the answer to a question, in a language, for a turn.
Judge = Callable[[Question, str, str, int], t.Classified]
#: Where a trial's payment link leads: nowhere, by RFC 2606.
TRIAL_LINK = "https://pay.example/trial"
#: More follow-ups than any turn has; beyond them something goes in circles.
_MOST_STEPS = 20


@dataclass(frozen=True, slots=True)
class Step:
    """What a message brought. `entries`: {"direction": in | out | note, "content", "reason", "effects"}."""

    snapshot: t.Snapshot
    entries: list[dict[str, Any]]

    @property
    def offered(self) -> bool:
        """The lead has come to the offer: what a finished trial shows."""
        return self.snapshot.state in (t.State.OFFERING, t.State.CHECKOUT, t.State.PAID)


def judge_locally(question: Question, text: str, language: str, turn: int) -> t.Classified:
    """The local classifier's word."""
    return classify(question, text, language).as_signal(turn)


def trial_take(
    signal: t.Said | t.Chose | t.Ordered | t.Paid,
    *,
    snapshot: t.Snapshot,
    playbook: Playbook,
    language: str,
    now: datetime,
    known_customer: bool = False,
    judge: Judge = judge_locally,
) -> Step:
    """What the bot does with `signal`, with everything that WhatsApp and Stripe would answer at once.

    Silence comes at once, messages arrive, links exist. Raises what `judge` raises.
    """
    entries = [_heard(signal)]
    waiting: deque[t.Signal] = deque([signal])
    for _ in range(_MOST_STEPS):
        if not waiting:
            break
        facts = t.Facts(
            now=now,
            playbook=playbook,
            language=language,
            known_customer=known_customer,
            new_order=f"trial-{len(snapshot.orders) + 1}",
        )
        decision = decide(snapshot, waiting.popleft(), facts)
        snapshot = decision.snapshot
        entries += _told(decision)
        waiting.extend(_answers(decision, playbook, language, judge))
    return Step(snapshot, entries)


def pay(snapshot: t.Snapshot, playbook: Playbook) -> t.Paid | None:
    """The payment of the order in checkout, as if it came; None when there is none."""
    product = next((p for p in playbook.products if p.key == snapshot.product), None)
    if snapshot.state is not t.State.CHECKOUT or product is None:
        return None
    return t.Paid(snapshot.order, product.amount_minor, product.currency)


def _heard(signal: t.Signal) -> dict[str, Any]:
    if isinstance(signal, t.Paid):
        return {"direction": "note", "content": {"type": "paid"}, "reason": "", "effects": []}
    if isinstance(signal, t.Chose):
        text = signal.title or signal.option_id
    elif isinstance(signal, t.Ordered):
        text = ", ".join(signal.products)
    else:
        text = signal.text if isinstance(signal, t.Said) else ""
    return {"direction": "in", "content": {"type": "text", "body": text}, "reason": "", "effects": []}


def _told(decision: t.Decision) -> list[dict[str, Any]]:
    """Each message with the reason; without one the reason stands alone."""
    effects = _effects(decision)
    sends = [command for command in decision.commands if isinstance(command, t.Send)]
    if not sends:
        return [{"direction": "note", "content": {}, "reason": decision.reason, "effects": effects}]
    return [
        {
            "direction": "out",
            "content": to_json(send.content),
            "reason": decision.reason,
            "effects": effects if number == 0 else [],
        }
        for number, send in enumerate(sends)
    ]


def _effects(decision: t.Decision) -> list[str]:
    """What would be recorded and mirrored, in the brief's names."""
    found = [record.key for record in decision.records if isinstance(record, t.RecordEvent)]
    for command in decision.commands:
        if isinstance(command, t.Segment):
            found.append(f"{'+' if command.member else '−'}{command.audience}")
        elif isinstance(command, t.UpdateDeal):
            found += [f"CRM: {command.stage}"] if command.stage else []
            found += [f"CRM: {key} = {value}" for key, value in command.fields.items()]
            found += [f"CRM: +{tag}" for tag in command.tags_add]
            found += [f"CRM: −{tag}" for tag in command.tags_remove]
    return found


def _answers(decision: t.Decision, playbook: Playbook, language: str, judge: Judge) -> list[t.Signal]:
    """What the world says to the decision's commands."""
    answers: list[t.Signal] = [t.FellSilent(timer.turn) for timer in decision.timers]
    for command in decision.commands:
        if isinstance(command, t.Classify):
            question = next(q for q in playbook.questions if q.key == command.question)
            answers.append(judge(question, command.text, language, command.turn))
        elif isinstance(command, t.OpenOrder):
            answers.append(t.LinkReady(command.order, TRIAL_LINK))
        elif isinstance(command, t.Send) and command.purpose == "payment_link":
            answers.append(t.LinkSent(decision.snapshot.order))
        elif isinstance(command, t.Send) and command.purpose == "cards":
            answers.append(t.CardsDelivered(tuple(getattr(command.content, "products", ()))))
    return answers
