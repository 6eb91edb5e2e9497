"""What an Agentflow run leaves behind: the executed nodes as Flowise 3.1.4 tells them. Pure.

Source: reference/flowise.md 1.3, recorded from a real run of Start, LLM, two conditions and a reply.
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.flowise_judge import Verdict

DECLARED = {"step": "", "asked": "", "options": "[]", "verdict": "", "confidence": "", "value": ""}
ACCEPTED = 0.65
GREETING = "Session started."


def start_state(given: Any) -> dict[str, Any]:
    """The Start node's state: declared keys with the given values on top.

    Raises TypeError in Flowise's words when startState is no array.
    """
    if given is None:
        return dict(DECLARED)
    if not isinstance(given, list):
        raise TypeError("flowStateArray is not iterable")
    # Later entries win; undeclared keys are added.
    return DECLARED | {str(item.get("key")): item.get("value") for item in given if isinstance(item, dict)}


def executed(
    question: str, state: dict[str, Any], judged: Verdict, at_ms: int
) -> tuple[str, list[dict[str, Any]]]:
    """(text of the answer, agentFlowExecutedData) of a finished run that began at `at_ms`."""
    nodes = [_start(question, state)]
    if not judged.verdict:
        nodes.append(_llm(question, state, judged, GREETING, at_ms))
        return GREETING, nodes
    result = {
        "verdict": judged.verdict,
        "confidence": judged.confidence,
        "value": judged.value,
        "reason": judged.reason,
    }
    content = json.dumps(result, ensure_ascii=False, indent=2)
    after = state | {key: result[key] for key in ("verdict", "confidence", "value")}
    nodes.append(_llm(question, after, judged, content, at_ms))
    valid = judged.verdict == "valid"
    nodes.append(_condition(0, "Is Valid", "llmAgentflow_0", after, judged.verdict, "equal", "valid", valid))
    last, label, reply = "conditionAgentflow_0", "Not Valid", "directReplyAgentflow_2"
    sure = valid and judged.confidence >= ACCEPTED
    if valid:
        last = "conditionAgentflow_1"
        nodes.append(
            _condition(
                1,
                "Is Confident",
                "conditionAgentflow_0",
                after,
                judged.confidence,
                "largerEqual",
                str(ACCEPTED),
                sure,
            )
        )
        label, reply = (
            ("Accepted", "directReplyAgentflow_0") if sure else ("Low Confidence", "directReplyAgentflow_1")
        )
    text = f'{{"accepted":{json.dumps(sure)},"result":{content}}}'
    nodes.append(_node(reply, label, [last], {"input": {}, "output": {"content": text}, "state": after}))
    return text, nodes


def _node(node_id: str, label: str, previous: list[str], data: dict[str, Any]) -> dict[str, Any]:
    return {
        "nodeId": node_id,
        "nodeLabel": label,
        "data": {"id": node_id, "name": node_id.rpartition("_")[0], **data},
        "previousNodeIds": previous,
        "status": "FINISHED",
    }


def _start(question: str, state: dict[str, Any]) -> dict[str, Any]:
    output = {"question": question, "ephemeralMemory": True}
    return _node(
        "startAgentflow_0",
        "Start",
        [],
        {"input": {"question": question}, "output": output, "state": dict(state)},
    )


def _llm(question: str, state: dict[str, Any], judged: Verdict, content: str, at_ms: int) -> dict[str, Any]:
    system = (
        f"You classify one WhatsApp reply of a lead.\nSTEP={state['step']}\nASKED={state['asked']}\n"
        f"EXPECTED_OPTIONS={state['options']}"
    )
    user = {"role": "user", "content": question}
    output = {
        "content": content,
        "timeMetadata": {"start": at_ms, "end": at_ms + 15, "delta": 15},
        "verdict": judged.verdict,
        "confidence": judged.confidence,
        "value": judged.value,
        "reason": judged.reason,
    }
    data = {
        "input": {
            "messages": [{"role": "system", "content": system}, user],
            "llmModelConfig": {"llmModel": "chatOpenAI", "modelName": "sandbox-1", "streaming": False},
        },
        "output": output,
        "state": dict(state),
        "chatHistory": [user, {"role": "assistant", "content": content}],
    }
    return _node("llmAgentflow_0", "Classify", ["startAgentflow_0"], data)


def _condition(
    number: int,
    label: str,
    previous: str,
    state: dict[str, Any],
    value: Any,
    operation: str,
    against: str,
    holds: bool,
) -> dict[str, Any]:
    branches = [
        {"value1": value, "operation": operation, "value2": against, "isFulfilled": holds},
        {"value1": "", "operation": "equal", "value2": "", "isFulfilled": not holds},
    ]
    data = {"input": {}, "output": {"conditions": branches}, "state": dict(state)}
    return _node(f"conditionAgentflow_{number}", label, [previous], data)
