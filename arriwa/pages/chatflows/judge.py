"""Flowise as the judge of a trial chat: the same flow and the same request as in real chats."""

from __future__ import annotations

import json

from django.conf import settings

from integrations.flowise.client import FlowiseClient
from integrations.flowise.config import FlowiseSettings
from integrations.flowise.effects import flowise_client
from integrations.flowise.payloads import options_json, start_state
from integrations.models import Connection
from subscribers.conversation.types import Classified
from subscribers.models import TrialChat
from subscribers.playbook.document import Question
from subscribers.trial.chat import Judge, judge_locally
from tenants.workspaces.models import Workspace


def flowise_ready(workspace: Workspace) -> bool:
    """Whether the workspace has a Flowise that may be asked."""
    return _connection(workspace) is not None


def flowise_judge(workspace: Workspace, trial: TrialChat) -> Judge:
    """Asks the workspace's flow and raises what its client raises; without one the local classifier."""
    connection = _connection(workspace)
    if connection is None:
        return judge_locally
    config = {"url": settings.PLATFORM_URLS["flowise"], **connection.config}
    client: FlowiseClient = flowise_client(FlowiseSettings.from_connection(config, connection.secrets()))
    answers = json.dumps(trial.snapshot.get("answers", {}))

    def judge(question: Question, text: str, language: str, turn: int) -> Classified:
        options = [(option.value, option.titles[language]) for option in question.options]
        state = start_state(
            event_id=f"trial-{trial.id}-{len(trial.messages)}",
            step=question.key,
            asked=question.texts[language],
            options=options_json(options),
            language=language,
            answers=answers,
        )
        found = client.predict(
            text,
            f"trial-{trial.id}:{turn}",
            state,
            settings.AGENT_DEADLINE_SECONDS,
            allowed_values=[value for value, _ in options] or None,
        )
        return Classified(turn, found.verdict, found.confidence, found.value, "flowise", found.reason)

    return judge


def _connection(workspace: Workspace) -> Connection | None:
    mine = Connection.objects.filter(workspace=workspace, platform="flowise", state=Connection.State.ACTIVE)
    return mine.order_by("created_at").first()
