"""The controls: the record of what arrived, the fault dial, replay, accounts, the demo page's proxy."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from sandbox_client import Client, Listener, statuses, wait_for


def send(sandbox: Client, text: str = "Hello") -> requests.Response:
    return sandbox.message(type="text", text={"body": text})


def test_what_arrived_is_told_as_it_arrived(sandbox: Client) -> None:
    send(sandbox, "Привет")
    [entry] = sandbox.get("/_received?platform=gupshup").json()
    assert (entry["method"], entry["status"]) == ("POST", 200)
    assert entry["path"].endswith("/v3/message")
    assert entry["answer"]["messages"][0]["id"]
    assert entry["headers"]["Authorization"] == sandbox.demo["gupshup"]["token"]
    assert sandbox.get(f"/_received?after={entry['id']}").json() == []


def test_a_status_fault_refuses_and_counts_down(sandbox: Client) -> None:
    fault = {"platform": "gupshup", "status": 503, "times": 1, "headers": {"Retry-After": "7"}}
    assert sandbox.post("/_faults", [fault]).json()[0]["times"] == 1
    refused, served = send(sandbox), send(sandbox)
    assert (refused.status_code, refused.headers["Retry-After"], served.status_code) == (503, "7", 200)
    assert len(sandbox.held("gupshup")["messages"]) == 1


def test_a_delay_fault_waits_before_serving(sandbox: Client) -> None:
    sandbox.post("/_faults", {"platform": "gupshup", "delay": 0.3})
    start = time.monotonic()
    send(sandbox)
    assert time.monotonic() - start >= 0.3


def test_drop_after_accept_has_the_effect_and_no_answer(sandbox: Client) -> None:
    sandbox.post("/_faults", {"platform": "gupshup", "drop_after_accept": True})
    with pytest.raises(requests.ConnectionError):
        send(sandbox)
    assert len(sandbox.held("gupshup")["messages"]) == 1


def test_drop_before_accept_has_no_effect(sandbox: Client) -> None:
    sandbox.post("/_faults", {"platform": "gupshup", "drop_before_accept": True})
    with pytest.raises(requests.ConnectionError):
        send(sandbox)
    assert sandbox.held("gupshup")["messages"] == []


def test_a_rate_fault_answers_429_above_it(sandbox: Client) -> None:
    sandbox.post("/_faults", {"platform": "gupshup", "rate": 2})
    assert [send(sandbox).status_code for _ in range(3)] == [200, 200, 429]


def test_statuses_can_be_muted_while_messages_pass(sandbox: Client, listener: Listener) -> None:
    sandbox.subscribe(listener.url + "/gs")
    sandbox.post("/_faults", {"platform": "gupshup", "mute": True, "hook": "status"})
    send(sandbox)
    wait_for(lambda: sandbox.held("gupshup")["messages"][0]["statuses"][-1:])
    sandbox.act("send", text="hi")
    wait_for(
        lambda: [one for one in listener.json("/gs") if "messages" in one["entry"][0]["changes"][0]["value"]]
    )
    assert statuses(listener) == []


def test_duplicated_and_reordered_hooks(sandbox: Client, listener: Listener) -> None:
    sandbox.subscribe(listener.url + "/gs", modes="SENT,DELIVERED")
    sandbox.act("send", text="hi")
    sandbox.post("/_faults", {"platform": "gupshup", "hook": "status", "duplicate": 1, "reorder": 2})
    send(sandbox)
    got = wait_for(lambda: len(found := statuses(listener)) == 4 and found)
    assert [one["status"] for one in got] == ["delivered", "delivered", "sent", "sent"]


def test_clearing_the_dial_releases_held_hooks(sandbox: Client, listener: Listener) -> None:
    sandbox.subscribe(listener.url + "/gs", modes="SENT")
    sandbox.act("send", text="hi")
    sandbox.post("/_faults", {"platform": "gupshup", "hook": "status", "reorder": 5})
    send(sandbox)
    wait_for(lambda: sandbox.held("gupshup")["messages"][0]["statuses"][1:])
    assert statuses(listener) == []
    sandbox.session.delete(sandbox.url + "/_faults", timeout=60)
    wait_for(lambda: statuses(listener))


def test_a_hook_refused_for_the_moment_comes_again(sandbox: Client, listener: Listener) -> None:
    listener.status = 503
    sandbox.subscribe(listener.url + "/gs", modes="NONE")
    wait_for(lambda: listener.json("/gs"))
    listener.status = 200
    wait_for(lambda: len(listener.json("/gs")) == 2)
    [hook] = wait_for(lambda: [one for one in sandbox.get("/_hooks").json() if len(one["answers"]) == 2])
    assert [one["status"] for one in hook["answers"]] == [503, 200]


def test_replay_sends_the_log_again_in_the_order_asked(sandbox: Client, listener: Listener) -> None:
    sandbox.subscribe(listener.url + "/gs", modes="MESSAGE")
    wait_for(lambda: listener.hooks)
    for text in ("one", "two", "three"):
        sandbox.act("send", text=text)
        wait_for(lambda wanted=text: any(wanted in str(body) for body in listener.json("/gs")))
    before = [hook["body"] for hook in listener.hooks]
    for order, expected in (("same", before), ("reversed", before[::-1])):
        listener.hooks.clear()
        answer = sandbox.post("/_hooks/replay", {"platform": "gupshup", "order": order}).json()
        assert [hook["body"] for hook in listener.hooks] == expected
        assert [one["status"] for one in answer["answers"]] == [200] * 4
    shuffles = []
    for _ in range(2):
        listener.hooks.clear()
        sandbox.post("/_hooks/replay", {"order": "shuffled", "seed": 5})
        shuffles.append([hook["body"] for hook in listener.hooks])
    assert shuffles[0] == shuffles[1] and sorted(shuffles[0]) == sorted(before)
    assert len(sandbox.get("/_hooks").json()) == 4


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_faults", {"platform": "gupshup", "nonsense": 1}),
        ("/_faults", {"platform": "nobody"}),
        ("/_hooks/replay", {"order": "sideways"}),
        ("/_clock", {"offset_seconds": "soon"}),
        ("/gupshup/_settings", {"app_id": "nobody"}),
        ("/gupshup/_settings", {"app_id": "0d0c1111-demo-app", "statuses": ["eaten"]}),
    ],
)
def test_a_senseless_control_request_says_what_is_wrong(sandbox: Client, path: str, body: Any) -> None:
    answer = sandbox.post(path, body)
    assert answer.status_code == 400 and answer.json()["error"]


def test_accounts_can_be_added_while_running(sandbox: Client) -> None:
    settings = {
        **sandbox.demo["gupshup"],
        "app_id": "third-app",
        "token": "sk_third",
        "number": "37120000003",
    }
    sandbox.post("/_accounts", {"third": {"gupshup": settings}})
    answer = sandbox.get("/gupshup/partner/app/third-app/details", headers={"Authorization": "sk_third"})
    assert answer.json()["appDetails"]["phone"] == "37120000003"


def test_reset_empties_state_record_faults_and_clock(sandbox: Client) -> None:
    sandbox.post("/_clock", {"offset_seconds": 100})
    sandbox.post("/_faults", {"platform": "gupshup", "status": 500, "times": 0})
    sandbox.act("send", text="hi")
    send(sandbox)
    sandbox.post("/_reset")
    assert sandbox.get("/_received").json() == sandbox.get("/_faults").json() == sandbox.chat() == []
    assert sandbox.held("gupshup")["messages"] == []
    assert sandbox.get("/_clock").json()["offset_seconds"] == 0


def test_the_ledger_says_when_the_product_cannot_be_reached(sandbox: Client, listener: Listener) -> None:
    assert sandbox.get("/ledger/77010001122").json() == {"state": "unconfigured"}
    sandbox.post("/_product", {"url": "http://127.0.0.1:9", "token": "t"})
    assert sandbox.get("/ledger/77010001122").json()["state"] == "unreachable"
    sandbox.post("/_product", {"url": listener.url, "token": "t"})
    assert sandbox.get("/ledger/77010001122").json() == {"state": "unreachable", "detail": "HTTP 404"}
    sandbox.post("/_product", {"url": "", "token": ""})


def test_the_ledger_is_the_products_answer_asked_with_its_token(sandbox: Client, listener: Listener) -> None:
    rows = [{"at": "2026-11-23T10:00:00Z", "kind": "fact", "title": "First message"}]
    base = "/api/v1/subscribers/"
    listener.pages[f"{base}?phone=77010001122"] = {"subscribers": [{"uuid": "u-1"}], "total": 1}
    listener.pages[f"{base}?phone=77019999999"] = {"subscribers": [], "total": 0}
    listener.pages[f"{base}u-1/ledger/"] = {"rows": rows, "subscriber": {"uuid": "u-1"}}
    sandbox.post("/_product", {"url": listener.url + "/", "token": "s3cret"})
    found, none = sandbox.get("/ledger/77010001122").json(), sandbox.get("/ledger/77019999999").json()
    sandbox.post("/_product", {"url": "", "token": ""})
    assert (found["state"], found["rows"], none) == ("ok", rows, {"state": "no_lead"})
    assert {one["Authorization"] for one in listener.asked} == {"Bearer s3cret"}


def test_the_page_shows_ads_and_no_secrets(sandbox: Client) -> None:
    assert 'src="/static/main.js"' in sandbox.get("/").text
    told = sandbox.get("/demo/accounts").text
    assert sandbox.demo["meta"]["ads"][0]["id"] in told
    assert sandbox.demo["gupshup"]["token"] not in told
