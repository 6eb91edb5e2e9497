"""The fake consent dialog asks, refuses and answers as Facebook's does (reference/meta.md 7.1, 7.2)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from facebook_client import APP, BACK, STEP_1, url
from sandbox_client import ROOT, Client

from sandbox.facebook_html import RUSSIAN
from tests.support.facebook import FacebookPerson, make_person


def answered(location: str) -> dict[str, str]:
    """The parameters that Facebook sends back."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.fixture
def olga(sandbox: Client) -> FacebookPerson:
    return FacebookPerson(sandbox.url, "olga")


def permissions(sandbox: Client, person: str) -> dict[str, Any]:
    found = [one for one in sandbox.held("meta")["permissions"] if one["person"] == person]
    return found[0] if found else {}


def test_allowing_leads_back_with_a_code_and_the_state(sandbox: Client, olga: FacebookPerson) -> None:
    location = olga.consent(url(sandbox))
    assert location.startswith(BACK + "?") and location.endswith("#_=_")
    assert answered(location)["state"] == "s-1"
    assert answered(location)["code"]
    assert permissions(sandbox, "olga")["granted"] == dict.fromkeys(STEP_1.split(","))


def test_an_address_with_a_query_keeps_it(sandbox: Client, olga: FacebookPerson) -> None:
    location = olga.consent(url(sandbox, redirect_uri="http://localhost/back?step=1"))
    assert answered(location) | {"code": ""} == {"step": "1", "state": "s-1", "code": ""}


def test_cancelling_leads_back_with_the_reason_and_grants_nothing(
    sandbox: Client, olga: FacebookPerson
) -> None:
    found = answered(olga.consent(url(sandbox), cancel=True))
    assert (found["error"], found["error_reason"], found["state"]) == ("access_denied", "user_denied", "s-1")
    assert "code" not in found
    assert permissions(sandbox, "olga") == {}
    assert sandbox.held("meta")["consents"][-1]["cancelled"] is True


def test_the_record_tells_what_was_asked_and_answered(sandbox: Client, olga: FacebookPerson) -> None:
    olga.consent(url(sandbox), decline=["email"])
    [one] = sandbox.held("meta")["consents"]
    assert one["requested"] == sorted(STEP_1.split(","))
    assert one["declined"] == ["email"]
    assert one["granted"] == ["business_management", "pages_show_list", "public_profile"]
    assert (one["person"], one["facebook_user_id"], one["rerequest"]) == ("olga", "122000000000001", False)
    asked = [row for row in sandbox.get("/_received?platform=meta").json() if row["method"] == "GET"]
    assert asked[-1]["path"] == "/dialog/v26.0/dialog/oauth"
    assert set(asked[-1]["query"]["scope"].split(",")) == set(STEP_1.split(","))


def test_the_record_holds_no_scope_that_the_app_did_not_ask(sandbox: Client, olga: FacebookPerson) -> None:
    olga.consent(url(sandbox, scope="ads_read,ads_management"))
    assert sandbox.held("meta")["consents"][-1]["requested"] == ["ads_management", "ads_read"]
    assert "public_profile" in permissions(sandbox, "olga")["granted"]


def test_a_declined_scope_is_asked_again_only_when_the_app_rerequests(
    sandbox: Client, olga: FacebookPerson
) -> None:
    olga.consent(url(sandbox), decline=["business_management"])
    assert olga.asked(url(sandbox)) == []
    assert answered(olga.consent(url(sandbox)))["code"]
    assert "business_management" in permissions(sandbox, "olga")["declined"]
    again = url(sandbox, auth_type="rerequest")
    assert olga.asked(again) == ["business_management"]
    olga.consent(again)
    assert permissions(sandbox, "olga")["declined"] == []
    assert sandbox.held("meta")["consents"][-1]["rerequest"] is True


def test_a_granted_scope_is_not_asked_again_and_a_new_one_is(sandbox: Client, olga: FacebookPerson) -> None:
    olga.consent(url(sandbox))
    assert olga.asked(url(sandbox, scope=STEP_1 + ",ads_read")) == ["ads_read"]


def test_edit_access_asks_everything_anew_and_takes_back_what_is_unticked(
    sandbox: Client, olga: FacebookPerson
) -> None:
    olga.consent(url(sandbox))
    olga.consent(url(sandbox, edit="1"), decline=["email"])
    assert permissions(sandbox, "olga")["declined"] == ["email"]
    assert "email" not in permissions(sandbox, "olga")["granted"]


def test_ticked_pages_and_businesses_are_kept_per_scope(sandbox: Client) -> None:
    timur = FacebookPerson(sandbox.url, "timur")
    timur.consent(url(sandbox), ticks={"pages": ["615000000000003"], "businesses": ["7103"]})
    granted = permissions(sandbox, "timur")["granted"]
    assert granted["pages_show_list"] == ["615000000000003"]
    assert granted["business_management"] == ["7103"]
    assert granted["email"] is None


def test_a_scope_with_nothing_ticked_is_declined(sandbox: Client, olga: FacebookPerson) -> None:
    olga.consent(url(sandbox), ticks={"pages": []})
    assert permissions(sandbox, "olga")["declined"] == ["pages_show_list"]


def test_an_unticked_box_counts_though_all_is_chosen(sandbox: Client) -> None:
    query = {"client_id": APP, "redirect_uri": BACK, "scope": STEP_1, "person": "timur", "do": "continue"}
    ticks = [("tick_pages", "615000000000003"), ("tick_businesses", "7102"), ("tick_businesses", "7103")]
    sent = [*query.items(), ("grant", "pages_show_list"), ("grant", "business_management"), *ticks]
    form = [*sent, ("which_pages", "all"), ("which_businesses", "all")]
    requests.post(url(sandbox).partition("?")[0], data=form, allow_redirects=False, timeout=60)
    granted = permissions(sandbox, "timur")["granted"]
    assert granted["pages_show_list"] == ["615000000000003"]
    assert granted["business_management"] is None


def test_others_pages_cannot_be_ticked(sandbox: Client, olga: FacebookPerson) -> None:
    olga.consent(url(sandbox), ticks={"pages": ["615000000000002", "615000000000001"]})
    assert permissions(sandbox, "olga")["granted"]["pages_show_list"] == ["615000000000001"]


def test_the_basic_profile_cannot_be_declined(sandbox: Client, olga: FacebookPerson) -> None:
    assert "public_profile" not in olga.asked(url(sandbox))
    olga.consent(url(sandbox), decline=STEP_1.split(","))
    assert list(permissions(sandbox, "olga")["granted"]) == ["public_profile"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"client_id": "1"}, "Invalid App ID"),
        ({"redirect_uri": "https://evil.example/"}, "URL Blocked"),
        ({"redirect_uri": "javascript://127.0.0.1/x"}, "URL Blocked"),
        ({"scope": "email,read_minds"}, "Invalid Scopes: read_minds"),
        ({"response_type": "token"}, "response_type"),
        ({"config_id": "9"}, "configuration"),
    ],
)
def test_a_wrong_question_is_shown_and_sends_nobody_back(
    sandbox: Client, olga: FacebookPerson, change: dict[str, str], text: str
) -> None:
    page = olga.dialog(url(sandbox, **change))
    assert page.status_code == 400
    assert text in page.text
    assert "Location" not in page.headers
    sent = {
        "client_id": APP,
        "redirect_uri": BACK,
        "scope": STEP_1,
        **change,
        "person": "olga",
        "do": "continue",
    }
    answer = requests.post(url(sandbox).partition("?")[0], data=sent, allow_redirects=False, timeout=60)
    assert answer.status_code == 400


def test_registered_addresses_replace_the_loopback_rule(sandbox: Client, olga: FacebookPerson) -> None:
    sandbox.post("/facebook/_settings", {"redirect_uris": ["https://arriwa.example/back"]})
    assert olga.dialog(url(sandbox)).status_code == 400
    assert olga.consent(url(sandbox, redirect_uri="https://arriwa.example/back")).startswith("https://arriwa")


def test_a_configuration_is_granted_as_a_whole(sandbox: Client, olga: FacebookPerson) -> None:
    sandbox.post("/facebook/_settings", {"configurations": {"31": ["email", "ads_read"]}})
    asked = url(sandbox, scope="", config_id="31")
    assert olga.asked(asked) == []
    olga.consent(asked)
    assert set(permissions(sandbox, "olga")["granted"]) == {"public_profile", "email", "ads_read"}


def test_the_tester_chooses_who_he_is_and_is_remembered(sandbox: Client) -> None:
    browser = requests.Session()
    first = browser.get(url(sandbox), timeout=60).text
    assert "Choose who you are" in first and 'value="max"' in first and 'name="grant"' not in first
    browser.get(url(sandbox), params={"as": "max"}, timeout=60)
    assert "Continue as Max Newman" in browser.get(url(sandbox), timeout=60).text


def test_the_dialog_speaks_russian_to_russian_browsers(sandbox: Client) -> None:
    headers = {"Accept-Language": "ru-RU,ru;q=0.9"}
    page = requests.get(url(sandbox), params={"as": "olga"}, headers=headers, timeout=60).text
    assert 'lang="ru"' in page and "Продолжить как Ольга Ким" in page and "Компании" in page


def test_every_text_of_the_pages_has_its_russian() -> None:
    source = "".join(path.read_text() for path in (ROOT / "sandbox").glob("facebook*.py"))
    said = re.findall(r"""words\((["'])(.+?)\1\)""", source)
    assert len(said) > 10
    assert [text for _, text in said if text not in RUSSIAN] == []


def test_names_from_outside_are_escaped(sandbox: Client) -> None:
    person = make_person(sandbox.url, name='<b>"Bo"</b>', key="bo")
    page = person.dialog(url(sandbox, state='"><script>')).text
    assert "<b>" not in page and "<script>" not in page


def test_terms_are_accepted_by_a_person_of_the_ad_account_alone(sandbox: Client) -> None:
    terms = f"{sandbox.url}/dialog/ads/manage/customaudiences/tos/"
    asking = {"act": "3003"}
    assert requests.get(terms, params={**asking, "as": "olga"}, timeout=60).status_code == 403
    assert requests.post(terms, data={**asking, "person": "olga"}, timeout=60).status_code == 400
    assert "I accept" in requests.get(terms, params={**asking, "as": "timur"}, timeout=60).text
    requests.post(terms, data={**asking, "person": "timur"}, timeout=60)
    assert sandbox.get("/facebook/_people").json()["assets"]["ad_accounts"]["3003"]["custom_audience_tos"]
