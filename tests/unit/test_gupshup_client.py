"""Gupshup's client over real sockets: what it sends, and what each answer becomes."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from integrations.base.errors import (
    ConfigurationError,
    CredentialRefused,
    MalformedReply,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    RemoteFault,
    Throttled,
    Unreachable,
    WaitScope,
)
from integrations.gupshup import client as client_module
from integrations.gupshup.client import GupshupClient, SentMessage
from integrations.gupshup.config import GupshupSettings

CONFIG = {"app_id": "0d0c", "number": "+371 2000 0001"}
BODY = {"messaging_product": "whatsapp", "to": "37129999999", "type": "text", "text": {"body": "Hi"}}
SENT = {
    "messaging_product": "whatsapp",
    "contacts": [{"input": "37129999999", "wa_id": "37129999999"}],
    "messages": [{"id": "7b1e"}],
}


def client(url: str, token: str = "uat_77") -> GupshupClient:
    settings = GupshupSettings.from_connection(CONFIG, {"token": token})
    return GupshupClient(base_url=url, settings=settings)


def test_a_message_is_posted_once_and_its_id_is_the_proof(peer: Any) -> None:
    peer.answer(200, SENT)
    assert client(peer.url + "/").send_message(BODY) == SentMessage(
        gs_id="7b1e", wa_id="37129999999", user_id="", status="accepted", answer=SENT
    )
    (request,) = peer.requests
    assert (request.method, request.target) == ("POST", "/partner/app/0d0c/v3/message")
    assert request.json == BODY
    assert request.headers["authorization"] == "Bearer uat_77"


def test_an_old_app_token_goes_without_bearer(peer: Any) -> None:
    peer.answer(202, SENT)
    client(peer.url, "sk_old").send_message(BODY)
    assert peer.last.headers["authorization"] == "sk_old"


def test_a_send_to_a_user_id_answers_with_it(peer: Any) -> None:
    peer.answer(200, {"contacts": [{"user_id": "LV.88123"}], "messages": [{"id": "7b1e"}]})
    sent = client(peer.url).send_message(BODY)
    assert (sent.wa_id, sent.user_id) == ("", "LV.88123")


ERRORS: list[tuple[int, Any, type[RemoteError]]] = [
    (401, {"status": "error", "message": {"message": "Authentication Failed"}}, CredentialRefused),
    (401, "no json", CredentialRefused),
    (400, {"status": "error", "message": {"code": 131031, "message": "locked"}}, CredentialRefused),
    (429, {"status": "error", "message": "Too Many Requests"}, Throttled),
    (400, {"status": "error", "code": 4001, "message": "limit"}, Throttled),
    (400, {"status": "error", "message": {"code": "4001", "message": "limit"}}, Throttled),
    (400, {"error": {"code": 131056, "message": "pair"}}, Throttled),
    (400, {"error": {"code": 130429, "message": "throughput"}}, Throttled),
    (400, {"status": "error", "message": "(#131056) Pair rate limit hit"}, Throttled),
    (402, {"status": "error", "code": 1003, "message": "wallet"}, Throttled),
    (500, {"status": "error", "message": "Internal"}, RemoteFault),
    (502, "<html>", RemoteFault),
    (400, {"error": {"code": 131016, "message": "unavailable"}}, RemoteFault),
    (400, {"status": "error", "message": "Invalid Destination"}, Rejected),
    (400, {"status": "error", "message": {"message": "Invalid Destination"}}, Rejected),
    (400, {"error": {"code": 131047, "message": "re-engagement"}}, Rejected),
    (403, None, Rejected),
    (404, "no json", Rejected),
    (302, None, Rejected),
    (200, {"status": "error", "message": "Invalid App Details"}, Rejected),
    (200, {"messages": []}, MalformedReply),
    (200, {"messages": [{}]}, MalformedReply),
    (200, [1], MalformedReply),
    (202, None, MalformedReply),
    (200, "<html>", MalformedReply),
]


@pytest.mark.parametrize(("status", "body", "expected"), ERRORS)
def test_each_answer_to_a_send_has_its_error(
    peer: Any, status: int, body: Any, expected: type[RemoteError]
) -> None:
    peer.answer(status, body)
    with pytest.raises(RemoteError) as caught:
        client(peer.url).send_message(BODY)
    assert type(caught.value) is expected
    assert caught.value.status == status
    assert len(peer.requests) == 1


@pytest.mark.parametrize("message", ["Invalid Destination", {"message": "Invalid Destination"}])
def test_a_rejection_tells_the_platforms_reason_in_either_form(peer: Any, message: Any) -> None:
    peer.answer(400, {"status": "error", "message": message})
    with pytest.raises(Rejected, match="Invalid Destination"):
        client(peer.url).send_message(BODY)


@pytest.mark.parametrize(
    ("status", "body", "headers", "scope", "wait"),
    [
        (429, {}, {}, WaitScope.RATE_KEY, 5.0),
        (429, {}, {"Retry-After": "17"}, WaitScope.RATE_KEY, 17.0),
        (400, {"code": 4001, "status": "error"}, {}, WaitScope.RATE_KEY, 5.0),
        (400, {"error": {"code": 131056}}, {}, WaitScope.TASK, 6.0),
        (400, {"code": 1003, "status": "error"}, {}, WaitScope.CONNECTION, 300.0),
    ],
)
def test_a_limit_says_what_waits_and_how_long(
    peer: Any, status: int, body: Any, headers: dict[str, str], scope: WaitScope, wait: float
) -> None:
    peer.answer(status, body, headers)
    with pytest.raises(Throttled) as caught:
        client(peer.url).send_message(BODY)
    assert (caught.value.scope, caught.value.retry_after) == (scope, wait)


def test_the_platforms_code_and_answer_are_kept(peer: Any) -> None:
    answer = {"error": {"code": 131047, "message": "re-engagement"}}
    peer.answer(400, answer)
    with pytest.raises(Rejected) as caught:
        client(peer.url).send_message(BODY)
    assert (caught.value.platform_code, caught.value.answer) == ("131047", answer)


def test_a_hang_up_after_a_send_leaves_the_outcome_unknown(peer: Any) -> None:
    peer.answer(0)
    with pytest.raises(OutcomeUnknown):
        client(peer.url).send_message(BODY)
    assert len(peer.requests) == 1


def test_a_silent_platform_leaves_the_outcome_unknown(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "SEND_TIMEOUT", (1.0, 0.1))
    peer.answer(200, SENT, delay=0.4)
    with pytest.raises(OutcomeUnknown):
        client(peer.url).send_message(BODY)
    assert len(peer.requests) == 1


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable):
            client(f"http://127.0.0.1:{unused.getsockname()[1]}").send_message(BODY)


def test_a_lost_answer_to_a_read_is_only_a_fault(peer: Any) -> None:
    peer.answer(0)
    with pytest.raises(RemoteFault):
        client(peer.url).app_details()


def test_a_subscription_is_made_with_a_nested_header(peer: Any) -> None:
    row = {"id": "9001", "active": True, "version": 3, "tag": "arriwa-v3", "url": "https://h.example/x"}
    peer.answer(200, {"status": "success", "subscription": row})
    made = client(peer.url).subscription_create(
        url="https://h.example/x", tag="arriwa-v3", modes=("MESSAGE", "READ"), headers={"X-Arriwa-Key": "k"}
    )
    assert (made.id, made.tag, made.version, made.active) == ("9001", "arriwa-v3", 3, True)
    assert peer.last.target == "/partner/app/0d0c/subscription"
    form = peer.last.form
    assert json.loads(form.pop("meta")) == {"headers": {"X-Arriwa-Key": "k"}}
    assert form == {
        "modes": "MESSAGE,READ",
        "tag": "arriwa-v3",
        "url": "https://h.example/x",
        "version": "3",
        "showOnUI": "false",
    }


def test_subscriptions_are_listed_and_one_is_deleted(peer: Any) -> None:
    peer.answer(200, {"status": "success", "subscriptions": [{"id": 9001, "tag": "a", "version": "2"}]})
    peer.answer(200, {"status": "success"})
    gupshup = client(peer.url)
    (row,) = gupshup.subscription_list()
    assert (row.id, row.version, row.active) == ("9001", 2, False)
    gupshup.subscription_delete(row.id)
    assert (peer.last.method, peer.last.target) == ("DELETE", "/partner/app/0d0c/subscription/9001")


def test_deleting_without_an_id_does_not_delete_all(peer: Any) -> None:
    with pytest.raises(ConfigurationError):
        client(peer.url).subscription_delete("")
    assert peer.requests == []


def test_the_apps_state_is_read(peer: Any) -> None:
    peer.answer(200, {"appDetails": {"live": True, "stopped": False, "phone": "37120000001"}})
    details = client(peer.url).app_details()
    assert (details.live, details.stopped, details.phone) == (True, False, "37120000001")


def test_health_is_text_and_a_refusal_is_a_result(peer: Any) -> None:
    peer.answer(200, {"status": "success", "healthy": "true"})
    peer.answer(400, {"status": "error", "message": "App is not live."})
    peer.answer(401, None)
    gupshup = client(peer.url)
    assert gupshup.health().healthy is True
    sick = gupshup.health()
    assert (sick.healthy, sick.reason) == (False, "App is not live.")
    with pytest.raises(CredentialRefused):
        gupshup.health()


def test_the_accounts_limits_are_read(peer: Any) -> None:
    peer.answer(200, {"wabaInfo": {"wabaId": "1", "phoneQuality": "GREEN", "canSendMessage": "LIMITED"}})
    info = client(peer.url).waba_info()
    assert (info.waba_id, info.phone_quality, info.can_send_message) == ("1", "GREEN", "LIMITED")


def test_templates_are_listed_in_one_form(peer: Any) -> None:
    row = {
        "id": "t1",
        "elementName": "receipt",
        "languageCode": "en",
        "status": "approved",
        "externalId": "9",
    }
    peer.answer(200, {"templates": [row]})
    (template,) = client(peer.url).template_list()
    assert (template.name, template.language, template.status, template.external_id) == (
        "receipt",
        "en",
        "APPROVED",
        "9",
    )


@pytest.mark.parametrize("missing", ["app_id", "number", "token"])
def test_a_missing_setting_is_named(missing: str) -> None:
    config = {**CONFIG, missing: " "}
    with pytest.raises(ConfigurationError, match=missing):
        GupshupSettings.from_connection(config, {} if missing == "token" else {"token": "t"})


def test_settings_do_not_show_the_token_and_hold_a_bare_number() -> None:
    settings = GupshupSettings.from_connection(CONFIG, {"token": "opaque"})
    assert "opaque" not in repr(settings)
    assert settings.number == "37120000001"
