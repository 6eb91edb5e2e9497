"""Meta: clients over a real socket: proofs, error table, and tokens that never cross or leak."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import traceback
from typing import Any

import pytest
from facebook_business.api import FacebookAdsApi

from arriwa.common.http import HttpSession
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
from integrations.meta.ads_client import AdMetadata, AdsClient
from integrations.meta.audiences_client import AudiencesClient, SessionCounts
from integrations.meta.client import EventsAccepted, MetaClient, is_poison
from integrations.meta.config import FIELDS, MetaSettings
from integrations.meta.payloads import audience_row, batch_body

SECRETS = {"token": "EAAsecretToken1", "app_secret": "app-secret"}
ROW = audience_row("c-1", "77010000001", "KZ")


def settings(**changes: Any) -> MetaSettings:
    return MetaSettings.from_connection({}, {**SECRETS, **changes})


def client(peer: Any) -> MetaClient:
    return MetaClient(base_url=peer.url, settings=settings())


def audiences(peer: Any) -> AudiencesClient:
    return AudiencesClient(base_url=peer.url, settings=settings(), ad_account_id="1001")


def graph_error(code: int, subcode: int | None = None, **more: Any) -> dict[str, Any]:
    error: dict[str, Any] = {"message": "(localised)", "code": code, "fbtrace_id": "AzTrace", **more}
    return {"error": error if subcode is None else {**error, "error_subcode": subcode}}


@pytest.mark.parametrize("name", [field.name for field in FIELDS if field.required])
def test_missing_required_field_is_named(name: str) -> None:
    secrets = {key: value for key, value in SECRETS.items() if key != name}
    with pytest.raises(ConfigurationError, match=name):
        MetaSettings.from_connection({}, secrets)


@pytest.mark.parametrize("account", ["1/../me", "", "act_77"])
def test_an_ad_account_is_digits_only(peer: Any, account: str) -> None:
    with pytest.raises(ConfigurationError, match="digits only"):
        AudiencesClient(base_url=peer.url, settings=settings(), ad_account_id=account)


def test_settings_do_not_show_secrets() -> None:
    assert "EAAsecret" not in repr(settings()) and "app-secret" not in repr(settings())


def test_events_go_out_with_header_token_and_proof(peer: Any) -> None:
    peer.answer(200, {"events_received": 1, "messages": ["late"], "fbtrace_id": "AbC"})
    body = batch_body([{"event_id": "1"}])
    assert client(peer).send_events("9988", body) == EventsAccepted(1, ("late",), "AbC")
    proof = hmac.new(b"app-secret", b"EAAsecretToken1", hashlib.sha256).hexdigest()
    assert (peer.last.method, peer.last.path) == ("POST", "/v26.0/9988/events")
    assert peer.last.query == {"appsecret_proof": proof}
    assert peer.last.headers["authorization"] == "Bearer EAAsecretToken1"
    assert peer.last.json == body


def test_without_an_app_secret_no_proof_is_sent(peer: Any) -> None:
    peer.answer(200, {"events_received": 1})
    bare = MetaClient(base_url=peer.url, settings=settings(app_secret=""))
    assert bare.send_events("9988", batch_body([{}])) == EventsAccepted(1, (), "")
    assert peer.last.query == {}


def test_200_that_took_nothing_is_rejected_and_worth_splitting(peer: Any) -> None:
    peer.answer(200, {"events_received": 0, "messages": ["bad"]})
    with pytest.raises(Rejected) as caught:
        client(peer).send_events("9988", batch_body([{}, {}]))
    assert is_poison(caught.value)


@pytest.mark.parametrize(
    "body", [{"events_received": 1}, {"events_received": "2"}, {"ok": True}, None, "<html>"]
)
def test_200_that_does_not_confirm_the_number_is_malformed(peer: Any, body: Any) -> None:
    peer.answer(200, body)
    with pytest.raises(MalformedReply):
        client(peer).send_events("9988", batch_body([{}, {}]))


TABLE = [
    (400, graph_error(1), RemoteFault, "1", False),
    (500, graph_error(2), RemoteFault, "2", False),
    (400, graph_error(100, 99, is_transient=True), RemoteFault, "100/99", False),
    (503, "<html>busy</html>", RemoteFault, None, False),
    (400, graph_error(4), Throttled, "4", False),
    (400, graph_error(17, 2446079), Throttled, "17/2446079", False),
    (400, graph_error(613, 1487742), Throttled, "613/1487742", False),
    (400, graph_error(80003), Throttled, "80003", False),
    (429, "slow down", Throttled, None, False),
    (401, graph_error(190, 463), CredentialRefused, "190/463", False),
    (400, graph_error(190), CredentialRefused, "190", False),
    (401, graph_error(104), CredentialRefused, "104", False),
    (403, graph_error(10), CredentialRefused, "10", False),
    (403, graph_error(200), CredentialRefused, "200", False),
    (400, graph_error(294), CredentialRefused, "294", False),
    (400, graph_error(368), CredentialRefused, "368", False),
    (401, None, CredentialRefused, None, False),
    (400, graph_error(100, 33), Rejected, "100/33", False),
    (400, graph_error(100, 2804003), Rejected, "100/2804003", True),
    (400, graph_error(100, 2804066), Rejected, "100/2804066", True),
    (400, graph_error(100, 2804087), Rejected, "100/2804087", True),
    (400, graph_error(100, 2804118), Rejected, "100/2804118", False),
    (400, graph_error(100, 2804132), Rejected, "100/2804132", False),
    (400, graph_error(100), Rejected, "100", True),
    (400, graph_error(100, 4242), Rejected, "100/4242", True),
    (400, graph_error(2650), Rejected, "2650", False),
    (400, "nonsense", Rejected, None, False),
    (302, None, Rejected, None, False),
    (200, graph_error(190), CredentialRefused, "190", False),
]


@pytest.mark.parametrize(("status", "body", "kind", "code", "poison"), TABLE)
def test_error_table(
    peer: Any, status: int, body: Any, kind: type[RemoteError], code: str | None, poison: bool
) -> None:
    peer.answer(status, body)
    with pytest.raises(RemoteError) as caught:
        client(peer).send_events("9988", batch_body([{}]))
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.platform_code) == (status, code)
    assert is_poison(caught.value) is poison


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (
            {
                "X-Business-Use-Case-Usage": json.dumps(
                    {
                        "1001": [
                            {"type": "custom_audience", "estimated_time_to_regain_access": 3},
                            {"type": "ads_management", "estimated_time_to_regain_access": 1},
                        ]
                    }
                )
            },
            180.0,
        ),
        ({"X-Ad-Account-Usage": '{"acc_id_util_pct":100,"reset_time_duration":90}'}, 90.0),
        ({"Retry-After": "7"}, 7.0),
        ({"X-Business-Use-Case-Usage": "garbage"}, 60.0),
        ({"X-Business-Use-Case-Usage": '{"1001":[{"estimated_time_to_regain_access":0}]}'}, 60.0),
        ({}, 60.0),
    ],
)
def test_throttled_waits_as_long_as_meta_says(peer: Any, headers: dict[str, str], seconds: float) -> None:
    peer.answer(400, graph_error(80003), headers=headers)
    with pytest.raises(Throttled) as caught:
        client(peer).send_events("9988", batch_body([{}]))
    assert (caught.value.retry_after, caught.value.scope) == (seconds, WaitScope.RATE_KEY)


def test_app_wide_throttle_holds_the_connection(peer: Any) -> None:
    peer.answer(400, graph_error(4))
    with pytest.raises(Throttled) as caught:
        client(peer).send_events("9988", batch_body([{}]))
    assert caught.value.scope is WaitScope.CONNECTION


def test_lost_answer_of_a_write_is_unknown_and_of_a_read_is_a_fault(peer: Any) -> None:
    peer.answer(0)
    with pytest.raises(OutcomeUnknown):
        client(peer).send_events("9988", batch_body([{}]))
    peer.answer(0)
    with pytest.raises(RemoteFault):
        audiences(peer).audience_find("A1")


def test_dead_host_is_unreachable() -> None:
    for make in (MetaClient, AdsClient):
        target = make(base_url="http://127.0.0.1:1", settings=settings())
        with pytest.raises(Unreachable):
            if isinstance(target, MetaClient):
                target.send_events("9988", batch_body([{}]))
            else:
                target.ad_metadata("1")


def test_audience_is_created_on_the_account_with_the_token_in_the_header(peer: Any) -> None:
    peer.answer(200, {"id": "2386"})
    assert audiences(peer).audience_create("A1_OPTIN", "Opted in") == "2386"
    assert (peer.last.method, peer.last.path) == ("POST", "/v26.0/act_1001/customaudiences")
    assert peer.last.headers["authorization"] == "Bearer EAAsecretToken1"
    assert set(peer.last.query) == {"appsecret_proof"}
    assert peer.last.form == {
        "name": "A1_OPTIN",
        "description": "Opted in",
        "subtype": "CUSTOM",
        "customer_file_source": "USER_PROVIDED_ONLY",
    }


def test_created_audience_without_an_id_is_malformed(peer: Any) -> None:
    peer.answer(200, {"success": True})
    with pytest.raises(MalformedReply):
        audiences(peer).audience_create("A1", "")


def test_audience_is_found_by_exact_name_over_pages_and_the_oldest_wins(peer: Any) -> None:
    def respond(request: Any) -> tuple[int, Any]:
        cursors = {"cursors": {"before": "x", "after": "y"}}
        if "after" in request.query:
            return 200, {"data": [{"id": "10", "name": "A1"}], "paging": cursors}
        page = [{"id": "99", "name": "A1"}, {"id": "7", "name": "A1_OLD"}]
        return 200, {"data": page, "paging": {**cursors, "next": "https://graph.facebook.com/elsewhere"}}

    peer.respond = respond
    assert audiences(peer).audience_find("A1") == "10"
    assert len(peer.requests) == 2
    assert audiences(peer).audience_find("A2") is None


def test_rows_are_added_and_removed_in_the_body_never_in_the_url(peer: Any) -> None:
    answer = {"audience_id": "2386", "session_id": "77", "num_received": 1, "num_invalid_entries": 0}
    peer.answer(200, answer)
    peer.answer(200, {**answer, "num_invalid_entries": 1})
    assert audiences(peer).audience_users_add("2386", [ROW], 77) == SessionCounts("77", 1, 0)
    assert audiences(peer).audience_users_remove("2386", [ROW], 77) == SessionCounts("77", 1, 1)
    assert [request.method for request in peer.requests] == ["POST", "DELETE"]
    for request in peer.requests:
        assert request.path == "/v26.0/2386/users"
        assert set(request.query) == {"appsecret_proof"}
        assert json.loads(request.form["payload"]) == {
            "schema": ["EXTERN_ID", "PHONE", "COUNTRY"],
            "data": [list(ROW)],
        }
        assert json.loads(request.form["session"])["session_id"] == 77


@pytest.mark.parametrize(
    "body", [{"num_received": 2, "num_invalid_entries": 0}, {"audience_id": "1"}, "ok", [1]]
)
def test_uncounted_rows_are_malformed(peer: Any, body: Any) -> None:
    peer.answer(200, body)
    with pytest.raises(MalformedReply):
        audiences(peer).audience_users_add("2386", [ROW], 77)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, graph_error(200, 1870090), Rejected),
        (400, graph_error(190), CredentialRefused),
        (400, graph_error(80003), Throttled),
        (500, "<html>", RemoteFault),
        (400, {"error": "a text where an object should be"}, Rejected),
        (200, {"success": False}, MalformedReply),
        (200, "Service Unavailable", MalformedReply),
    ],
)
def test_sdk_errors_join_the_tree_and_print_no_row_and_no_token(
    peer: Any, status: int, body: Any, kind: type[RemoteError]
) -> None:
    peer.answer(status, body)
    with pytest.raises(RemoteError) as caught:
        audiences(peer).audience_users_add("2386", [ROW], 77)
    assert type(caught.value) is kind
    printed = "".join(traceback.format_exception(caught.value))
    assert "EAAsecret" not in printed and ROW[1] not in printed


def test_ad_metadata_is_read_in_one_call(peer: Any) -> None:
    peer.answer(
        200,
        {
            "id": "120219",
            "name": "Course",
            "account_id": "1001",
            "campaign": {"id": "1", "name": "Courses", "objective": "OUTCOME_SALES"},
            "adset": {"id": "2", "name": "Almaty"},
            "creative": {"id": "3", "name": "Video", "url_tags": "utm_source=facebook"},
        },
    )
    metadata = AdsClient(base_url=peer.url, settings=settings()).ad_metadata("120219")
    assert metadata == AdMetadata(
        "120219",
        "Course",
        "1001",
        "1",
        "Courses",
        "OUTCOME_SALES",
        "2",
        "Almaty",
        "3",
        "Video",
        "utm_source=facebook",
    )
    assert peer.last.path == "/v26.0/120219"
    assert peer.last.query["fields"].startswith("id,name,account_id,campaign{id,name,objective}")
    assert "access_token" not in peer.last.target


def test_ad_without_parents_has_empty_texts_and_another_ad_is_malformed(peer: Any) -> None:
    peer.answer(200, {"id": "5"})
    reader = AdsClient(base_url=peer.url, settings=settings())
    assert reader.ad_metadata("5") == AdMetadata("5", "", "", "", "", "", "", "", "", "", "")
    peer.answer(200, {"id": "6"})
    with pytest.raises(MalformedReply):
        reader.ad_metadata("5")


def test_ad_id_that_is_a_path_is_refused_unsent(peer: Any) -> None:
    with pytest.raises(Rejected):
        AdsClient(base_url=peer.url, settings=settings()).ad_metadata("../me")
    assert peer.requests == []


def test_two_tokens_in_threads_never_cross_and_no_default_api_is_set(peer: Any) -> None:
    # Each token's ad ids begin with its own digit.
    crossed: list[str] = []

    def respond(request: Any) -> tuple[int, Any]:
        ad_id = request.path.rsplit("/", 1)[1]
        if request.headers["authorization"] != f"Bearer token-{ad_id[0]}":
            crossed.append(request.target)
        return 200, {"id": ad_id}

    peer.respond = respond
    shared = HttpSession(trusted=True)
    start = threading.Barrier(2)
    read: list[str] = []

    def work(owner: str) -> None:
        reader = AdsClient(base_url=peer.url, settings=settings(token=f"token-{owner}"), session=shared)
        start.wait()
        read.extend(reader.ad_metadata(f"{owner}{number}").ad_id for number in range(25))

    threads = [threading.Thread(target=work, args=(owner,)) for owner in "12"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(read), crossed) == (50, [])
    assert FacebookAdsApi.get_default_api() is None
