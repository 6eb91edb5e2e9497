"""Runs a stored agentflow of a start node and an LLM node, with the sandbox's judge as the model. Pure.

Source: reference/flowise.md 1.3 and 2: what is not declared, enabled or marked there is silently left out.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.flowise_flow import GREETING
from sandbox.flowise_judge import Verdict, judge

_STATE = re.compile(r"\{\{\s*\$flow\.state\.([\w-]+)\s*\}\}")


class Unrunnable(Exception):
    """What buildChatflow throws on, in its words."""


def run(
    flow: dict[str, Any], question: str, given: Any, credentials: set[str], at_ms: int
) -> tuple[str, list[dict[str, Any]], Verdict, dict[str, Any]]:
    """(text, agentFlowExecutedData, verdict, start state). `given`: overrideConfig.startState.

    Raises Unrunnable; TypeError when the start state is no array.
    """
    graph = json.loads(flow["flowData"] or "{}")
    nodes = {node["data"].get("name"): node["data"] for node in graph.get("nodes") or () if "data" in node}
    start, llm = nodes.get("startAgentflow"), nodes.get("llmAgentflow")
    if start is None or not start["inputs"].get("startInputType"):
        raise Unrunnable("Start input type not found")
    if llm is None:
        raise Unrunnable("The sandbox runs a start node and an LLM node")
    state = _start_state(flow, start, given)
    config = llm["inputs"].get("llmModelConfig") or {}
    wanted = config.get("FLOWISE_CREDENTIAL_ID")
    if wanted and wanted not in credentials:
        raise Unrunnable(f"Error in LLM node: Missing credentials: {wanted} not found")
    messages = [
        {**one, "content": _expanded(llm, one["content"], state)} for one in llm["inputs"]["llmMessages"]
    ]
    structured = llm["inputs"].get("llmStructuredOutput")
    verdict = (
        judge(question, step=_text(state, "step"), asked=_text(state, "asked"), options=state.get("options"))
        if structured
        else Verdict("", 0.0, "", "not judged")
    )
    if verdict.verdict:
        text = json.dumps(vars(verdict), ensure_ascii=False, indent=2)
    elif structured:
        text = GREETING
    else:
        # A model's words, the same each time.
        text = f"{config.get('modelName')} answers: {question}"
    begun = _node(start, [], {"input": {"question": question}, "output": {"question": question}}, dict(state))
    output: dict[str, Any] = {
        "content": text,
        "timeMetadata": {"start": at_ms, "end": at_ms + 15, "delta": 15},
    }
    if structured:
        output |= vars(verdict)
    after = state | (_updates(llm, vars(verdict)) if verdict.verdict else {})
    data = {
        "input": {
            "messages": [*messages, {"role": "user", "content": question}],
            "llmModelConfig": {k: v for k, v in config.items() if k != "FLOWISE_CREDENTIAL_ID"},
        },
        "output": output,
    }
    return text, [begun, _node(llm, [start["id"]], data, after)], verdict, state


def _start_state(flow: dict[str, Any], start: dict[str, Any], given: Any) -> dict[str, Any]:
    declared = {one["key"]: one["value"] for one in start["inputs"].get("startState") or ()}
    if given is None or not _overridable(flow, start["label"]):
        return declared
    if not isinstance(given, list):
        raise TypeError("flowStateArray is not iterable")
    return declared | {str(one.get("key")): one.get("value") for one in given if isinstance(one, dict)}


def _overridable(flow: dict[str, Any], label: str) -> bool:
    """By the node's label, so that a renamed node takes no overrides any more."""
    override = json.loads(flow["apiConfig"] or "{}").get("overrideConfig") or {}
    params = (override.get("nodes") or {}).get(label) or ()
    return bool(override.get("status")) and any(
        one.get("name") == "startState" and one.get("enabled") for one in params
    )


def _expanded(node: dict[str, Any], content: str, state: dict[str, Any]) -> str:
    """References are replaced only where the saved flow says acceptVariable; else they stay as they are."""
    params = {one["name"]: one for one in node.get("inputParams") or ()}
    if not params.get("llmMessages", {}).get("acceptVariable"):
        return content
    return _STATE.sub(lambda match: _text(state, match.group(1)), content)


def _updates(node: dict[str, Any], output: dict[str, Any]) -> dict[str, Any]:
    """llmUpdateState, whose values name fields of the output."""
    found = {}
    for one in node["inputs"].get("llmUpdateState") or ():
        name = re.fullmatch(r"\{\{\s*output\.(\w+)\s*\}\}", one["value"])
        if name and name.group(1) in output:
            found[one["key"]] = output[name.group(1)]
    return found


def _text(state: dict[str, Any], key: str) -> str:
    return str(state.get(key) or "")


def _node(
    node: dict[str, Any], previous: list[str], data: dict[str, Any], state: dict[str, Any]
) -> dict[str, Any]:
    return {
        "nodeId": node["id"],
        "nodeLabel": node["label"],
        "data": {"id": node["id"], "name": node["name"], **data, "state": state},
        "previousNodeIds": previous,
        "status": "FINISHED",
    }
