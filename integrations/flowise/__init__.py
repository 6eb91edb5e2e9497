"""Flowise: the agentflow that classifies free text and drafts replies (brief S1, L16)."""

from __future__ import annotations

#: The version whose behaviour was observed; older ones have known holes.
FLOWISE_VERSION = "3.1.4"

API_PATH = "/api/v1"

DOCS = {
    "prediction": "https://docs.flowiseai.com/api-reference/prediction",
    "flow_state": "https://docs.flowiseai.com/using-flowise/agentflowv2",
}

CAPABILITIES = frozenset({"classify", "draft", "executions", "abort"})

QUIRKS = (
    "HTTP status says little: a refused key, an LLM's 429 and a broken output are all 500 on /prediction.",
    "An empty question is accepted and runs the LLM: refuse it before the call.",
    "startState must be a list of {key, value}; an object is a 500.",
    "Values of startState are expanded: double $ and break up {{.",
    "overrideConfig.vars do not reach the prompts: context goes in startState.",
    "A client that hangs up does not end the run: abort it.",
    "There is no lock per session: send one message of a session at a time.",
    "An underscore in a session id breaks Flowise's clean-up.",
    "The server drops idle connections after 5 s without notice: no connection is used twice.",
    "executionData is written at the end of a run only.",
)
