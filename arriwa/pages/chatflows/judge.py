"""Flowise in a trial: the same flows and the same requests as in real chats."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

from django.conf import settings

from integrations.flowise.payloads import options_json, start_state
from integrations.flowise.servers import flowise_client, flowise_settings
from integrations.models import Agentflow, Connection
from subscribers.conversation.types import Classified
from subscribers.models import TrialChat
from subscribers.playbook.document import Question
from subscribers.trial.chat import Judge, judge_locally
from tenants.workspaces.models import Workspace


def flowise_ready(workspace: Workspace) -> bool:
    """Whether the workspace has a Flowise with a flow that may be asked."""
    return _connection(workspace) is not None


def flowise_judge(workspace: Workspace, trial: TrialChat, flow: Agentflow | None = None) -> Judge:
    """Asks `flow`, else the workspace's own; the local classifier where there is none.

    The judge raises ConfigurationError and the errors of `FlowiseClient.predict`.
    """
    connection = flow.connection if flow else _connection(workspace)
    if connection is None:
        return judge_locally
    client = flowise_client(flowise_settings(connection).for_flow(flow.external_id if flow else ""))
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


def flow_reply(flow: Agentflow, text: str, language: str) -> str:
    """What a flow of replies says to `text`. Raises ConfigurationError and as `FlowiseClient.draft`."""
    client = flowise_client(flowise_settings(flow.connection).for_flow(flow.external_id))
    state = start_state(event_id=f"trial-{uuid4()}", step="start", asked="", options="[]", language=language)
    return client.draft(text, f"trial-{uuid4()}", state, settings.AGENT_DEADLINE_SECONDS).text


def flow_named(workspace: Workspace, text: str) -> Agentflow | None:
    """The workspace's flow with this id, if it is at Flowise already."""
    try:
        wanted = UUID(text)
    except ValueError:
        return None
    mine = Agentflow.objects.filter(workspace=workspace, id=wanted).exclude(external_id="")
    return mine.select_related("connection").first()


def _connection(workspace: Workspace) -> Connection | None:
    mine = Connection.objects.filter(
        workspace=workspace, platform="flowise", removed_at=None, state=Connection.State.ACTIVE
    )
    with_flow = mine.exclude(config__flow_id=None).exclude(config__flow_id="")
    return with_flow.order_by("created_at").first()
