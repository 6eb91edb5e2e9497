"""Flowise: the client over a real socket: deadline, abort, and errors told by their text."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from arriwa.common.errors import Disposition
from arriwa.common.http import ForbiddenAddress, HttpSession
from integrations.base.errors import (
    CredentialRefused,
    MalformedReply,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    RemoteFault,
    Throttled,
    Unreachable,
    Unsupported,
    WaitScope,
)
from integrations.flowise.client import FlowiseClient
from integrations.flowise.config import FlowiseSettings
from integrations.flowise.errors import PredictionLate
from integrations.flowise.payloads import Prediction, start_state

FLOW = "5875e43a-0000-4000-8000-000000000001"
STATE = start_state(event_id="e-1", step="plan")
NODES = [
    {"nodeId": "start", "data": {"output": {}, "state": {"event_id": "e-1"}}},
    {
        "nodeId": "llm",
        "data": {
            "output": {"verdict": "valid", "confidence": 0.9, "value": "premium"},
            "state": {"step": "plan"},
        },
    },
]
ANSWER = {
    "text": "Great!",
    "executionId": "x-1",
    "chatMessageId": "m-1",
    "sessionId": "s-1",
    "agentFlowExecutedData": NODES,
}


def client(peer: Any) -> FlowiseClient:
    settings = FlowiseSettings.from_connection({"url": peer.url, "flow_id": FLOW}, {"key": "predict-key"})
    return FlowiseClient(base_url=peer.url, settings=settings, session=HttpSession(trusted=True))


def predict(peer: Any, deadline: float = 5.0, question: str = "premium please") -> Prediction:
    return client(peer).predict(question, "s-1", STATE, deadline, {"premium"})


def test_prediction_is_asked_with_the_key_and_read(peer: Any) -> None:
    peer.answer(200, ANSWER)
    read = predict(peer)
    assert (read.verdict, read.confidence, read.value, read.text) == ("valid", 0.9, "premium", "Great!")
    assert (peer.last.method, peer.last.path) == ("POST", f"/api/v1/prediction/{FLOW}")
    assert peer.last.headers["authorization"] == "Bearer predict-key"
    assert peer.last.json["overrideConfig"] == {"sessionId": "s-1", "startState": STATE}
    assert peer.last.json["question"] == "premium please"


def test_no_connection_is_used_twice(peer: Any) -> None:
    target = client(peer)
    for _ in range(2):
        peer.answer(200, ANSWER)
        target.predict("premium", "s-1", STATE, 5.0)
    assert peer.connections == 2
    assert {request.headers["connection"] for request in peer.requests} == {"close"}


def test_draft_is_the_flows_text(peer: Any) -> None:
    peer.answer(200, ANSWER)
    assert client(peer).draft("hello", "s-1", STATE, 5.0).text == "Great!"


def test_nothing_is_sent_for_an_empty_question_or_without_time(peer: Any) -> None:
    with pytest.raises(Unsupported):
        predict(peer, question="  ")
    with pytest.raises(Unreachable):
        predict(peer, deadline=0)
    assert peer.requests == []


def test_late_prediction_is_aborted_within_the_deadline(peer: Any) -> None:
    peer.answer(200, ANSWER, delay=20)
    peer.answer(200, {"status": 200})
    started = time.monotonic()
    with pytest.raises(PredictionLate) as caught:
        predict(peer, deadline=0.3)
    assert time.monotonic() - started < 5
    assert (peer.last.method, peer.last.path) == ("PUT", f"/api/v1/chatmessage/abort/{FLOW}/s-1")
    assert caught.value.disposition is Disposition.RESOLVE
    assert caught.value.details["stopped"] is True


def test_late_prediction_whose_abort_fails_is_still_late(peer: Any) -> None:
    peer.answer(200, ANSWER, delay=1.0)
    peer.answer(500, {"message": "no"})
    with pytest.raises(PredictionLate) as caught:
        predict(peer, deadline=0.2)
    assert caught.value.details["stopped"] is False


def test_lost_answer_is_unknown_and_aborted_too(peer: Any) -> None:
    peer.answer(0)
    peer.answer(200, {"status": 200})
    with pytest.raises(OutcomeUnknown) as caught:
        predict(peer)
    assert type(caught.value) is OutcomeUnknown
    assert peer.last.method == "PUT"


def test_dead_host_is_unreachable_and_not_aborted() -> None:
    settings = FlowiseSettings("http://127.0.0.1:1", FLOW, "k")
    target = FlowiseClient(base_url=settings.url, settings=settings, session=HttpSession(trusted=True))
    with pytest.raises(Unreachable):
        target.predict("hi", "s-1", STATE, 1.0)


def test_tenants_address_is_guarded_by_default(peer: Any) -> None:
    settings = FlowiseSettings(peer.url, FLOW, "k")
    with pytest.raises(ForbiddenAddress):
        FlowiseClient(base_url=peer.url, settings=settings).predict("hi", "s-1", STATE, 1.0)
    assert peer.requests == []


def fault(text: str) -> dict[str, Any]:
    return {"statusCode": 500, "success": False, "message": f"Error: predictionsServices.{text}", "stack": {}}


ECHO = (
    'Error in LLM node: Function "extract" arguments: 429 Error in LLM node: 429 buildChatflow - Unauthorized'
)
TABLE: list[tuple[int, Any, type[RemoteError]]] = [
    (500, fault("buildChatflow - Unauthorized"), CredentialRefused),
    (500, fault("buildChatflow - Missing credentials. Please pass an apiKey"), CredentialRefused),
    (500, fault("buildChatflow - Error in LLM node: Missing credentials"), CredentialRefused),
    (500, fault("buildChatflow - Error in LLM node: 401 Incorrect API key"), CredentialRefused),
    (500, fault("buildChatflow - Error in LLM node: 429 Rate limit reached"), Throttled),
    (500, fault("buildChatflow - Error in Agent node: 429 slow down"), Throttled),
    (500, fault("buildChatflow - Error in LLM node: 500 upstream"), RemoteFault),
    (500, fault("buildChatflow - Error in LLM node: Cannot read properties of undefined"), RemoteFault),
    (500, fault(f"buildChatflow - {ECHO}"), RemoteFault),
    (500, fault("buildChatflow - Start input type not found"), RemoteFault),
    (502, "<html>bad gateway</html>", RemoteFault),
    (401, {"error": "Unauthorized Access"}, CredentialRefused),
    (403, {"message": "Forbidden"}, CredentialRefused),
    (404, {"statusCode": 404, "success": False, "message": "Chatflow not found"}, Rejected),
    (400, {"message": "bad id"}, Rejected),
    (412, None, Rejected),
    (302, None, Rejected),
    (429, "Slow down please", Throttled),
    (200, "<html>", MalformedReply),
    (200, None, MalformedReply),
    (200, {"text": "I think premium"}, MalformedReply),
]


@pytest.mark.parametrize(("status", "body", "kind"), TABLE)
def test_error_table(peer: Any, status: int, body: Any, kind: type[RemoteError]) -> None:
    peer.answer(status, body)
    with pytest.raises(RemoteError) as caught:
        predict(peer)
    assert type(caught.value) is kind
    assert len(peer.requests) == 1


def test_throttle_holds_the_connection_as_long_as_told(peer: Any) -> None:
    peer.answer(429, "slow", headers={"Retry-After": "30"})
    with pytest.raises(Throttled) as caught:
        predict(peer)
    assert (caught.value.retry_after, caught.value.scope) == (30.0, WaitScope.CONNECTION)


def test_errors_keep_none_of_the_leads_words(peer: Any) -> None:
    peer.answer(500, fault('Error in LLM node: Function "extract" arguments: my card is 4111'))
    with pytest.raises(RemoteFault) as caught:
        predict(peer)
    assert "4111" not in f"{caught.value} {caught.value.answer} {caught.value.details}"


def runs() -> dict[str, Any]:
    other = [{"nodeId": "start", "data": {"state": {"event_id": "e-2"}}}]
    rows = [
        {"id": "x-3", "sessionId": "s-1", "state": "INPROGRESS", "executionData": "[]"},
        {"id": "x-2", "sessionId": "s-1", "state": "FINISHED", "executionData": json.dumps(other)},
        {"id": "x-1", "sessionId": "s-1", "state": "FINISHED", "executionData": json.dumps(NODES)},
    ]
    return {"data": rows, "total": 3}


def test_run_is_found_by_its_event_id(peer: Any) -> None:
    peer.respond = lambda request: (200, runs())
    found = client(peer).find_execution("s-1", "e-1")
    assert found is not None and (found.id, found.state) == ("x-1", "FINISHED")
    assert client(peer).find_execution("s-1", "e-9") is None
    assert (peer.last.path, peer.last.query["sessionId"], peer.last.query["agentflowId"]) == (
        "/api/v1/executions",
        "s-1",
        FLOW,
    )


def test_key_that_may_not_view_executions_does_not_pause_the_connection(peer: Any) -> None:
    peer.answer(403, {"message": "Forbidden"})
    with pytest.raises(Unsupported, match="executions:view"):
        client(peer).executions("s-1")


def test_unreadable_or_unanswered_list_has_nothing_to_resolve(peer: Any) -> None:
    peer.answer(200, [])
    with pytest.raises(MalformedReply):
        client(peer).executions("s-1")
    peer.answer(0)
    with pytest.raises(RemoteFault):
        client(peer).executions("s-1")
