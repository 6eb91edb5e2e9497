"""Flowise: context that survives templates, and verdicts that are read or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.base.errors import ConfigurationError, MalformedReply, Unsupported
from integrations.flowise.config import FlowiseSettings
from integrations.flowise.payloads import (
    escape_state,
    options_json,
    parse_draft,
    parse_execution,
    parse_prediction,
    prediction_body,
    prediction_of,
    start_state,
)

CONFIG = {"url": "https://flows.example.org/", "flow_id": "5875e43a-0000-4000-8000-000000000001"}


def answer(output: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    good = {"verdict": "valid", "confidence": 0.95, "value": "premium", "reason": "names an option"}
    return {
        "text": '{"accepted":true}',
        "chatMessageId": "m-1",
        "executionId": "x-1",
        "sessionId": "s-1",
        "agentFlowExecutedData": [
            {"nodeId": "start", "data": {"output": {"question": "…"}, "state": {"event_id": "e-1"}}},
            {
                "nodeId": "llm",
                "data": {"output": good if output is None else output, "state": {"step": "plan"}},
            },
            {"nodeId": "reply", "data": {"output": {"content": "…"}}},
        ],
        **changes,
    }


@pytest.mark.parametrize(
    ("given", "escaped"),
    [
        ("900 $", "900 $$"),
        ("$&", "$$&"),
        ("$$", "$$$$"),
        ("{{ $vars.brand }}", "{ { $$vars.brand }}"),
        ("{{{", "{ { {"),
        ('[{"value":"a"}]', '[{"value":"a"}]'),
        ("", ""),
    ],
)
def test_state_values_survive_expansion(given: str, escaped: str) -> None:
    assert escape_state(given) == escaped
    assert "{{" not in escaped


def test_start_state_is_golden() -> None:
    options = options_json([("premium", "Премиум $99"), ("basic", "Basic")])
    assert start_state(event_id="e-1", step="plan", options=options) == [
        {"key": "event_id", "value": "e-1"},
        {"key": "step", "value": "plan"},
        {
            "key": "options",
            "value": '[{"value": "premium", "title": "Премиум $$99"}, {"value": "basic", "title": "Basic"}]',
        },
    ]


def test_body_is_golden_and_the_leads_text_is_untouched() -> None:
    question = "$& {{ $vars.brand }}\n<b>"
    assert prediction_body(question, "8f2b", [{"key": "step", "value": "plan"}]) == {
        "question": question,
        "streaming": False,
        "overrideConfig": {"sessionId": "8f2b", "startState": [{"key": "step", "value": "plan"}]},
    }


@pytest.mark.parametrize(("question", "session"), [("", "s"), (" \n\t", "s"), ("hi", ""), ("hi", "a_b")])
def test_empty_question_or_unsafe_session_is_refused(question: str, session: str) -> None:
    with pytest.raises(Unsupported):
        prediction_body(question, session, [])


def test_verdict_is_read_from_the_node_that_has_it() -> None:
    read = parse_prediction(answer(), {"premium", "basic"})
    assert (read.execution_id, read.chat_message_id, read.session_id) == ("x-1", "m-1", "s-1")
    assert (read.verdict, read.confidence, read.value, read.reason) == (
        "valid",
        0.95,
        "premium",
        "names an option",
    )
    assert (read.text, read.state) == ('{"accepted":true}', {"step": "plan"})


def test_verdict_may_stand_as_json_in_the_text() -> None:
    text = json.dumps({"verdict": "noise", "confidence": 1, "value": ""})
    read = parse_prediction({"text": text, "executionId": "x"})
    assert (read.verdict, read.confidence, read.value, read.state) == ("noise", 1.0, "", {})


@pytest.mark.parametrize(
    "output",
    [
        {"verdict": "maybe", "confidence": 0.9, "value": "premium"},
        {"verdict": ["valid"], "confidence": 0.9, "value": "premium"},
        {"verdict": "valid", "confidence": 1.01, "value": "premium"},
        {"verdict": "valid", "confidence": -0.1, "value": "premium"},
        {"verdict": "valid", "confidence": "0.9", "value": "premium"},
        {"verdict": "valid", "confidence": True, "value": "premium"},
        {"verdict": "valid", "confidence": float("nan"), "value": "premium"},
        {"verdict": "valid", "value": "premium"},
        {"verdict": "valid", "confidence": 0.9, "value": "gold"},
        {"verdict": "valid", "confidence": 0.9, "value": None},
        {"content": "Sure! That is premium."},
    ],
)
def test_anything_else_is_malformed_never_noise(output: dict[str, Any]) -> None:
    with pytest.raises(MalformedReply):
        parse_prediction(answer(output), {"premium"})


@pytest.mark.parametrize("body", [None, [], "text", {}, {"text": "{"}, {"agentFlowExecutedData": "x"}])
def test_foreign_shapes_are_malformed(body: object) -> None:
    with pytest.raises(MalformedReply):
        parse_prediction(body)


def test_value_is_free_without_options_and_for_other_verdicts() -> None:
    assert parse_prediction(answer({"verdict": "valid", "confidence": 0, "value": "gold"})).value == "gold"
    ambiguous = answer({"verdict": "ambiguous", "confidence": 0.4, "value": ""})
    assert parse_prediction(ambiguous, {"premium"}).verdict == "ambiguous"


def test_draft_needs_words() -> None:
    assert parse_draft(answer(text=" Hello \n")).text == "Hello"
    with pytest.raises(MalformedReply):
        parse_draft(answer(text=" "))


def test_finished_run_gives_its_verdict_and_a_running_one_does_not() -> None:
    row = {"id": "x-1", "sessionId": "s-1", "state": "FINISHED"}
    nodes = answer()["agentFlowExecutedData"]
    execution = parse_execution({**row, "executionData": json.dumps(nodes)})
    assert execution.start_state == {"event_id": "e-1"}
    assert (prediction_of(execution).value, prediction_of(execution).execution_id) == ("premium", "x-1")
    running = parse_execution({**row, "state": "INPROGRESS", "executionData": ""})
    assert (running.nodes, running.start_state) == ((), {})
    with pytest.raises(MalformedReply, match="INPROGRESS"):
        prediction_of(running)


@pytest.mark.parametrize(
    "item", [None, {}, {"id": "x", "executionData": "{"}, {"id": "x", "executionData": "{}"}]
)
def test_unreadable_execution_is_malformed(item: object) -> None:
    with pytest.raises(MalformedReply):
        parse_execution(item)


@pytest.mark.parametrize(
    ("config", "secrets", "field"),
    [
        ({"url": ""}, {}, "url"),
        ({"url": "ftp://x"}, {}, "url"),
        ({"url": "https://u:p@x"}, {}, "url"),
        ({"url": "https://[x"}, {}, "url"),
        ({"url": "https://x?a=1"}, {}, "url"),
        ({"flow_id": "../apikey"}, {}, "flow_id"),
        ({}, {"key": ""}, "key"),
    ],
)
def test_bad_setting_is_named(config: dict[str, str], secrets: dict[str, str], field: str) -> None:
    with pytest.raises(ConfigurationError, match=field):
        FlowiseSettings.from_connection({**CONFIG, **config}, {"key": "secret-key", **secrets})


def test_settings_normalise_the_address_and_hide_the_key() -> None:
    read = FlowiseSettings.from_connection(
        {**CONFIG, "url": "https://x.example/api/v1/"}, {"key": "secret-key"}
    )
    assert read.url == "https://x.example"
    assert "secret-key" not in repr(read)
