"""What a person's token opens at the fake Graph: by scope, by ticks, by what is his (meta.md 7.4)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from facebook_client import ADS, ALL, STEP_1, error, graph, sign_in
from sandbox_client import ACCOUNTS, Client, cards

from tests.support.facebook import FacebookPerson, make_person

HASH = "1f143bc210da7a8e0c4e919b8ad8e46be3b1cbdb2f8ee13fee355a22c836479d"


def ids(sandbox: Client, path: str, token: str, **params: str) -> list[str]:
    answer = graph(sandbox, "GET", path, token, params=params)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


@pytest.fixture
def person(sandbox: Client) -> FacebookPerson:
    """Somebody with two businesses; the second one's assets must stay out of the first's lists."""
    return make_person(sandbox.url, pages=2, businesses=[{}, {}])


@pytest.fixture
def waba(sandbox: Client, person: FacebookPerson) -> str:
    """A WhatsApp account as a signup makes it, owned by the person's first business, with a number."""
    number = {"number": "37129990001", "number_id": "909999001"}
    waba_id = "100200399001"
    body = {"waba_id": waba_id, "business_id": person.businesses[0]["id"], "name": "New", "numbers": [number]}
    assert sandbox.post("/facebook/_wabas", body).status_code == 200
    app = {"app_id": "new-app", "app_name": "New", "token": "sk_new", "waba_id": waba_id, "templates": []}
    sandbox.post("/_accounts", {"fresh": {"gupshup": {**app, **number}}})
    return waba_id


EDGES = [
    ("/me/accounts", "pages_show_list", 10),
    ("/me/businesses", "business_management", 200),
    ("/{business}", "business_management", 200),
    ("/{business}/owned_pages", "pages_show_list", 200),
    ("/{business}/owned_ad_accounts", "ads_management,ads_read", 200),
    ("/{business}/client_pixels", "ads_management,ads_read", 200),
    ("/{business}/owned_product_catalogs", "catalog_management", 200),
    ("/{business}/owned_whatsapp_business_accounts", "whatsapp_business_management", 200),
    ("/act_{ad_account}", "ads_management,ads_read", 200),
    ("/act_{ad_account}/customaudiences", "ads_management,ads_read", 200),
    ("/{waba}/phone_numbers", "whatsapp_business_management", 200),
    ("/{waba}/dataset", "whatsapp_business_manage_events", 200),
]


@pytest.mark.parametrize(("path", "scopes", "code"), EDGES)
def test_an_edge_opens_with_its_scope_alone(
    sandbox: Client, person: FacebookPerson, waba: str, path: str, scopes: str, code: int
) -> None:
    business = person.businesses[0]
    path = path.format(business=business["id"], ad_account=business["ad_accounts"][0], waba=waba)
    missing = sign_in(sandbox, person, ALL, decline=scopes.split(","))
    assert error(graph(sandbox, "GET", path, missing)) == (code, None)
    person.act("remove_app")
    assert graph(sandbox, "GET", path, sign_in(sandbox, person, ALL)).status_code == 200


def test_lists_hold_what_was_ticked(sandbox: Client) -> None:
    timur = FacebookPerson(sandbox.url, "timur")
    ticks = {
        "pages": ["615000000000004"],
        "businesses": ["7102"],
        "ad_accounts": ["3003"],
        "catalogs": ["56002"],
    }
    token = sign_in(sandbox, timur, ALL, ticks=ticks)
    assert ids(sandbox, "/me/accounts", token) == ["615000000000004"]
    assert ids(sandbox, "/me/businesses", token) == ["7102"]
    assert ids(sandbox, "/7102/owned_ad_accounts", token) == ["act_3003"]
    assert error(graph(sandbox, "GET", "/7103/owned_pixels", token)) == (100, 33)
    assert error(graph(sandbox, "GET", "/act_3002", token)) == (200, None)
    assert error(graph(sandbox, "GET", "/556000005", token)) == (100, 33)


def test_each_business_lists_its_own_and_what_is_shared_with_it(sandbox: Client) -> None:
    anna = sign_in(sandbox, FacebookPerson(sandbox.url, "anna"), ALL)
    assert ids(sandbox, "/7104/owned_ad_accounts", anna) == ["act_3006"]
    assert ids(sandbox, "/7104/client_ad_accounts", anna) == ["act_3001"]
    assert ids(sandbox, "/7104/client_pages", anna) == ["615000000000001"]
    assert ids(sandbox, "/7104/client_pixels", anna) == ["556000001"]
    assert ids(sandbox, "/me/accounts", anna) == ["615000000000004", "615000000000001"]


def test_a_person_with_nothing_gets_empty_lists(sandbox: Client) -> None:
    token = sign_in(sandbox, FacebookPerson(sandbox.url, "max"))
    assert ids(sandbox, "/me/accounts", token) == ids(sandbox, "/me/businesses", token) == []


def test_others_assets_are_as_if_they_were_not_there(
    sandbox: Client, person: FacebookPerson, waba: str
) -> None:
    token = sign_in(sandbox, make_person(sandbox.url), ALL)
    business = person.businesses[0]
    for node in (business["id"], f"act_{business['ad_accounts'][0]}", business["pixels"][0], waba):
        assert error(graph(sandbox, "GET", f"/{node}", token)) == (100, 33)


def test_accounts_of_the_file_are_their_business_assets(sandbox: Client) -> None:
    demo, token = ACCOUNTS["demo"]["meta"], sign_in(sandbox, FacebookPerson(sandbox.url, "vera"), ALL)
    assert ids(sandbox, "/7001/owned_ad_accounts", token) == [f"act_{demo['ad_account_id']}"]
    assert ids(sandbox, "/7001/owned_pixels", token) == [demo["good_pixel_id"], demo["noise_pixel_id"]]
    assert ids(sandbox, "/7001/owned_whatsapp_business_accounts", token) == [demo["waba_id"]]
    assert ids(sandbox, f"/{demo['waba_id']}/product_catalogs", token) == [demo["catalog_id"]]
    dataset = graph(sandbox, "POST", f"/{demo['waba_id']}/dataset", token).json()["id"]
    assert dataset == demo["dataset_id"]


def test_lists_are_paged_by_cursors(sandbox: Client) -> None:
    many = make_person(sandbox.url, pages=7)
    token = sign_in(sandbox, many)
    found: list[str] = []
    params = {"limit": "3", "fields": "id"}
    for _ in range(3):
        answer = graph(sandbox, "GET", "/me/accounts", token, params=params).json()
        found += [row["id"] for row in answer["data"]]
        params["after"] = answer["paging"]["cursors"]["after"]
    assert found == many.pages
    assert "next" not in answer["paging"]


def test_a_pages_token_reads_its_page(sandbox: Client, person: FacebookPerson) -> None:
    token = sign_in(sandbox, person)
    rows = graph(sandbox, "GET", "/me/accounts", token).json()["data"]
    assert rows[0]["tasks"][0] == "ADVERTISE"
    of_page = rows[0]["access_token"]
    assert graph(sandbox, "GET", "/me", of_page, params={"fields": "id"}).json() == {"id": person.pages[0]}
    assert error(graph(sandbox, "GET", f"/{person.businesses[0]['id']}", of_page)) == (100, 33)


# --- pixels, datasets, audiences, catalogs ----------------------------------------------------------


def test_a_pixel_is_made_in_its_business_and_takes_events(sandbox: Client, person: FacebookPerson) -> None:
    token, business = sign_in(sandbox, person, ALL), person.businesses[0]["id"]
    pixel = graph(sandbox, "POST", f"/{business}/adspixels", token, data={"name": "Noise"}).json()["id"]
    assert ids(sandbox, f"/{business}/owned_pixels", token)[-1] == pixel
    assert pixel not in ids(sandbox, f"/{person.businesses[1]['id']}/owned_pixels", token)
    event = {
        "event_name": "Q1",
        "event_time": int(time.time()),
        "action_source": "chat",
        "user_data": {"ph": [HASH]},
    }
    sent = graph(sandbox, "POST", f"/{pixel}/events", token, json={"data": [event]})
    assert sent.json()["events_received"] == 1
    assert error(graph(sandbox, "POST", f"/{business}/adspixels", token)) == (100, None)


def test_a_reading_token_writes_nothing(sandbox: Client, person: FacebookPerson) -> None:
    token, business = sign_in(sandbox, person, ALL, decline=["ads_management"]), person.businesses[0]
    account = f"/act_{business['ad_accounts'][0]}"
    assert graph(sandbox, "GET", account, token).status_code == 200
    body = {"name": "A1", "customer_file_source": "USER_PROVIDED_ONLY"}
    assert error(graph(sandbox, "POST", f"{account}/customaudiences", token, json=body)) == (200, None)
    assert error(graph(sandbox, "POST", f"/{business['id']}/adspixels", token, data={"name": "x"})) == (
        200,
        None,
    )
    event = {"data": [{"event_name": "Q1"}]}
    assert error(graph(sandbox, "POST", f"/{business['pixels'][0]}/events", token, json=event)) == (200, None)


def test_the_dataset_is_made_once_per_whatsapp_account(
    sandbox: Client, person: FacebookPerson, waba: str
) -> None:
    token = sign_in(sandbox, person, f"{STEP_1},{ADS}")
    assert graph(sandbox, "GET", f"/{waba}/dataset", token).json() == {"data": []}
    made = [graph(sandbox, "POST", f"/{waba}/dataset", token).json()["id"] for _ in range(2)]
    assert made[0] == made[1] != waba
    assert ids(sandbox, f"/{waba}/dataset", token) == [made[0]]
    assert ids(sandbox, f"/{person.businesses[0]['id']}/owned_whatsapp_business_accounts", token) == [waba]
    [number] = graph(sandbox, "GET", f"/{waba}/phone_numbers", token).json()["data"]
    assert number["display_phone_number"] == "+37129990001"


def tap(sandbox: Client, ad: str) -> str:
    """A click on an ad of the new number's business; its id."""
    answer = sandbox.post("/phone/77010009901/tap-ad", {"account": "fresh", "ad_id": ad})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["referral"]["ctwa_clid"])


def messaging(waba_id: str, click: str) -> dict[str, Any]:
    user = {"ctwa_clid": click, "whatsapp_business_account_id": waba_id, "ph": [HASH]}
    return {
        "event_name": "LeadSubmitted",
        "event_time": int(time.time()),
        "event_id": "e-1",
        "action_source": "business_messaging",
        "messaging_channel": "whatsapp",
        "user_data": user,
    }


def test_a_new_numbers_lead_comes_by_an_ad_and_counts_in_its_dataset(
    sandbox: Client, person: FacebookPerson, waba: str
) -> None:
    token = sign_in(sandbox, person, f"{STEP_1},{ADS}")
    dataset = graph(sandbox, "POST", f"/{waba}/dataset", token).json()["id"]
    cards = {one["account"]: one for one in sandbox.get("/demo/accounts").json()["accounts"]}
    [ad] = cards["fresh"]["ads"]
    account = person.businesses[0]["ad_accounts"][0]
    told = graph(
        sandbox, "GET", f"/{ad['id']}", token, params={"fields": "account_id,campaign{id,name}"}
    ).json()
    assert told["account_id"] == account and told["campaign"]["name"]
    click = tap(sandbox, ad["id"])
    sent = graph(sandbox, "POST", f"/{dataset}/events", token, json={"data": [messaging(waba, click)]})
    assert sent.json()["events_received"] == 1
    [held] = [one for one in sandbox.held("meta")["events"] if one["dataset_id"] == dataset]
    assert held["account"] == person.businesses[0]["id"]


def test_another_advertisers_click_is_no_click_of_this_dataset(
    sandbox: Client, person: FacebookPerson, waba: str
) -> None:
    token = sign_in(sandbox, person, f"{STEP_1},{ADS}")
    dataset = graph(sandbox, "POST", f"/{waba}/dataset", token).json()["id"]
    click = sandbox.act("tap-ad", ad_id=ACCOUNTS["demo"]["meta"]["ads"][0]["id"])["referral"]["ctwa_clid"]
    sent = graph(sandbox, "POST", f"/{dataset}/events", token, json={"data": [messaging(waba, click)]})
    assert error(sent) == (100, 2804087)


def test_audiences_wait_for_the_terms(sandbox: Client) -> None:
    person = make_person(sandbox.url, businesses=[{"custom_audience_tos": False}])
    token, account = sign_in(sandbox, person, ALL), person.businesses[0]["ad_accounts"][0]
    path = f"/act_{account}"
    body = {"name": "A1", "customer_file_source": "USER_PROVIDED_ONLY"}
    assert error(graph(sandbox, "POST", f"{path}/customaudiences", token, json=body)) == (200, 1870090)
    fields = {"fields": "tos_accepted,account_status,currency,timezone_name"}
    assert graph(sandbox, "GET", path, token, params=fields).json()["tos_accepted"] == {
        "custom_audience_tos": 0
    }
    sandbox.post("/facebook/_terms", {"ad_account": account})
    made = graph(sandbox, "POST", f"{path}/customaudiences", token, json=body).json()["id"]
    assert ids(sandbox, f"{path}/customaudiences", token) == [made]
    payload = {"schema": "PHONE_SHA256", "data": [HASH]}
    added = graph(sandbox, "POST", f"/{made}/users", token, json={"payload": payload})
    assert added.json()["num_received"] == 1


def test_audiences_of_two_ad_accounts_of_a_business_stay_apart(sandbox: Client) -> None:
    person = make_person(sandbox.url, businesses=[{"ad_accounts": 2}])
    token, (first, second) = sign_in(sandbox, person, ALL), person.businesses[0]["ad_accounts"]
    body = {"name": "A1", "customer_file_source": "USER_PROVIDED_ONLY"}
    made = {
        one: graph(sandbox, "POST", f"/act_{one}/customaudiences", token, json=body).json()["id"]
        for one in (first, second)
    }
    payload = {"payload": {"schema": "PHONE_SHA256", "data": [HASH]}}
    for audience in made.values():
        graph(sandbox, "POST", f"/{audience}/users", token, json=payload)
    assert ids(sandbox, f"/act_{first}/customaudiences", token) == [made[first]]
    graph(sandbox, "DELETE", f"/act_{first}/usersofanyaudience", token, json=payload)
    held = {one["id"]: one["members"] for one in sandbox.held("meta")["audiences"]}
    assert held == {made[first]: [], made[second]: [HASH]}


def cards_sent(sandbox: Client, catalog: str) -> bool:
    """Whether the new number may send product cards of that catalog to its lead."""
    sandbox.post("/phone/77010009902/send", {"account": "fresh", "text": "hello"})
    body = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "77010009902",
        "type": "interactive",
        "interactive": cards(catalog),
    }
    path = "/gupshup/partner/app/new-app/v3/message"
    return sandbox.post(path, body, headers={"Authorization": "sk_new"}).status_code == 200


def test_a_whatsapp_account_shows_one_catalog(sandbox: Client, waba: str, person: FacebookPerson) -> None:
    token, (first, second) = sign_in(sandbox, person, ALL), person.businesses
    path, mine, other = f"/{waba}/product_catalogs", first["catalogs"][0], second["catalogs"][0]
    assert ids(sandbox, path, token) == []
    for _ in range(2):
        linked = graph(sandbox, "POST", path, token, data={"catalog_id": mine})
        assert linked.json() == {"success": True}
    assert error(graph(sandbox, "POST", path, token, data={"catalog_id": other})) == (100, None)
    assert ids(sandbox, path, token) == [mine]
    assert len(ids(sandbox, f"/{mine}/products", token)) == 2
    assert cards_sent(sandbox, mine) and not cards_sent(sandbox, other)
    assert error(graph(sandbox, "DELETE", path, token, data={"catalog_id": other})) == (100, None)
    assert graph(sandbox, "DELETE", path, token, data={"catalog_id": mine}).json() == {"success": True}
    assert ids(sandbox, path, token) == []
    assert error(graph(sandbox, "POST", path, token, data={"catalog_id": "55501"})) == (100, 33)
