"""The Gupshup fake refuses what WhatsApp refuses and tells the rest by statuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sandbox_client import Client, Listener, buttons, cards, rows, statuses, wait_for


@pytest.mark.parametrize("token", ["", "wrong", "Bearer wrong", "sk_other_gupshup_0002"])
def test_a_token_of_another_app_is_answered_401(sandbox: Client, token: str) -> None:
    answer = sandbox.post(sandbox.app + "/v3/message", {}, headers={"Authorization": token})
    assert answer.status_code == 401
    assert answer.json()["message"] == {"message": "Authentication Failed"}


def test_the_token_is_taken_with_and_without_bearer(sandbox: Client) -> None:
    token = sandbox.demo["gupshup"]["token"]
    for header in (token, f"Bearer {token}"):
        assert (
            sandbox.get(sandbox.app + "/health", headers={"Authorization": header}).json()["healthy"]
            == "true"
        )


@pytest.mark.parametrize(
    ("interactive", "part"),
    [
        (buttons("A", "B", "C", "D"), "1 to 3 buttons"),
        (buttons("Same", "Same"), "titles must be unique"),
        (buttons("x" * 21), "longer than 20"),
        (rows(11), "at most 10 rows"),
        (rows(1, "x" * 24), "longer than 24"),
        (cards(header=None), "header is required"),
        (cards(catalog="1"), "catalog_id"),
        (cards(product="no-such"), "not in the catalog"),
        ({**buttons("A"), "body": {"text": "x" * 1025}}, "longer than 1024"),
        ({"type": "button", "body": {"text": "x"}, "action": {"buttons": ["A"]}}, "at least one object"),
    ],
)
def test_a_broken_limit_is_refused_at_once(sandbox: Client, interactive: Any, part: str) -> None:
    sandbox.act("send", text="hi")
    answer = sandbox.message(type="interactive", interactive=interactive)
    assert answer.status_code == 400
    assert part in answer.json()["message"]
    assert sandbox.held("gupshup")["messages"] == []


@pytest.mark.parametrize("interactive", [buttons("A", "B", "C"), rows(10), cards()])
def test_a_message_at_the_limits_reaches_the_chat(sandbox: Client, interactive: Any) -> None:
    sandbox.act("send", text="hi")
    answer = sandbox.message(type="interactive", interactive=interactive)
    assert answer.status_code == 200
    assert sandbox.chat()[-1]["gs_id"] == answer.json()["messages"][0]["id"]


@pytest.mark.parametrize("to", ["+77010001122", "KZ.12345", "", None])
def test_a_recipient_that_is_no_number_is_refused(sandbox: Client, to: Any) -> None:
    assert sandbox.message(to=to, type="text", text={"body": "x"}).status_code == 400


def test_statuses_come_one_by_one_in_their_order_with_both_ids(sandbox: Client, listener: Listener) -> None:
    sandbox.subscribe(listener.url + "/gs")
    sandbox.act("send", text="hi")
    gs_id = sandbox.message(type="text", text={"body": "Hello"}).json()["messages"][0]["id"]
    got = wait_for(lambda: len(found := statuses(listener)) == 4 and found)
    assert [one["status"] for one in got] == ["enqueued", "sent", "delivered", "read"]
    assert {one["gs_id"] for one in got} == {gs_id}
    wamid = sandbox.chat()[-1]["wamid"]
    assert [one["id"] for one in got] == [gs_id, wamid, wamid, wamid]
    assert len(got[0]["timestamp"]) == 13 and len(got[1]["timestamp"]) == 10
    assert got[1]["pricing"] == {
        "pricing_model": "PMP",
        "billable": True,
        "type": "regular",
        "category": "service",
    }


def test_a_subscription_gets_only_its_modes(sandbox: Client, listener: Listener) -> None:
    sandbox.subscribe(listener.url + "/all", tag="all")
    sandbox.subscribe(listener.url + "/few", tag="few", modes="MESSAGE,DELIVERED")
    sandbox.act("send", text="hi")
    sandbox.message(type="text", text={"body": "Hello"})
    wait_for(lambda: len(statuses(listener, "/all")) == 4)
    wait_for(lambda: len(listener.json("/few")) == 3)
    assert [one["status"] for one in statuses(listener, "/few")] == ["delivered"]


def test_free_text_without_an_open_window_is_accepted_and_then_fails(
    sandbox: Client, listener: Listener
) -> None:
    sandbox.subscribe(listener.url + "/gs")
    assert sandbox.message(type="text", text={"body": "Hello"}).status_code == 200
    failed = wait_for(lambda: [one for one in statuses(listener) if one["status"] == "failed"])
    assert failed[0]["code"] == 131047
    assert sandbox.chat() == []


def test_the_window_closes_a_day_after_the_last_message_and_templates_still_pass(sandbox: Client) -> None:
    sandbox.act("send", text="hi")
    sandbox.post("/_clock", {"offset_seconds": 24 * 3600 + 60})
    sandbox.message(type="text", text={"body": "late"})
    template = {"name": "text_ru", "language": {"code": "ru"}}
    component = {"type": "body", "parameters": [{"type": "text", "text": "Вернитесь"}]}
    sandbox.message(type="template", template={**template, "components": [component]})
    late, passed = sandbox.held("gupshup")["messages"]
    assert (late["code"], passed["code"]) == (131047, 0)
    assert sandbox.chat()[-1]["body"] == "Вернитесь"


@pytest.mark.parametrize(("name", "language"), [("no_such_en", "en"), ("text_ru", "en")])
def test_a_template_unknown_in_that_language_fails_later(
    sandbox: Client, listener: Listener, name: str, language: str
) -> None:
    sandbox.subscribe(listener.url + "/gs")
    template = {"name": name, "language": {"code": language}}
    assert sandbox.message(type="template", template=template).status_code == 200
    failed = wait_for(lambda: [one for one in statuses(listener) if one["status"] == "failed"])
    assert failed[0]["code"] == 132001


def test_a_lead_from_an_ad_opens_the_free_entry_point(sandbox: Client) -> None:
    ad = sandbox.demo["meta"]["ads"][0]["id"]
    sandbox.act("tap-ad", ad_id=ad)
    sandbox.message(type="text", text={"body": "Hello"})
    pricing = sandbox.held("gupshup")["messages"][0]["pricing"]
    assert (pricing["type"], pricing["billable"]) == ("free_entry_point", False)


def test_a_new_subscription_gets_the_empty_test_event_with_its_headers(
    sandbox: Client, listener: Listener
) -> None:
    meta = json.dumps({"headers": {"X-Arriwa-Key": "s3cret"}})
    made = sandbox.subscribe(listener.url + "/gs", meta=meta).json()["subscription"]
    body = wait_for(lambda: listener.json("/gs"))[0]
    assert body["entry"][0]["changes"][0]["value"]["statuses"] == [{"type": "set-callback"}]
    assert body["gs_app_id"] == sandbox.demo["gupshup"]["app_id"]
    assert listener.hooks[0]["headers"]["X-Arriwa-Key"] == "s3cret"
    assert (made["version"], made["active"], made["meta"]) == (3, True, meta)


@pytest.mark.parametrize(
    "form", [{"tag": "taken"}, {"modes": "TEMPLATE"}, {"modes": "NONSENSE"}, {"version": "1"}, {"meta": "{"}]
)
def test_a_wrong_subscription_is_refused(sandbox: Client, listener: Listener, form: dict[str, str]) -> None:
    sandbox.subscribe(listener.url + "/gs", tag="taken")
    assert sandbox.subscribe(listener.url + "/gs", **{"tag": "free", **form}).status_code == 400


def test_a_paused_subscription_is_silent_and_a_deleted_one_gone(sandbox: Client, listener: Listener) -> None:
    made = sandbox.subscribe(listener.url + "/gs").json()["subscription"]
    headers = {"Authorization": sandbox.demo["gupshup"]["token"]}
    path = f"{sandbox.url}{sandbox.app}/subscription/{made['id']}"
    wait_for(lambda: listener.json("/gs"))
    assert sandbox.session.put(path, data={"active": "false"}, headers=headers, timeout=60).status_code == 200
    sandbox.act("send", text="hi")
    sandbox.subscribe(listener.url + "/probe", tag="probe")
    wait_for(lambda: listener.json("/probe"))
    assert len(listener.json("/gs")) == 1
    assert sandbox.session.delete(path, headers=headers, timeout=60).status_code == 200
    assert sandbox.session.get(path, headers=headers, timeout=60).status_code == 404
