"""Meta: what a person may choose from, against the sandbox's Facebook over HTTP."""

from __future__ import annotations

import json
import time
import traceback
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from integrations.base.errors import CredentialRefused, MalformedReply, Rejected, RemoteFault
from integrations.meta.ads_client import AdsClient
from integrations.meta.asset_types import AudienceTerms, Page, PhoneNumber, Waba
from integrations.meta.assets_client import MOST_PAGES, AssetsClient
from integrations.meta.audiences_client import AudiencesClient
from integrations.meta.config import MetaSettings
from tests.support.facebook import FacebookPerson, make_person
from tests.support.sandbox import Sandbox

APP, SECRET = "770000000001", "facebook-sandbox-app-secret"
BACK = "http://127.0.0.1/back"
SCOPES = (
    "public_profile,business_management,email,pages_show_list,ads_read,ads_management,"
    "whatsapp_business_management,whatsapp_business_manage_events,catalog_management"
)


def token_of(person: FacebookPerson, scope: str = SCOPES, **answers: Any) -> str:
    query = {"client_id": APP, "redirect_uri": BACK, "scope": scope, "auth_type": "rerequest"}
    code = person.code(f"{person.base_url}/dialog/v26.0/dialog/oauth?{urlencode(query)}", **answers)
    params = {"client_id": APP, "client_secret": SECRET, "redirect_uri": BACK, "code": code}
    found = requests.get(f"{person.base_url}/graph/v26.0/oauth/access_token", params=params, timeout=60)
    return str(found.json()["access_token"])


def assets(person: FacebookPerson, token: str = "", **answers: Any) -> AssetsClient:
    return AssetsClient(f"{person.base_url}/graph", token or token_of(person, **answers), SECRET)


@pytest.fixture
def person(sandbox: Sandbox) -> FacebookPerson:
    """Somebody with two businesses and two ad accounts in each."""
    return make_person(sandbox.url, pages=2, businesses=[{"ad_accounts": 2}, {}])


@pytest.fixture
def waba(sandbox: Sandbox, person: FacebookPerson) -> str:
    """A WhatsApp account of the person's first business; its id is no other test's."""
    waba_id = f"1002004{person.businesses[0]['id']}"
    number = {"number": f"3713{person.businesses[0]['id']}", "number_id": f"9093{person.businesses[0]['id']}"}
    business = person.businesses[0]["id"]
    sandbox.post(
        "/facebook/_wabas",
        {"waba_id": waba_id, "business_id": business, "name": "Chats", "numbers": [number]},
    )
    return waba_id


def test_pages_and_businesses_are_those_that_were_ticked(person: FacebookPerson) -> None:
    client = assets(person, ticks={"pages": person.pages[1:], "businesses": [person.businesses[0]["id"]]})
    [page] = client.pages()
    assert page == Page(page.id, page.name, page.tasks)
    assert (page.id, "MANAGE" in page.tasks) == (person.pages[1], True)
    [business] = client.businesses()
    assert (business.id, business.name) == (person.businesses[0]["id"], person.businesses[0]["name"])
    assert business.verification_status == "verified"


def test_a_person_with_nothing_has_empty_lists(sandbox: Sandbox) -> None:
    client = assets(make_person(sandbox.url, pages=0, businesses=[], email=None))
    assert client.pages() == client.businesses() == []


def test_long_lists_are_read_to_their_end(sandbox: Sandbox) -> None:
    many = make_person(sandbox.url, pages=230, businesses=[])
    client = assets(many)
    assert [page.id for page in client.pages()] == many.pages


def test_ad_accounts_tell_what_decides_about_them(sandbox: Sandbox, person: FacebookPerson) -> None:
    business = person.businesses[0]
    found = assets(person).ad_accounts(business["id"])
    assert [one.id for one in found] == business["ad_accounts"]
    assert {(one.currency, one.timezone_name, one.is_active, one.owned) for one in found} == {
        ("USD", "Asia/Almaty", True, True)
    }
    closed = make_person(sandbox.url, businesses=[{"account_status": 2}])
    [one] = assets(closed).ad_accounts(closed.businesses[0]["id"])
    assert (one.status, one.is_active) == (2, False)


def test_what_is_shared_is_told_from_what_is_owned(sandbox: Sandbox, person: FacebookPerson) -> None:
    theirs = person.businesses[0]
    client = {
        "ad_accounts": theirs["ad_accounts"],
        "pixels": theirs["pixels"],
        "catalogs": theirs["catalogs"],
    }
    agency = make_person(sandbox.url, businesses=[{"client": client, "ad_accounts": 1, "pixels": 0}])
    [mine] = agency.businesses
    found = assets(agency)
    assert {one.id: one.owned for one in found.ad_accounts(mine["id"])} == {
        **dict.fromkeys(mine["ad_accounts"], True),
        **dict.fromkeys(theirs["ad_accounts"], False),
    }
    assert {one.id for one in found.pixels(mine["id"]) if not one.owned} == set(theirs["pixels"])
    assert [one.id for one in found.catalogs(mine["id"]) if not one.owned] == theirs["catalogs"]


def test_a_new_pixel_is_one_of_its_business_alone(person: FacebookPerson) -> None:
    client, (first, second) = assets(person), person.businesses
    made = client.pixel_create(first["id"], "Arriwa · NOISE")
    assert [one.name for one in client.pixels(first["id"]) if one.id == made] == ["Arriwa · NOISE"]
    assert made not in [one.id for one in client.pixels(second["id"])]


def test_a_whatsapp_account_has_one_dataset_and_its_numbers(person: FacebookPerson, waba: str) -> None:
    client, business = assets(person), person.businesses[0]["id"]
    assert client.wabas(business) == [Waba(waba, "Chats", owned=True)]
    assert client.wabas(person.businesses[1]["id"]) == []
    assert client.phone_numbers(waba) == [PhoneNumber(f"9093{business}", f"3713{business}", "Chats")]
    made = client.dataset_get_or_create(waba)
    assert made == client.dataset_get_or_create(waba) != waba


def test_a_probe_tells_that_events_would_arrive_and_leaves_none(
    sandbox: Sandbox, person: FacebookPerson, waba: str
) -> None:
    client = assets(person)
    dataset = client.dataset_get_or_create(waba)
    client.dataset_probe(dataset, waba, at=int(time.time()))
    assert dataset not in [one["dataset_id"] for one in sandbox.state("meta")["events"]]
    with pytest.raises(Rejected, match="100/2804118"):
        client.dataset_probe(dataset, "100200300001", at=int(time.time()))
    with pytest.raises(Rejected, match="100/2804132"):
        client.dataset_probe(person.businesses[0]["pixels"][0], waba, at=int(time.time()))


def test_a_pages_number_is_told_only_with_its_permission(sandbox: Sandbox, person: FacebookPerson) -> None:
    page = person.pages[0]
    with pytest.raises(CredentialRefused) as caught:
        assets(person).page_number(page)
    assert caught.value.platform_code == "10"
    client = assets(person, token_of(person, scope=SCOPES + ",pages_read_engagement"))
    assert client.page_number(page) == ""
    sandbox.post("/facebook/_pages", {"page_id": page, "whatsapp_number": "+371 2000-0001"})
    assert client.page_number(page) == "37120000001"


def test_one_catalog_is_linked_and_unlinked(person: FacebookPerson, waba: str) -> None:
    client, (first, second) = assets(person), person.businesses
    [mine] = client.catalogs(first["id"])
    assert (mine.id, mine.vertical, mine.product_count, mine.owned) == (
        *first["catalogs"],
        "commerce",
        2,
        True,
    )
    assert client.catalog_linked(waba) is None
    client.catalog_link(waba, mine.id)
    client.catalog_link(waba, mine.id)
    with pytest.raises(Rejected):
        client.catalog_link(waba, second["catalogs"][0])
    linked = client.catalog_linked(waba)
    assert linked is not None and (linked.id, linked.name) == (mine.id, mine.name)
    client.catalog_unlink(waba, mine.id)
    assert client.catalog_linked(waba) is None


def test_terms_are_told_with_the_page_where_a_person_accepts_them(sandbox: Sandbox) -> None:
    person = make_person(sandbox.url, businesses=[{"custom_audience_tos": False}])
    account = person.businesses[0]["ad_accounts"][0]
    site = f"{sandbox.url}/dialog"
    client = AssetsClient(f"{sandbox.url}/graph", token_of(person), SECRET, business_url=site)
    terms = client.audience_terms(account)
    assert terms == AudienceTerms(False, f"{site}/ads/manage/customaudiences/tos/?act={account}")
    requests.post(terms.link.partition("?")[0], data={"act": account, "person": person.key}, timeout=60)
    assert client.audience_terms(f"act_{account}").accepted
    real = AssetsClient(f"{sandbox.url}/graph", token_of(person), SECRET).audience_terms(account).link
    assert real == f"https://business.facebook.com/ads/manage/customaudiences/tos/?act={account}"


def test_a_persons_token_serves_a_connection(person: FacebookPerson, waba: str) -> None:
    """The clients of a running workspace take it as they take a system user's."""
    business = person.businesses[0]
    token = token_of(person)
    account = business["ad_accounts"][0]
    settings = MetaSettings.from_connection({}, {"token": token, "app_secret": SECRET})
    audiences = AudiencesClient(base_url=f"{person.base_url}/graph", settings=settings, ad_account_id=account)
    made = audiences.audience_create("A1", "Kept by Arriwa.")
    assert audiences.audience_find("A1") == made
    headers = {"Authorization": f"Bearer {token}"}
    ads = f"{person.base_url}/graph/v26.0/act_{account}/ads"
    [ad] = requests.get(ads, headers=headers, timeout=60).json()["data"]
    found = AdsClient(base_url=f"{person.base_url}/graph", settings=settings).ad_metadata(ad["id"])
    assert (found.account_id, bool(found.campaign_name)) == (account, True)


DECLINED = [
    ("pages_show_list", lambda client, person: client.pages(), "10"),
    ("business_management", lambda client, person: client.businesses(), "200"),
    ("ads_management,ads_read", lambda client, person: client.ad_accounts(person.businesses[0]["id"]), "200"),
    ("ads_management", lambda client, person: client.pixel_create(person.businesses[0]["id"], "x"), "200"),
    ("catalog_management", lambda client, person: client.catalogs(person.businesses[0]["id"]), "200"),
    ("whatsapp_business_management", lambda client, person: client.wabas(person.businesses[0]["id"]), "200"),
]


@pytest.mark.parametrize(("scopes", "call", "code"), DECLINED)
def test_a_declined_permission_is_named_by_its_code(
    person: FacebookPerson, scopes: str, call: Any, code: str
) -> None:
    with pytest.raises(CredentialRefused) as caught:
        call(assets(person, decline=scopes.split(",")), person)
    assert caught.value.platform_code == code


def test_a_dead_token_says_why(person: FacebookPerson) -> None:
    client = assets(person)
    person.act("change_password")
    with pytest.raises(CredentialRefused, match="190/460"):
        client.pages()


def test_others_assets_are_out_of_reach(sandbox: Sandbox, person: FacebookPerson, waba: str) -> None:
    stranger = assets(make_person(sandbox.url))
    business = person.businesses[0]
    for call in (
        lambda: stranger.pixels(business["id"]),
        lambda: stranger.audience_terms(business["ad_accounts"][0]),
        lambda: stranger.dataset_get_or_create(waba),
        lambda: stranger.catalog_linked(waba),
    ):
        with pytest.raises(Rejected, match="100/33"):
            call()


def test_ids_cannot_lead_elsewhere(peer: Any) -> None:
    client = AssetsClient(peer.url, "EAA")
    for call in (
        lambda: client.pixels("7101/../me"),
        lambda: client.dataset_get_or_create("me?x="),
        lambda: client.audience_terms("act_1/users"),
        lambda: client.catalog_link("100", "5&method=delete"),
    ):
        with pytest.raises(Rejected, match="digits"):
            call()
    assert peer.requests == []


def test_lists_follow_cursors_and_no_address_of_the_answer(peer: Any) -> None:
    first = {"paging": {"cursors": {"after": "MQ=="}, "next": "https://evil.example/?access_token=EAA"}}
    peer.answer(200, {"data": [{"id": "1", "name": "A"}], **first})
    peer.answer(200, {"data": [{"id": "2", "name": "B"}], "paging": {"cursors": {"after": "Mg=="}}})
    assert [one.id for one in AssetsClient(peer.url, "EAA").businesses()] == ["1", "2"]
    assert [request.query.get("after") for request in peer.requests] == [None, "MQ=="]
    assert {request.query["limit"] for request in peer.requests} == {"100"}


def test_a_list_without_end_is_given_up(peer: Any) -> None:
    again = {"paging": {"cursors": {"after": "MQ=="}, "next": "https://graph/"}}
    peer.respond = lambda request: (200, {"data": [], **again})
    with pytest.raises(MalformedReply, match="does not end"):
        AssetsClient(peer.url, "EAA").pages()
    assert len(peer.requests) == 2 < MOST_PAGES


@pytest.mark.parametrize("body", [{"data": {}}, {"data": [{"name": "no id"}]}, {"data": ["x"]}, {"ok": True}])
def test_unreadable_lists_are_malformed(peer: Any, body: Any) -> None:
    peer.answer(200, body)
    with pytest.raises(MalformedReply):
        AssetsClient(peer.url, "EAA").businesses()


def test_nothing_of_a_token_is_in_addresses_errors_or_reprs(sandbox: Sandbox, peer: Any) -> None:
    person = make_person(sandbox.url)
    token = token_of(person)
    after = sandbox.received("meta")[-1]["id"]
    assets(person, token).businesses()
    calls = [row for row in sandbox.received("meta") if row["id"] > after]
    assert "appsecret_proof" in calls[0]["query"]
    assert token not in json.dumps([[row["path"], row["query"], row["body"]] for row in calls])
    client = AssetsClient(peer.url, token, SECRET)
    texts = [repr(client)]
    error = {"error": {"code": 200, "message": "Requires", "fbtrace_id": "A1"}}
    for status, body in ((403, error), (0, None), (200, "<html>"), (500, "down")):
        peer.answer(status, body)
        with pytest.raises((CredentialRefused, RemoteFault, MalformedReply)) as caught:
            client.businesses()
        texts.append("".join(traceback.format_exception(caught.value)))
    assert not [text for text in texts if token in text or SECRET in text]
