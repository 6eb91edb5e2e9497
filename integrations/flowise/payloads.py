"""Context and lead's text → prediction request; Flowise's answer → verdict (brief L16). Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.base.errors import MalformedReply, Unsupported

VERDICTS = ("valid", "noise", "ambiguous")
#: The state key that carries our event id, so that a run can be found again.
EVENT_ID_KEY = "event_id"

_OPENING = re.compile(r"\{(?=\{)")

StateEntry = dict[str, str]


def escape_state(text: str) -> str:
    """A value that survives Flowise's templates: every $ doubled, every {{ broken up by a space."""
    return _OPENING.sub("{ ", text.replace("$", "$$"))


def options_json(options: Iterable[tuple[str, str]]) -> str:
    """(value, title) pairs as the JSON list of {value, title} that the flow's prompt expects."""
    return json.dumps([{"value": value, "title": title} for value, title in options], ensure_ascii=False)


def start_state(*, event_id: str, **context: str) -> list[StateEntry]:
    """`overrideConfig.startState`: the whole context, sent anew on every call.

    `context`: text by key, such as step, asked, options (see `options_json`) and language, all from our
    database. The lead's own text never goes in here, only into `question`, where nothing is expanded.
    """
    values = {EVENT_ID_KEY: event_id, **context}
    return [{"key": key, "value": escape_state(value)} for key, value in values.items()]


def prediction_body(question: str, session_id: str, state: Sequence[StateEntry]) -> dict[str, Any]:
    """The body of POST /prediction/{flow}.

    Raises Unsupported, before anything is sent, for an empty question and for a session id that is
    empty or has an underscore.
    """
    if not question.strip():
        raise Unsupported("There is no text to classify: Flowise would run on an empty question.")
    if not session_id or "_" in session_id:
        raise Unsupported("Flowise's session id must be there and have no underscore: use a UUID.")
    return {
        "question": question,
        "streaming": False,
        "overrideConfig": {"sessionId": session_id, "startState": [dict(entry) for entry in state]},
    }


@dataclass(frozen=True, slots=True)
class Prediction:
    """Flowise's proof and its verdict. The 0.65 threshold is applied by us, not by the flow (L17)."""

    execution_id: str
    chat_message_id: str
    session_id: str
    verdict: str
    confidence: float
    value: str
    reason: str
    text: str
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """Flowise's proof and its reply in words."""

    execution_id: str
    chat_message_id: str
    session_id: str
    text: str
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Execution:
    """A run as Flowise keeps it. `state`: INPROGRESS, FINISHED, ERROR, STOPPED, TERMINATED or TIMEOUT."""

    id: str
    session_id: str
    state: str
    #: Nodes in the order in which they ran; empty while the run is going on.
    nodes: tuple[Mapping[str, Any], ...]

    @property
    def start_state(self) -> Mapping[str, Any]:
        """The state of the first node, which holds what we sent."""
        return _node_part(self.nodes[0], "state") if self.nodes else {}


def parse_prediction(answer: object, allowed_values: Collection[str] | None = None) -> Prediction:
    """The verdict in an answer of /prediction.

    Structured fields stand on the node whose output has `verdict`; a flow without such a node may give
    them as JSON in `text`. `allowed_values`: what a valid answer's `value` must be one of; None or
    empty for free text. Raises MalformedReply for an unknown verdict, a confidence outside 0 … 1 and
    a value that was not offered: the answer then counts as unavailable, never as noise.
    """
    body = _object(answer)
    found = _verdict_fields(body)
    verdict, confidence = found.get("verdict"), found.get("confidence")
    if verdict not in VERDICTS:
        raise MalformedReply("Flowise's verdict is missing or unknown.")
    # NaN fails the comparison too; true is an int to Python.
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        raise MalformedReply("Flowise's confidence is no number from 0 to 1.")
    value = found.get("value")
    text_value = "" if value is None else str(value)
    if verdict == "valid" and allowed_values and text_value not in allowed_values:
        raise MalformedReply("Flowise's value is none of those offered.")
    draft = _draft(body)
    return Prediction(
        execution_id=draft.execution_id,
        chat_message_id=draft.chat_message_id,
        session_id=draft.session_id,
        verdict=str(verdict),
        confidence=float(confidence),
        value=text_value,
        reason=str(found.get("reason") or ""),
        text=draft.text,
        state=draft.state,
    )


def parse_draft(answer: object) -> Draft:
    """The reply in an answer of /prediction. Raises MalformedReply when it has no words."""
    draft = _draft(_object(answer))
    if not draft.text:
        raise MalformedReply("Flowise's reply has no text.")
    return draft


def parse_execution(item: object) -> Execution:
    """One element of GET /executions. Raises MalformedReply for another shape."""
    body = _object(item)
    raw = body.get("executionData") or "[]"
    try:
        nodes = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError as error:
        raise MalformedReply("Flowise's executionData is no JSON.") from error
    if not body.get("id") or not isinstance(nodes, list):
        raise MalformedReply("Flowise's execution cannot be read.")
    return Execution(
        id=str(body["id"]),
        session_id=str(body.get("sessionId") or ""),
        state=str(body.get("state") or ""),
        nodes=tuple(node for node in nodes if isinstance(node, Mapping)),
    )


def prediction_of(execution: Execution, allowed_values: Collection[str] | None = None) -> Prediction:
    """The verdict of a run that was found again. Raises MalformedReply unless it finished with one."""
    if execution.state != "FINISHED":
        raise MalformedReply(f"The run is {execution.state or 'in an unknown state'}, not finished.")
    last = execution.nodes[-1] if execution.nodes else {}
    answer = {
        "executionId": execution.id,
        "sessionId": execution.session_id,
        "text": _node_part(last, "output").get("content"),
        "agentFlowExecutedData": list(execution.nodes),
    }
    return parse_prediction(answer, allowed_values)


def _object(answer: object) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise MalformedReply("Flowise's answer is no JSON object.")
    return answer


def _nodes(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    nodes = body.get("agentFlowExecutedData")
    return [node for node in nodes if isinstance(node, Mapping)] if isinstance(nodes, list) else []


def _node_part(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    data = node.get("data")
    part = data.get(name) if isinstance(data, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _verdict_fields(body: Mapping[str, Any]) -> Mapping[str, Any]:
    # A flow may loop: the last verdict is the one it ended with.
    for node in reversed(_nodes(body)):
        output = _node_part(node, "output")
        if "verdict" in output:
            return output
    try:
        parsed = json.loads(str(body.get("text") or ""))
    except ValueError:
        return {}
    return parsed if isinstance(parsed, Mapping) else {}


def _draft(body: Mapping[str, Any]) -> Draft:
    states = (_node_part(node, "state") for node in reversed(_nodes(body)))
    text = body.get("text")
    return Draft(
        execution_id=str(body.get("executionId") or ""),
        chat_message_id=str(body.get("chatMessageId") or ""),
        session_id=str(body.get("sessionId") or ""),
        text=text.strip() if isinstance(text, str) else "",
        state=next((dict(state) for state in states if state), {}),
    )
