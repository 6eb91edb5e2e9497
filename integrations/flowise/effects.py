"""The Agentflow's start and its judgement of free text (L14, L16; design 3, R5)."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

from django.conf import settings as django_settings

from arriwa.common.errors import ArriwaError, Disposition
from arriwa.outbox.registry import Claimed, Verdict, register_effect, register_timer
from integrations.base.effects import DONE, DeliveryEffect, Job, Proof, Skip, connection_pause
from integrations.base.errors import ConfigurationError
from integrations.base.routing import route_for_conversation
from integrations.flowise.client import FlowiseClient
from integrations.flowise.config import FlowiseSettings
from integrations.flowise.payloads import options_json, prediction_of, start_state
from integrations.flowise.servers import flowise_client, flowise_settings
from integrations.models import Agentflow, Connection, Delivery
from subscribers.conversation.local_classifier import classify
from subscribers.models import Conversation, Judgement
from subscribers.playbook.document import Question
from subscribers.selectors import playbook_content
from subscribers.services.conversation import judgement_record

START = "flowise.start"
JUDGE = "flowise.judge"
LOCAL_TIMER = "judge_locally"


class _FlowiseEffect(DeliveryEffect):
    queue = "agents"

    def settings(self, connection: Connection) -> FlowiseSettings:
        return flowise_settings(connection)


def agentflow_for(conversation: Conversation) -> Agentflow | None:
    """The flow of the number that the person wrote to, by the routing table; None when none is chosen."""
    return route_for_conversation(conversation).agentflow


def flow_id_for(delivery: Delivery, conversation: Conversation) -> str:
    """The number's own agentflow where it is of the delivery's connection; "" leaves that one's own."""
    flow = agentflow_for(conversation)
    return flow.external_id if flow is not None and flow.connection_id == delivery.connection_id else ""


def client_for(job: Job) -> FlowiseClient:
    """A client for the flow that was frozen with the request."""
    # Requests that were frozen before flows were chosen by number hold none.
    return flowise_client(job.settings.for_flow(job.request.get("flow_id", "")))


class StartEffect(_FlowiseEffect):
    """The flow hears of the new session with its context; nothing waits for its answer (L14)."""

    kind = START
    max_attempts = 6

    def load(self, deliveries: list[Delivery]) -> dict[UUID, Any]:
        """Conversations with their subscriber, by delivery."""
        rows = Conversation.objects.select_related("subscriber").in_bulk([d.fact for d in deliveries])
        return {delivery.id: rows.get(delivery.fact) for delivery in deliveries}

    def build(self, delivery: Delivery, fact: Any) -> dict[str, Any]:
        """Question, session id and start state. Raises Skip without words, ConfigurationError."""
        conversation: Conversation | None = fact
        if conversation is None:
            raise ConfigurationError("The conversation that was to start is gone.")
        first = conversation.messages.filter(direction="in").order_by("created_at").first()
        text = str((first.content or {}).get("text", "")) if first else ""
        if not text.strip():
            raise Skip("The first message has no words to start an agent with.")
        touch = conversation.touchpoints.order_by("occurred_at").first()
        state = start_state(
            event_id=str(delivery.id),
            step="start",
            asked="",
            options="[]",
            language=conversation.subscriber.language,
            source=touch.kind if touch else "",
            ad_id=touch.ad_id if touch else "",
        )
        flow_id = flow_id_for(delivery, conversation)
        return {"question": text, "session_id": str(conversation.id), "state": state, "flow_id": flow_id}

    def deliver(self, job: Job) -> Proof:
        """Starts the run or adopts an earlier attempt's. Raises the errors of `FlowiseClient.draft`."""
        request, client = job.request, client_for(job)
        if job.delivery.attempts > 1:
            known = client.find_execution(request["session_id"], str(job.delivery.id))
            if known is not None:
                return Proof(
                    known.id,
                    {
                        "execution_id": known.id,
                        "session_id": request["session_id"],
                        "adopted_from": "executions",
                    },
                )
        draft = client.draft(
            request["question"],
            request["session_id"],
            request["state"],
            django_settings.AGENT_DEADLINE_SECONDS,
        )
        return Proof(draft.execution_id, {"execution_id": draft.execution_id, "session_id": draft.session_id})


class JudgeEffect(_FlowiseEffect):
    """A free text answer is judged. Broken, slow or missing: the local classifier answers instead."""

    kind = JUDGE

    def load(self, deliveries: list[Delivery]) -> dict[UUID, Any]:
        """Judgements with conversation and subscriber, by delivery."""
        rows = Judgement.objects.select_related("conversation__subscriber").in_bulk(
            [d.fact for d in deliveries]
        )
        return {delivery.id: rows.get(delivery.fact) for delivery in deliveries}

    def build(self, delivery: Delivery, fact: Any) -> dict[str, Any]:
        """The text, its question and the earlier answers. Raises Skip when judged, ConfigurationError."""
        judgement: Judgement | None = fact
        if judgement is None:
            raise ConfigurationError("The answer that was to be judged is gone.")
        if judgement.judged_at is not None:
            raise Skip("The answer was judged already.")
        question, language = question_of(judgement)
        options = [(o.value, o.titles[language]) for o in question.options]
        state = start_state(
            event_id=str(delivery.id),
            step=question.key,
            asked=question.texts[language],
            options=options_json(options),
            language=language,
            answers=json.dumps(judgement.conversation.snapshot.get("answers", {})),
        )
        return {
            "question": judgement.text,
            "session_id": f"{judgement.conversation_id}:{judgement.turn}",
            "state": state,
            "allowed": [value for value, _ in options],
            "flow_id": flow_id_for(delivery, judgement.conversation),
            "asked_at": judgement.asked_at.timestamp(),
        }

    def deliver(self, job: Job) -> Proof:
        """Asks within the deadline or adopts a finished run. Raises the errors of `FlowiseClient.predict`."""
        request, client = job.request, client_for(job)
        started = time.monotonic()
        found = None
        if job.delivery.attempts > 1:
            found = client.find_execution(request["session_id"], str(job.delivery.id))
        prediction = (
            prediction_of(found, request["allowed"] or None)
            if found is not None and found.state == "FINISHED"
            else client.predict(
                request["question"],
                request["session_id"],
                request["state"],
                max(1.0, django_settings.AGENT_DEADLINE_SECONDS - (time.monotonic() - started)),
                allowed_values=request["allowed"] or None,
            )
        )
        return Proof(
            prediction.execution_id,
            {
                "execution_id": prediction.execution_id,
                "session_id": prediction.session_id,
                "verdict": prediction.verdict,
                "confidence": prediction.confidence,
                "value": prediction.value,
                "reason": prediction.reason,
            },
        )

    def confirmed(self, job: Job) -> None:
        """The verdict goes to the conversation (L16)."""
        assert job.proof is not None
        facts = job.proof.facts
        judgement_record(
            judgement_id=job.delivery.fact,
            verdict=facts["verdict"],
            confidence=facts["confidence"],
            value=facts["value"],
            method="flowise",
            reason=facts["reason"],
        )

    def held(self, delivery: Delivery) -> Verdict:
        """A paused connection holds no lead up."""
        self._unavailable(delivery, "connection_paused", "The Flowise connection is paused.")
        return DONE

    def _fail(self, job: Job, error: ArriwaError, task: Claimed) -> Verdict:
        if error.disposition is Disposition.PAUSE_CONNECTION:
            connection_pause(job.delivery.connection, error)
        self._unavailable(job.delivery, getattr(error, "platform_code", None) or error.code, error.message)
        return DONE

    def failed(self, job: Job, error: ArriwaError) -> None:
        """Nothing could be asked: the local classifier answers."""
        self._locally(job.delivery)

    def _unavailable(self, delivery: Delivery, code: str, text: str) -> None:
        """Unavailable is never noise: the rule-based classifier takes over and is recorded as such."""
        self._end(delivery, Delivery.State.DEAD, code, f"{text} The local classifier answered.")
        self._locally(delivery)

    def _locally(self, delivery: Delivery) -> None:
        judge_locally(delivery.fact, 0)


def judge_locally(judgement_id: UUID, turn: int) -> None:
    """The rule-based classifier answers: Flowise is unavailable, or the workspace has none (L16)."""
    judgement = Judgement.objects.select_related("conversation__subscriber").filter(id=judgement_id).first()
    if judgement is None:
        return
    question, language = question_of(judgement)
    verdict = classify(question, judgement.text, language)
    judgement_record(
        judgement_id=judgement.id,
        verdict=verdict.verdict,
        confidence=verdict.confidence,
        value=verdict.value,
        method="local",
        reason=verdict.reason,
    )


def question_of(judgement: Judgement) -> tuple[Question, str]:
    """The question that was answered and the language to speak."""
    conversation = judgement.conversation
    playbook = playbook_content(conversation.playbook_id)
    question = next(q for q in playbook.questions if q.key == judgement.question)
    return question, playbook.language_for(conversation.subscriber.language)


register_effect(StartEffect())
register_effect(JudgeEffect())
register_timer(LOCAL_TIMER, judge_locally)
