"""The fake Graph API refuses what Meta refuses and counts what it takes (reference/meta.md)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.customaudience import CustomAudience
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession
from sandbox_client import ACCOUNTS, Client

DEMO, OTHER = ACCOUNTS["demo"]["meta"], ACCOUNTS["other"]["meta"]
AD = DEMO["ads"][0]["id"]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def graph(
    sandbox: Client, method: str, path: str, token: str = DEMO["token"], **options: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{sandbox.url}/graph/v26.0{path}"
    return requests.request(method, url, headers=headers, timeout=60, **options)


def error(answer: requests.Response) -> tuple[int, int, int | None]:
    body = answer.json()["error"]
    assert body["fbtrace_id"] and body["type"] and body["message"]
    return answer.status_code, body["code"], body.get("error_subcode")


@pytest.fixture
def click(sandbox: Client) -> str:
    """The id of a real click on the demo's ad."""
    return str(sandbox.act("tap-ad", ad_id=AD)["referral"]["ctwa_clid"])


def messaging(click: str, **changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event_name": "LeadSubmitted",
        "event_time": int(time.time()),
        "event_id": "e-1",
        "action_source": "business_messaging",
        "messaging_channel": "whatsapp",
        "user_data": {
            "ctwa_clid": click,
            "whatsapp_business_account_id": DEMO["waba_id"],
            "ph": [sha("77010001122")],
        },
    }
    user = changes.pop("user", {})
    event |= changes
    event["user_data"] = {k: v for k, v in (event["user_data"] | user).items() if v is not None}
    return {key: value for key, value in event.items() if value is not None}


def chat(**changes: Any) -> dict[str, Any]:
    """An event for a pixel."""
    event = {
        "event_name": "QUALIFY_Q1",
        "event_time": int(time.time()),
        "event_id": "e-2",
        "action_source": "chat",
        "user_data": {"ph": [sha("77010001122")]},
    }
    return event | changes


def send(sandbox: Client, event: Any, dataset: str = DEMO["dataset_id"]) -> requests.Response:
    data = event if isinstance(event, list) else [event]
    return graph(sandbox, "POST", f"/{dataset}/events", json={"data": data, "partner_agent": "arriwa"})


# --- tokens -------------------------------------------------------------------------------------


def test_a_token_that_nobody_holds_is_190(sandbox: Client) -> None:
    assert error(graph(sandbox, "GET", "/me", token="EAAunknown")) == (401, 190, None)


def test_no_token_is_104(sandbox: Client) -> None:
    assert error(sandbox.get("/graph/v26.0/me")) == (401, 104, None)


def test_a_wrong_appsecret_proof_is_refused_and_the_right_one_taken(sandbox: Client) -> None:
    right = hmac.new(DEMO["app_secret"].encode(), DEMO["token"].encode(), hashlib.sha256).hexdigest()
    assert error(graph(sandbox, "GET", "/me", params={"appsecret_proof": "0" * 64})) == (400, 100, None)
    assert graph(sandbox, "GET", "/me", params={"appsecret_proof": right}).status_code == 200


def test_the_token_may_come_in_query_or_form(sandbox: Client) -> None:
    assert sandbox.get(f"/graph/v26.0/me?access_token={DEMO['token']}").json()["name"] == "Demo"
    form = {"access_token": DEMO["token"], "data": json.dumps([chat()])}
    url = f"{sandbox.url}/graph/v25.0/{DEMO['good_pixel_id']}/events"
    assert requests.post(url, data=form, timeout=60).json()["events_received"] == 1


def test_debug_token_tells_valid_tokens_from_others(sandbox: Client) -> None:
    asking = {"access_token": f"77|{DEMO['app_secret']}"}
    ask = f"{sandbox.url}/graph/v26.0/debug_token"
    good = requests.get(ask, params=asking | {"input_token": DEMO["token"]}, timeout=60).json()["data"]
    bad = requests.get(ask, params=asking | {"input_token": "x"}, timeout=60).json()["data"]
    assert good["is_valid"] and "ads_management" in good["scopes"] and not bad["is_valid"]
    wrong = requests.get(ask, params={"input_token": "x", "access_token": "77|wrong"}, timeout=60)
    assert error(wrong) == (400, 190, None)
    granted = graph(sandbox, "GET", "/me/permissions").json()["data"]
    assert {"permission": "ads_read", "status": "granted"} in granted


def test_paths_that_the_graph_does_not_know_get_its_errors(sandbox: Client) -> None:
    assert error(sandbox.get("/graph/nothing/here")) == (400, 2500, None)
    assert error(graph(sandbox, "GET", "/123456789")) == (400, 100, 33)
    assert error(graph(sandbox, "GET", f"/act_{DEMO['ad_account_id']}/nothing")) == (400, 100, None)


# --- events -------------------------------------------------------------------------------------


def test_a_messaging_event_of_a_real_click_is_received(sandbox: Client, click: str) -> None:
    answer = send(sandbox, messaging(click)).json()
    assert answer["events_received"] == 1 and answer["messages"] == [] and answer["fbtrace_id"]
    [held] = sandbox.held("meta")["events"]
    assert (held["dataset_id"], held["event_name"], held["event_id"]) == (
        DEMO["dataset_id"],
        "LeadSubmitted",
        "e-1",
    )
    assert held["count"] == 1 and held["fbtrace_ids"] == [answer["fbtrace_id"]]


def test_the_same_event_twice_is_held_once_and_counted(sandbox: Client, click: str) -> None:
    event = messaging(click)
    traces = [send(sandbox, event).json()["fbtrace_id"] for _ in range(2)]
    send(sandbox, event | {"custom_data": {"lead_stage": "other"}})
    [held] = sandbox.held("meta")["events"]
    assert held["count"] == 3 and held["fbtrace_ids"][:2] == traces and held["changed"] == 1


NOW = int(time.time())
REFUSED: list[tuple[str, dict[str, Any], int | None]] = [
    ("a custom name", {"event_name": "QUALIFY_Q1"}, 2804066),
    ("Lead, which is not LeadSubmitted", {"event_name": "Lead"}, 2804066),
    ("no channel", {"messaging_channel": None}, 2804063),
    ("no click id", {"user": {"ctwa_clid": None}}, 2804071),
    ("an empty click id", {"user": {"ctwa_clid": ""}}, 2804071),
    ("a made-up click id", {"user": {"ctwa_clid": "ARAmadeup"}}, 2804087),
    ("neither WABA nor page", {"user": {"whatsapp_business_account_id": None}}, 2804116),
    (
        "a page on a WhatsApp dataset",
        {"user": {"whatsapp_business_account_id": None, "page_id": "1"}},
        2804131,
    ),
    ("a foreign WABA", {"user": {"whatsapp_business_account_id": OTHER["waba_id"]}}, 2804118),
    ("eight days old", {"event_time": NOW - 8 * 86_400}, 2804003),
    ("in the future", {"event_time": NOW + 86_400}, 2804004),
    ("Purchase without value", {"event_name": "Purchase"}, 2804009),
    (
        "value without currency",
        {"event_name": "Purchase", "custom_data": {"value": 9}},
        2804023,
    ),
    ("contents without id", {"custom_data": {"contents": [{"quantity": 1}]}}, 2804008),
    ("an IP address", {"user": {"client_ip_address": "1.2.3.4"}}, 2804064),
    ("another action source", {"action_source": "chat"}, 2804064),
    ("a bare phone", {"user": {"ph": ["77010001122"]}}, None),
    ("an upper-case hash", {"user": {"ph": [sha("7").upper()]}}, None),
    ("time as text", {"event_time": "now"}, None),
    ("an unknown key", {"user": {"phone": sha("7")}}, None),
    ("no name", {"event_name": None}, None),
]


@pytest.mark.parametrize(("changes", "subcode"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_the_messaging_dataset_refuses(
    sandbox: Client, click: str, changes: dict[str, Any], subcode: int | None
) -> None:
    assert error(send(sandbox, messaging(click, **changes))) == (400, 100, subcode)
    assert sandbox.held("meta")["events"] == []


def test_a_click_on_another_advertisers_ad_is_no_click(sandbox: Client) -> None:
    foreign = sandbox.act("tap-ad", ad_id=AD, account="other")["referral"]["ctwa_clid"]
    assert error(send(sandbox, messaging(foreign))) == (400, 100, 2804087)


def test_one_bad_event_refuses_the_whole_batch(sandbox: Client, click: str) -> None:
    batch = [messaging(click), messaging(click, event_id="e-9", event_name="Lead")]
    assert error(send(sandbox, batch)) == (400, 100, 2804066)
    assert sandbox.held("meta")["events"] == []


def test_a_batch_holds_one_to_a_thousand_events(sandbox: Client) -> None:
    pixel = DEMO["good_pixel_id"]
    many = [chat(event_id=str(number)) for number in range(1001)]
    assert error(send(sandbox, many, pixel)) == (400, 100, None)
    assert error(send(sandbox, [], pixel)) == (400, 100, None)
    assert send(sandbox, many[:1000], pixel).json()["events_received"] == 1000


def test_the_sandbox_clock_ages_events(sandbox: Client, click: str) -> None:
    sandbox.post("/_clock", {"offset_seconds": 8 * 86_400})
    assert error(send(sandbox, messaging(click))) == (400, 100, 2804003)


def test_a_pixel_takes_custom_names(sandbox: Client) -> None:
    assert send(sandbox, chat(), DEMO["noise_pixel_id"]).json()["events_received"] == 1
    [held] = sandbox.held("meta")["events"]
    assert (held["dataset_id"], held["account"]) == (DEMO["noise_pixel_id"], "demo")


@pytest.mark.parametrize(
    ("changes", "subcode"),
    [
        ({"action_source": "whatsapp"}, None),
        ({"user_data": {}}, 2804050),
        ({"user_data": {"country": [sha("kz")], "ct": [sha("almaty")]}}, 2804050),
        ({"user_data": {"em": ["a@example.com"]}}, None),
        ({"event_name": "Purchase"}, 2804009),
        ({"action_source": "website"}, None),
    ],
)
def test_a_pixel_refuses(sandbox: Client, changes: dict[str, Any], subcode: int | None) -> None:
    assert error(send(sandbox, chat(**changes), DEMO["good_pixel_id"])) == (400, 100, subcode)


def test_a_messaging_event_is_refused_by_a_pixel(sandbox: Client, click: str) -> None:
    assert error(send(sandbox, messaging(click), DEMO["good_pixel_id"])) == (400, 100, 2804132)


def test_a_dataset_of_another_account_does_not_exist_for_this_token(sandbox: Client) -> None:
    assert error(send(sandbox, chat(), OTHER["good_pixel_id"])) == (400, 100, 33)


def test_the_dataset_of_a_waba_is_made_once(sandbox: Client) -> None:
    path = f"/{DEMO['waba_id']}/dataset"
    assert graph(sandbox, "GET", path).json() == {"data": []}
    assert [graph(sandbox, "POST", path).json()["id"] for _ in range(2)] == [DEMO["dataset_id"]] * 2
    assert graph(sandbox, "GET", path).json()["data"][0]["id"] == DEMO["dataset_id"]


# --- ads ----------------------------------------------------------------------------------------


def test_an_ad_answers_the_asked_fields_only(sandbox: Client) -> None:
    fields = "name,account_id,campaign{id,name,objective},adset{id,name},creative{id,name,url_tags}"
    ad = graph(sandbox, "GET", f"/{AD}", params={"fields": fields}).json()
    demo = DEMO["ads"][0]
    assert ad == {key: demo[key] for key in ("id", "name", "account_id", "campaign", "adset", "creative")}
    assert graph(sandbox, "GET", f"/{AD}").json() == {"id": AD}
    assert graph(sandbox, "GET", f"/{AD}?fields=campaign").json()["campaign"] == {
        "id": demo["campaign"]["id"]
    }
    assert error(graph(sandbox, "GET", f"/{AD}?fields=headline")) == (400, 100, None)
    assert error(graph(sandbox, "GET", f"/{AD}?fields=campaign{{id")) == (400, 2500, None)


def test_the_token_decides_whose_ad_it_is(sandbox: Client) -> None:
    names = [
        graph(sandbox, "GET", f"/{AD}", token, params={"fields": "campaign{name}"}).json()["campaign"]["name"]
        for token in (DEMO["token"], OTHER["token"])
    ]
    assert names == ["Courses 2026", "Other 2026"]


# --- audiences, by Meta's own SDK ---------------------------------------------------------------


@pytest.fixture
def account(sandbox: Client) -> Iterator[AdAccount]:
    session = FacebookSession(app_secret=DEMO["app_secret"], access_token=DEMO["token"], timeout=60)
    session.GRAPH = f"{sandbox.url}/graph"
    yield AdAccount(f"act_{DEMO['ad_account_id']}", api=FacebookAdsApi(session))
    session.requests.close()


def make(account: AdAccount, name: str = "A1") -> CustomAudience:
    params = {"name": name, "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}
    return account.create_custom_audience(params=params)


def members(
    *people: str, session: int = 771, schema: tuple[str, ...] = ("PHONE", "EXTERN_ID")
) -> dict[str, Any]:
    cells = {"PHONE": sha, "EXTERN_ID": str}
    rows = [[cells[name](person) for name in schema] for person in people]
    batch = {
        "session_id": session,
        "batch_seq": 1,
        "last_batch_flag": True,
        "estimated_num_total": len(people),
    }
    return {"session": batch, "payload": {"schema": list(schema), "is_raw": True, "data": rows}}


def held_audience(sandbox: Client, name: str = "A1") -> dict[str, Any]:
    return next(one for one in sandbox.held("meta")["audiences"] if one["name"] == name)


def test_members_are_added_and_removed_as_a_set_with_their_sessions(
    sandbox: Client, account: AdAccount
) -> None:
    audience = make(account)
    added = audience.create_user(params=members("c-1", "c-2", session=11)).export_all_data()
    assert (added["audience_id"], added["session_id"]) == (audience["id"], "11")
    assert (added["num_received"], added["num_invalid_entries"]) == (2, 0)
    audience.create_user(params=members("c-2", session=12))
    audience.delete_users(params=members("c-1", session=13))
    held = held_audience(sandbox)
    assert held["members"] == ["c-2"]
    assert [(h["op"], h["session_id"], h["keys"]) for h in held["history"]] == [
        ("add", "11", ["c-1", "c-2"]),
        ("add", "12", ["c-2"]),
        ("remove", "13", ["c-1"]),
    ]


def test_a_post_may_stand_for_a_delete(sandbox: Client, account: AdAccount) -> None:
    audience = make(account)
    audience.create_user(params=members("c-1"))
    form = {key: json.dumps(value) for key, value in members("c-1").items()} | {"method": "DELETE"}
    assert graph(sandbox, "POST", f"/{audience['id']}/users", data=form).json()["num_received"] == 1
    assert held_audience(sandbox)["members"] == []


def test_someone_added_with_an_own_id_is_removed_by_phone(sandbox: Client, account: AdAccount) -> None:
    audience = make(account)
    audience.add_users(["EXTERN_ID", "PHONE"], [["c-1", sha("7701")]], is_raw=True, pre_hashed=True)
    audience.remove_users("PHONE_SHA256", [sha("7701")], pre_hashed=True)
    assert held_audience(sandbox)["members"] == []


def test_rows_that_name_nobody_are_counted_invalid(sandbox: Client, account: AdAccount) -> None:
    payload = {"schema": ["PHONE", "COUNTRY"], "data": [["", sha("kz")], ["7701", ""], [sha("7701"), ""]]}
    answer = make(account).create_user(params={"payload": payload}).export_all_data()
    assert (answer["num_received"], answer["num_invalid_entries"]) == (3, 2)
    assert held_audience(sandbox)["members"] == [sha("7701")]


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": {"schema": ["WHATSAPP"], "data": [["x"]]}},
        {"payload": {"schema": ["PHONE", "EXTERN_ID"], "data": [["x"]]}},
        {"payload": {"schema": ["EXTERN_ID"], "data": []}},
        {"payload": {"schema": ["EXTERN_ID"], "data": [["x"]] * 10_001}},
        {"session": {"session_id": -1, "batch_seq": 1}},
        {"session": {"session_id": 5, "batch_seq": 0}},
    ],
)
def test_a_malformed_upload_is_refused(account: AdAccount, changes: dict[str, Any]) -> None:
    with pytest.raises(FacebookRequestError) as refused:
        make(account).create_user(params=members("c-1") | changes)
    assert refused.value.api_error_code() == 100


def test_the_schema_stays_the_same_through_a_session(account: AdAccount) -> None:
    audience = make(account)
    audience.create_user(params=members("c-1"))
    with pytest.raises(FacebookRequestError) as refused:
        audience.create_user(params=members("c-2", schema=("EXTERN_ID",)))
    assert refused.value.api_error_code() == 100


def test_audiences_are_listed_over_pages(sandbox: Client, account: AdAccount) -> None:
    names = [f"CA {number}" for number in range(5)]
    for name in names:
        make(account, name)
    cursor = account.get_custom_audiences(fields=["id", "name"], params={"limit": 2})
    assert [audience["name"] for audience in cursor] == names[::-1]
    rule = json.dumps([{"field": "name", "operator": "EQUAL", "value": "CA 3"}])
    path = f"/act_{DEMO['ad_account_id']}/customaudiences"
    found = graph(sandbox, "GET", path, params={"fields": "name", "filtering": rule}).json()["data"]
    assert [one["name"] for one in found] == ["CA 3"]


def test_an_audience_tells_its_state_and_can_be_deleted(sandbox: Client, account: AdAccount) -> None:
    audience = make(account)
    fields = ["operation_status", "delivery_status", "approximate_count_lower_bound"]
    empty = audience.api_get(fields=fields)
    assert (empty["operation_status"]["code"], empty["delivery_status"]["code"]) == (410, 300)
    audience.create_user(params=members(*[f"c-{number}" for number in range(100)]))
    filled = audience.api_get(fields=fields)
    assert filled["operation_status"]["code"] == 200 and filled["approximate_count_lower_bound"] == 100
    audience.api_delete()
    assert error(graph(sandbox, "GET", f"/{audience['id']}")) == (400, 100, 33)


def test_a_lookalike_needs_a_hundred_people(account: AdAccount) -> None:
    seed = make(account)
    params = {
        "name": "Like A1",
        "subtype": "LOOKALIKE",
        "origin_audience_id": seed["id"],
        "lookalike_spec": json.dumps({"type": "similarity", "country": "KZ"}),
    }
    seed.create_user(params=members(*[f"c-{number}" for number in range(99)]))
    with pytest.raises(FacebookRequestError) as refused:
        account.create_custom_audience(params=params)
    assert refused.value.api_error_code() == 2654
    seed.create_user(params=members("one more", session=2))
    assert account.create_custom_audience(params=params)["id"]


def test_an_erasure_takes_a_person_out_of_all_audiences_of_the_account(
    sandbox: Client, account: AdAccount
) -> None:
    for name in ("A1", "A2"):
        make(account, name).create_user(params=members("c-1", "c-2"))
    path = f"/act_{DEMO['ad_account_id']}/usersofanyaudience"
    form = {key: json.dumps(value) for key, value in members("c-1").items()}
    assert graph(sandbox, "DELETE", path, data=form).json()["num_received"] == 1
    assert [held_audience(sandbox, name)["members"] for name in ("A1", "A2")] == [["c-2"], ["c-2"]]
    [erasure] = sandbox.held("meta")["erasures"]
    assert erasure["keys"] == ["c-1"] and len(erasure["audiences"]) == 2


def test_an_audience_of_another_account_does_not_exist_for_this_token(
    sandbox: Client, account: AdAccount
) -> None:
    answer = graph(sandbox, "POST", f"/{make(account)['id']}/users", OTHER["token"], json=members("c-1"))
    assert error(answer) == (400, 100, 33)
    assert held_audience(sandbox)["members"] == []


def test_terms_that_nobody_accepted_stop_audiences(sandbox: Client, account: AdAccount) -> None:
    sandbox.post("/_accounts", {"demo": {"meta": DEMO | {"custom_audience_tos": False}}})
    try:
        with pytest.raises(FacebookRequestError) as refused:
            make(account)
    finally:
        sandbox.post("/_accounts", {"demo": {"meta": DEMO | {"custom_audience_tos": True}}})
    assert (refused.value.api_error_code(), refused.value.api_error_subcode()) == (200, 1870090)


def test_marketing_calls_carry_the_usage_headers(sandbox: Client) -> None:
    answer = graph(sandbox, "GET", f"/act_{DEMO['ad_account_id']}/customaudiences")
    [usage] = json.loads(answer.headers["X-Business-Use-Case-Usage"])[DEMO["business_id"]]
    assert usage["type"] == "custom_audience" and usage["estimated_time_to_regain_access"] == 0
