"""Signing in by Facebook: which scopes are asked for, what is kept, how it ends when it fails (T1)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.db import connection
from django.test import Client

from tenants.models import User
from tenants.signin.grants import grant_token
from tests.support.facebook import FacebookPerson, make_person
from tests.support.sandbox import Sandbox
from tests.support.signin import HOST, Browser, asked_of, grant_of, query_of, signed_in

pytestmark = pytest.mark.usefixtures("database")

#: T3.1 and the addition that settings list.
STEP_ONE = ["business_management", "email", "pages_show_list", "public_profile"]


@pytest.fixture
def person(sandbox: Sandbox) -> FacebookPerson:
    return make_person(sandbox.url)


def test_the_first_step_asks_for_exactly_its_scopes(sandbox: Sandbox, person: FacebookPerson) -> None:
    browser = Browser()
    dialog = browser.dialog()
    assert sorted(query_of(dialog)["scope"].split(",")) == STEP_ONE
    assert "auth_type" not in query_of(dialog)
    assert browser.come_back(person.consent(dialog))["Location"] == "/"
    (asked,) = asked_of(sandbox, person)
    assert asked["requested"] == STEP_ONE and asked["granted"] == STEP_ONE


@pytest.mark.parametrize("name", ["scope", "auth_params", "action", "process"])
def test_nobody_outside_widens_the_dialog(name: str) -> None:
    client = Client(SERVER_NAME=HOST)
    wanted = {"scope": "ads_management", "auth_params": "scope=ads_management&redirect_uri=http://evil.test/"}
    value = wanted.get(name, "rerequest")
    plain = query_of(client.post("/sign-in/facebook")["Location"])
    meddled = query_of(client.post(f"/sign-in/facebook?{name}={value}", {name: value})["Location"])
    for query in (plain, meddled):
        query.pop("state")
        query["scope"] = ",".join(sorted(query["scope"].split(",")))
    assert meddled == plain


def test_the_token_is_long_sealed_and_nowhere_else(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    grant = grant_of(person)
    token = grant_token(grant)
    assert grant.user == browser.user and sorted(grant.granted) == STEP_ONE
    assert grant.expires_at is not None and (grant.expires_at - grant.checked_at).days >= 59
    assert token.encode() not in bytes(grant.token_sealed)
    assert SocialToken.objects.count() == 0
    assert token not in json.dumps(SocialAccount.objects.get(uid=person.id).extra_data)
    assert token not in json.dumps(dict(browser.client.session))


def test_no_secret_travels_in_an_address(sandbox: Sandbox) -> None:
    before = len(sandbox.received("meta"))
    _browser, person = signed_in(sandbox)
    token = grant_token(grant_of(person))
    calls = sandbox.received("meta")[before:]
    addresses = [str(call.get("path", "")) + json.dumps(call.get("query", "")) for call in calls]
    assert calls and not [one for one in addresses if token in one or "client_secret" in one]


def test_two_people_with_one_address_are_two_users(sandbox: Sandbox) -> None:
    first, _ = signed_in(sandbox, email="shared@example.com")
    second, _ = signed_in(sandbox, email="shared@example.com")
    assert first.user and second.user and first.user != second.user
    assert User.objects.filter(email="shared@example.com").count() == 2


def test_a_person_without_an_address_comes_in(sandbox: Sandbox) -> None:
    browser, _ = signed_in(sandbox, email=None)
    assert browser.user is not None and browser.user.email == ""


def test_coming_again_is_the_same_user_with_a_new_token(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    token = grant_token(grant_of(person))
    again = Browser()
    again.sign_in(person)
    assert again.user == browser.user
    assert grant_token(grant_of(person)) != token
    assert User.objects.filter(username__endswith=person.id).count() == 1


def test_the_session_gets_a_new_key_when_somebody_signs_in(sandbox: Sandbox, person: FacebookPerson) -> None:
    browser = Browser()
    dialog = browser.dialog()
    key = browser.client.session.session_key
    browser.come_back(person.consent(dialog))
    assert browser.client.session.session_key != key
    cookie = browser.client.cookies["sessionid"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/settings/members?x=1", "/settings/members?x=1"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test/", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_only_addresses_of_this_site_are_followed(person: FacebookPerson, wanted: str, led: str) -> None:
    assert Browser().sign_in(person, next=wanted)["Location"] == led


def test_a_stranger_comes_back_to_the_page_he_wanted(person: FacebookPerson) -> None:
    browser = Browser()
    door = browser.client.get("/start/workspaces")
    assert door["Location"] == "/?next=%2Fstart%2Fworkspaces"
    assert 'name="next" value="/start/workspaces"' in browser.page(door["Location"])


def test_a_cancelled_dialog_is_told_and_can_be_tried_again(person: FacebookPerson) -> None:
    browser = Browser()
    answer = browser.sign_in(person, cancel=True)
    assert answer.status_code == 200 and "You cancelled at Facebook" in answer.content.decode()
    assert browser.user is None
    browser.sign_in(person)
    assert browser.user is not None


def test_a_refusal_by_facebook_is_told() -> None:
    browser = Browser()
    state = query_of(browser.dialog())["state"]
    answer = browser.client.get(f"/accounts/facebook/login/callback/?error=server_error&state={state}")
    assert answer.status_code == 400 and "did not let you through" in answer.content.decode()


@pytest.mark.parametrize("state", ["", "stolen"])
def test_a_state_that_is_not_ours_signs_nobody_in(person: FacebookPerson, state: str) -> None:
    browser = Browser()
    code = person.code(browser.dialog())
    answer = browser.client.get(f"/accounts/facebook/login/callback/?code={code}&state={state}")
    assert answer.status_code == 400 and "This sign-in is over" in answer.content.decode()
    assert browser.user is None


def test_another_browsers_answer_signs_nobody_in(person: FacebookPerson) -> None:
    victim, attacker = Browser(), Browser()
    answer = victim.come_back(person.consent(attacker.dialog()))
    assert answer.status_code == 400 and victim.user is None


def test_the_same_answer_twice_signs_in_once(person: FacebookPerson) -> None:
    browser = Browser()
    location = person.consent(browser.dialog())
    assert browser.come_back(location).status_code == 302
    again = browser.come_back(location)
    assert again.status_code == 400 and "finished already" in again.content.decode()
    assert browser.user is not None


def test_a_used_code_is_told(person: FacebookPerson) -> None:
    code = person.code(Browser().dialog())
    first, second = Browser(), Browser()
    for browser, status in ((first, 302), (second, 400)):
        state = query_of(browser.dialog())["state"]
        address = f"/accounts/facebook/login/callback/?code={code}&state={state}"
        assert browser.client.get(address).status_code == status
    assert second.user is None


@pytest.mark.parametrize("path", ["oauth/access_token", "/me", "debug_token", "/me/permissions"])
def test_a_silent_facebook_is_told_at_every_call(sandbox: Sandbox, person: FacebookPerson, path: str) -> None:
    browser = Browser()
    location = person.consent(browser.dialog())
    with sandbox.faults({"platform": "meta", "path": path, "status": 503}):
        answer = browser.come_back(location)
    assert answer.status_code == 503 and "Facebook does not answer" in answer.content.decode()
    assert browser.user is None and not User.objects.filter(username__endswith=person.id).exists()
    browser.sign_in(person)
    assert browser.user is not None


def test_two_tabs_of_one_person_are_one_sign_in(sandbox: Sandbox, person: FacebookPerson) -> None:
    browser = Browser()
    first, second = browser.dialog(), browser.dialog(next="/terms")
    one, other = person.consent(first), person.consent(second)
    assert browser.come_back(one)["Location"] == "/"
    user = browser.user
    assert browser.come_back(other)["Location"] == "/terms"
    assert browser.user == user


def test_a_new_person_who_comes_twice_at_once_is_one_user(person: FacebookPerson) -> None:
    browsers = [Browser() for _ in range(4)]
    locations = [person.consent(browser.dialog()) for browser in browsers]

    def come(browser: Browser, location: str) -> int:
        try:
            return int(browser.come_back(location).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(browsers)) as pool:
        assert list(pool.map(come, browsers, locations)) == [302] * len(browsers)
    assert len({browser.user for browser in browsers}) == 1
    assert SocialAccount.objects.filter(uid=person.id).count() == 1


def test_another_account_in_a_second_tab_is_refused_and_changes_nothing(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    other = make_person(sandbox.url)
    sealed = bytes(grant_of(person).token_sealed)
    answer = browser.sign_in(other, next="/start")
    assert answer["Location"] == "/start"
    assert "another Facebook account" in browser.page("/start")
    assert browser.user == grant_of(person).user
    assert bytes(grant_of(person).token_sealed) == sealed
    assert not SocialAccount.objects.filter(uid=other.id).exists()


def test_signing_out_in_the_middle_of_a_consent_changes_nothing(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    token = grant_token(grant_of(person))
    location = person.consent(browser.dialog(next="/start"))
    browser.client.post("/sign-out")
    assert browser.user is None
    assert browser.come_back(location).status_code == 400
    assert browser.user is None and grant_token(grant_of(person)) == token


def test_a_closed_account_stays_out(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    User.objects.filter(pk=browser.user.pk).update(is_active=False)  # type: ignore[union-attr]
    assert browser.user is not None and browser.client.get("/start").status_code == 302
    answer = Browser().sign_in(person)
    assert answer.status_code == 403 and "This account is closed" in answer.content.decode()


def test_sign_in_takes_a_post(person: FacebookPerson) -> None:
    assert Client(SERVER_NAME=HOST).get("/sign-in/facebook").status_code == 405
    assert Client(SERVER_NAME=HOST).get("/sign-out").status_code == 405
    strict = Client(SERVER_NAME=HOST, enforce_csrf_checks=True)
    assert strict.post("/sign-in/facebook").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "login/",
        "signup/",
        "password/reset/",
        "email/",
        "facebook/login/",
        "facebook/login/token/",
        "3rdparty/",
    ],
)
def test_allauths_own_pages_are_not_there(path: str) -> None:
    assert Client(SERVER_NAME=HOST).get(f"/accounts/{path}").status_code == 404


def test_a_password_opens_the_door_for_staff_alone(database: Any) -> None:
    from django.contrib.auth import authenticate

    for name, staff in (("member", False), ("helper", True)):
        user = User.objects.create_user(f"{name}-pw", f"{name}@example.com", "correct horse", is_staff=staff)
        assert authenticate(None, username=user.username, password="correct horse") == (
            user if staff else None
        )
        assert authenticate(None, email=user.email, password="correct horse") is None


def test_dialogs_are_limited_by_address(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"facebook": "2/m/ip"}
    browser = Browser()
    for _ in range(2):
        browser.dialog()
    answer = browser.client.post("/sign-in/facebook")
    assert answer.status_code == 429 and "Too many sign-ins" in answer.content.decode()
    Browser().dialog()


def test_without_an_app_the_page_says_so(settings: Any) -> None:
    settings.META_APP_SECRET = ""
    answer = Client(SERVER_NAME=HOST).post("/sign-in/facebook")
    assert answer.status_code == 503 and "not set up here" in answer.content.decode()
