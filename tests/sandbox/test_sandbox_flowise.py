"""The fake Flowise answers as 3.1.4 did and judges replies by rules (reference/flowise.md)."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
import requests
from sandbox_client import ACCOUNTS, Client, wait_for

from sandbox.flowise_judge import judge

DEMO, OTHER = ACCOUNTS["demo"]["flowise"], ACCOUNTS["other"]["flowise"]
FLOW = DEMO["flow_id"]
PLANS = [{"value": "basic", "title": "Básico"}, {"value": "premium", "title": "Premium"}]


def flowise(
    sandbox: Client, method: str, path: str, body: Any = None, key: str = DEMO["key"], **options: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{sandbox.url}/flowise/api/v1{path}"
    return requests.request(method, url, json=body, headers=headers, **{"timeout": 10, **options})


def asking(text: str, session: str = "s-1", **state: Any) -> dict[str, Any]:
    given = {"step": "plan", "asked": "¿Qué plan?", "options": json.dumps(PLANS)} | state
    pairs = [{"key": key, "value": value} for key, value in given.items()]
    return {"question": text, "overrideConfig": {"sessionId": session, "startState": pairs}}


def predict(sandbox: Client, body: Any, flow: str = FLOW, **options: Any) -> requests.Response:
    return flowise(sandbox, "POST", f"/prediction/{flow}", body, **options)


def test_a_reply_is_judged_as_recorded_from_the_real_server(sandbox: Client) -> None:
    body = predict(sandbox, asking("me interesa el plan Premium", "bm1:lead-0")).json()
    assert set(body) == {
        "text",
        "question",
        "chatId",
        "chatMessageId",
        "executionId",
        "sessionId",
        "agentFlowExecutedData",
    }
    assert (body["chatId"], body["sessionId"]) == ("bm1:lead-0", "bm1:lead-0")
    [output] = [
        n["data"]["output"] for n in body["agentFlowExecutedData"] if "verdict" in n["data"]["output"]
    ]
    assert (output["verdict"], output["value"]) == ("valid", "premium") and output["confidence"] >= 0.9
    assert json.loads(body["text"])["accepted"] is True
    assert json.loads(body["text"])["result"] == json.loads(output["content"])
    labels = [node["nodeLabel"] for node in body["agentFlowExecutedData"]]
    assert labels == ["Start", "Classify", "Is Valid", "Is Confident", "Accepted"]
    assert body["agentFlowExecutedData"][1]["data"]["state"]["verdict"] == "valid"


def test_a_session_starts_with_a_short_text_and_no_verdict(sandbox: Client) -> None:
    body = predict(sandbox, asking("Здравствуйте!", step="start", options="[]")).json()
    assert body["text"] == "Session started."
    assert body["agentFlowExecutedData"][1]["data"]["output"]["verdict"] == ""


def test_an_empty_body_is_accepted(sandbox: Client) -> None:
    body = predict(sandbox, {}).json()
    assert body["question"] == "" and uuid.UUID(body["sessionId"])


@pytest.mark.parametrize("key", ["", "wrong", OTHER["key"]])
def test_a_wrong_key_on_a_prediction_is_500(sandbox: Client, key: str) -> None:
    answer = predict(sandbox, asking("x"), key=key)
    assert answer.status_code == 500 and answer.json()["message"].endswith("buildChatflow - Unauthorized")
    assert sandbox.held("flowise")["executions"] == []


@pytest.mark.parametrize(("flow", "status"), [(str(uuid.UUID(int=1)), 404), ("not-a-uuid", 400), ("", 412)])
def test_unknown_flows_are_refused(sandbox: Client, flow: str, status: int) -> None:
    answer = flowise(sandbox, "POST", f"/prediction/{flow}".rstrip("/"), asking("x"))
    assert (answer.status_code, answer.json()["success"]) == (status, False)


def test_start_state_as_an_object_is_500(sandbox: Client) -> None:
    body = asking("x") | {"overrideConfig": {"startState": {"step": "plan"}}}
    answer = predict(sandbox, body)
    assert answer.status_code == 500 and "flowStateArray is not iterable" in answer.json()["message"]
    assert sandbox.held("flowise")["executions"] == []


def test_malformed_predictions_are_500(sandbox: Client) -> None:
    assert predict(sandbox, {"question": "x", "form": {"a": 1}}).status_code == 500
    assert predict(sandbox, {"question": "x", "history": "no list"}).status_code == 500


def test_vars_do_not_reach_the_judge(sandbox: Client) -> None:
    body = asking("Premium") | {"overrideConfig": {"sessionId": "v", "vars": {"options": ["Premium"]}}}
    assert predict(sandbox, body).json()["agentFlowExecutedData"][1]["data"]["output"]["verdict"] == ""


def test_executions_are_stored_by_session_with_their_start_state(sandbox: Client) -> None:
    first = predict(sandbox, asking("Premium", "a")).json()["executionId"]
    predict(sandbox, asking("Premium", "b"))
    query = f"/executions?sessionId=a&agentflowId={FLOW}"
    found = flowise(sandbox, "GET", query).json()
    assert found["total"] == 1 and found["data"][0]["id"] == first
    run = flowise(sandbox, "GET", f"/executions/{first}").json()
    assert (run["state"], run["agentflowId"], run["sessionId"]) == ("FINISHED", FLOW, "a")
    assert json.loads(run["executionData"])[0]["data"]["state"]["step"] == "plan"
    assert run["createdDate"].endswith("Z")
    assert flowise(sandbox, "GET", "/executions/none").status_code == 500
    for key in ("", "wrong"):
        refused = flowise(sandbox, "GET", query, key=key)
        assert (refused.status_code, refused.json()) == (401, {"error": "Unauthorized Access"})


def test_a_sessions_messages_and_executions_can_be_deleted(sandbox: Client) -> None:
    predict(sandbox, asking("Premium", "a"))
    number = predict(sandbox, asking("Premium", "b")).json()["executionId"]
    path = f"/chatmessage/{FLOW}?sessionId=a"
    assert [m["role"] for m in flowise(sandbox, "GET", path).json()] == ["userMessage", "apiMessage"]
    flowise(sandbox, "DELETE", path)
    assert [run["id"] for run in sandbox.held("flowise")["executions"]] == [number]
    gone = flowise(sandbox, "DELETE", "/executions", {"executionIds": [number, "none"]}).json()
    assert gone == {"success": True, "deletedCount": 1}


def abandon(sandbox: Client) -> None:
    """A prediction that is slow until the dial is cleared, and whose client leaves."""
    sandbox.post("/_faults", {"platform": "flowise", "path": "/prediction/", "delay": 60, "times": 1})
    with pytest.raises(requests.Timeout):
        predict(sandbox, asking("Premium", "slow"), timeout=0.2)
    wait_for(lambda: stored(sandbox))


def stored(sandbox: Client) -> str:
    """The run's state, "" while there is none."""
    runs = flowise(sandbox, "GET", "/executions?sessionId=slow").json()["data"]
    assert len(runs) <= 1
    return str(runs[0]["state"]) if runs else ""


def test_a_run_that_its_client_abandons_goes_on(sandbox: Client) -> None:
    abandon(sandbox)
    assert stored(sandbox) == "INPROGRESS"
    sandbox.session.delete(sandbox.url + "/_faults", timeout=60)
    wait_for(lambda: stored(sandbox) == "FINISHED")


def test_an_abort_ends_an_abandoned_run_as_an_error(sandbox: Client) -> None:
    abandon(sandbox)
    assert flowise(sandbox, "PUT", f"/chatmessage/abort/{FLOW}/slow", key="").json()["status"] == 200
    assert stored(sandbox) == "ERROR"
    sandbox.session.delete(sandbox.url + "/_faults", timeout=60)
    answered = wait_for(lambda: [r for r in predictions(sandbox) if r["status"]])
    assert (stored(sandbox), answered[0]["status"]) == ("ERROR", 500)


def predictions(sandbox: Client) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = sandbox.get("/_received?platform=flowise&path=/prediction/").json()
    return rows


def test_a_refused_prediction_leaves_no_run(sandbox: Client) -> None:
    sandbox.post("/_faults", {"platform": "flowise", "status": 503, "times": 1})
    assert predict(sandbox, asking("Premium")).status_code == 503
    assert sandbox.held("flowise")["executions"] == []


def test_the_server_names_itself_and_its_flow(sandbox: Client) -> None:
    assert flowise(sandbox, "GET", "/ping", key="").text == "pong"
    assert flowise(sandbox, "GET", "/version", key="").json() == {"version": "3.1.4"}
    flow = flowise(sandbox, "GET", f"/chatflows/{FLOW}").json()
    assert flow["type"] == "AGENTFLOW" and "startState" in flow["apiConfig"]
    assert flowise(sandbox, "GET", f"/chatflows/{FLOW}", key="wrong").status_code == 401
    assert flowise(sandbox, "GET", f"/chatflows/{uuid.UUID(int=1)}").status_code == 404
    assert flowise(sandbox, "GET", "/nothing").status_code == 404


# --- the judge ----------------------------------------------------------------------------------

BUDGETS = ["до 500", "500-1000", "1000-3000", ">3000"]
RANGES = [
    {"value": "under_1000", "title": "Under $1000"},
    {"value": "1000_3000", "title": "$1000–3000"},
    {"value": "over_3000", "title": "$3000 or more"},
]
CHANNELS = ["Instagram", "Сайт", "Рекомендации", "Другое"]
NICHES = [
    {"value": "school", "title": "Онлайн-школа"},
    {"value": "shop", "title": "Интернет-магазин"},
    {"value": "realty", "title": "Недвижимость"},
]
READY = [
    {"value": "now", "title": "Готов сейчас"},
    {"value": "month", "title": "В этом месяце"},
    {"value": "later", "title": "Позже"},
]


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        (BUDGETS, "около 2000 долларов", "1000-3000"),
        (BUDGETS, "2k", "1000-3000"),
        (BUDGETS, "$1500", "1000-3000"),
        (BUDGETS, "полторы тысячи", "1000-3000"),
        (BUDGETS, "1 500 в месяц", "1000-3000"),
        (BUDGETS, "до 500", "до 500"),
        (BUDGETS, "700", "500-1000"),
        (BUDGETS, "больше 3000", ">3000"),
        (RANGES, "about two thousand", "1000_3000"),
        (RANGES, "over 3k", "over_3000"),
        (RANGES, "between 1000 and 3000", "1000_3000"),
        (RANGES, "$400", "under_1000"),
        (CHANNELS, "в основном инстаграм", "Instagram"),
        (CHANNELS, "не инстаграм, а сайт", "Сайт"),
        (CHANNELS, "our website", "Сайт"),
        (NICHES, "продаю одежду", "shop"),
        (NICHES, "недвижимостью занимаюсь", "realty"),
        (NICHES, "2", "shop"),
        (READY, "сейчас", "now"),
        (READY, "пока не готов", "later"),
        (READY, "через неделю", "month"),
    ],
)
def test_a_clear_answer_is_valid_with_the_options_value(options: Any, text: str, value: str) -> None:
    verdict = judge(text, step="q", asked="Вопрос?", options=json.dumps(options))
    assert (verdict.verdict, verdict.value) == ("valid", value) and verdict.confidence >= 0.85


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (BUDGETS, "не знаю"),
        (BUDGETS, "может 2000"),
        (BUDGETS, "500 или 5000"),
        (BUDGETS, "200 тысяч тенге"),
        (BUDGETS, "2"),
        (RANGES, "I don't know"),
        (CHANNELS, "привет"),
        (CHANNELS, "Hello!"),
        (CHANNELS, "instagram и сайт"),
        (CHANNELS, "maybe"),
        (CHANNELS, "сколько стоит?"),
    ],
)
def test_an_undecided_or_mixed_answer_is_ambiguous(options: Any, text: str) -> None:
    verdict = judge(text, step="q", asked="Вопрос?", options=json.dumps(options))
    assert (verdict.verdict, verdict.value) == ("ambiguous", "") and 0.4 <= verdict.confidence <= 0.6


@pytest.mark.parametrize("text", ["asdfgh", "йцукен", "фыва олдж", "😀😀", "...", "ъ", "аааа", "sdkfjh", ""])
@pytest.mark.parametrize("options", [BUDGETS, CHANNELS])
def test_an_answer_without_content_is_noise(text: str, options: Any) -> None:
    verdict = judge(text, step="q", asked="Вопрос?", options=json.dumps(options))
    assert verdict.verdict == "noise" and verdict.confidence >= 0.9


def test_an_open_question_takes_own_words() -> None:
    verdict = judge(" стоматология в Алматы ", step="q", asked="Ниша?", options="[]")
    assert (verdict.verdict, verdict.value) == ("valid", "стоматология в Алматы")
