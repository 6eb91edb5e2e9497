"""Meta: tokens of people, against the sandbox's Facebook over HTTP, and answers that it does not give."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from integrations.base.errors import (
    CredentialRefused,
    MalformedReply,
    Rejected,
    RemoteFault,
    Unreachable,
)
from integrations.meta.graph import GraphToken
from integrations.meta.login_client import LoginClient, LongToken
from tests.support.facebook import FacebookPerson, make_person
from tests.support.sandbox import Sandbox

APP, SECRET = "770000000001", "facebook-sandbox-app-secret"
BACK = "http://127.0.0.1/back"
STEP_1 = "public_profile,business_management,email,pages_show_list"


@pytest.fixture
def client(sandbox: Sandbox) -> LoginClient:
    return LoginClient(f"{sandbox.url}/graph", APP, SECRET)


@pytest.fixture
def person(sandbox: Sandbox) -> FacebookPerson:
    return make_person(sandbox.url)


def dialog(person: FacebookPerson, scope: str = STEP_1, **more: str) -> str:
    query = {"client_id": APP, "redirect_uri": BACK, "scope": scope, **more}
    return f"{person.base_url}/dialog/v26.0/dialog/oauth?{urlencode(query)}"


def token_of(person: FacebookPerson, **answers: Any) -> str:
    """A short token after the dialog, as the sign-in gets it."""
    params = {
        "client_id": APP,
        "client_secret": SECRET,
        "redirect_uri": BACK,
        "code": person.code(dialog(person), **answers),
    }
    found = requests.get(f"{person.base_url}/graph/v26.0/oauth/access_token", params=params, timeout=60)
    return str(found.json()["access_token"])


def test_an_exchange_gives_a_new_token_for_sixty_days(client: LoginClient, person: FacebookPerson) -> None:
    short = token_of(person)
    first, second = client.exchange(short), client.exchange(short)
    assert len({short, first.token, second.token}) == 3
    assert first.expires_in is not None
    assert timedelta(days=59) < first.expires_in <= timedelta(days=60)
    assert first.token not in repr(first)


def test_a_token_tells_whose_it_is_and_what_it_opens(client: LoginClient, person: FacebookPerson) -> None:
    token = token_of(person, decline=["email"], ticks={"pages": person.pages})
    info = client.debug(token)
    assert info.is_valid and info.reason == ""
    assert info.user_id == person.id
    assert set(info.scopes) == {"public_profile", "business_management", "pages_show_list"}
    assert info.granular == {"pages_show_list": tuple(person.pages)}
    assert info.expires_at is not None and info.data_access_expires_at is not None
    left = info.expires_at - datetime.now(UTC)
    assert timedelta(hours=1) < left < timedelta(hours=2)
    assert info.data_access_expires_at - datetime.now(UTC) > timedelta(days=80)


@pytest.mark.parametrize(
    ("action", "reason"),
    [("expire", "190/463"), ("remove_app", "190/458"), ("change_password", "190/460")],
)
def test_a_dead_token_is_told_by_debug_and_refused_elsewhere(
    client: LoginClient, person: FacebookPerson, action: str, reason: str
) -> None:
    token = token_of(person)
    person.act(action)
    info = client.debug(token)
    assert (info.is_valid, info.reason, info.scopes, info.user_id) == (False, reason, (), person.id)
    for call in (client.exchange, client.permissions):
        with pytest.raises(CredentialRefused) as caught:
            call(token)
        assert caught.value.platform_code == reason


def test_a_token_that_nobody_holds_is_invalid(client: LoginClient) -> None:
    info = client.debug("EAAnobody")
    assert (info.is_valid, info.reason, info.user_id) == (False, "190", "")


def test_permissions_are_granted_or_declined(client: LoginClient, person: FacebookPerson) -> None:
    found = client.permissions(token_of(person, decline=["email", "business_management"]))
    assert set(found.granted) == {"public_profile", "pages_show_list"}
    assert set(found.declined) == {"email", "business_management"}


def test_revoking_one_permission_leaves_the_rest(client: LoginClient, person: FacebookPerson) -> None:
    token = token_of(person)
    client.revoke(token, "business_management")
    assert client.permissions(token).declined == ("business_management",)
    assert "business_management" not in client.debug(token).scopes


def test_revoking_all_ends_the_token_and_may_be_repeated(client: LoginClient, person: FacebookPerson) -> None:
    token = token_of(person)
    client.revoke(token)
    client.revoke(token)
    assert client.debug(token).reason == "190/458"


def test_revoking_with_a_token_dead_for_another_reason_is_refused(
    client: LoginClient, person: FacebookPerson
) -> None:
    token = token_of(person)
    person.act("expire")
    with pytest.raises(CredentialRefused, match="190/463"):
        client.revoke(token)


def test_every_call_for_a_person_is_signed(sandbox: Sandbox, person: FacebookPerson) -> None:
    token = token_of(person)
    wrong = LoginClient(f"{sandbox.url}/graph", APP, "wrong")
    with pytest.raises(Rejected):
        wrong.permissions(token)
    with pytest.raises(CredentialRefused):
        wrong.debug(token)


def test_a_wrong_app_secret_exchanges_nothing(sandbox: Sandbox, person: FacebookPerson) -> None:
    with pytest.raises(RemoteFault):
        LoginClient(f"{sandbox.url}/graph", APP, "wrong").exchange(token_of(person))


def test_no_secret_is_in_an_address(client: LoginClient, person: FacebookPerson, sandbox: Sandbox) -> None:
    token = token_of(person)
    after = sandbox.received("meta")[-1]["id"]
    client.exchange(token), client.debug(token), client.permissions(token), client.revoke(token)
    calls = [row for row in sandbox.received("meta") if row["id"] > after]
    assert len(calls) == 4
    addresses = json.dumps([[row["path"], row["query"]] for row in calls])
    assert token not in addresses and SECRET not in addresses


# --- answers that the sandbox does not give ---------------------------------------------------------


def test_a_token_of_another_app_is_refused(peer: Any) -> None:
    peer.answer(200, {"data": {"app_id": "666", "is_valid": True, "user_id": "1", "scopes": []}})
    with pytest.raises(Rejected, match="another app"):
        LoginClient(peer.url, APP, SECRET).debug("EAAforeign")


def test_zero_means_never(peer: Any) -> None:
    peer.answer(
        200, {"data": {"app_id": APP, "is_valid": True, "expires_at": 0, "data_access_expires_at": 0}}
    )
    info = LoginClient(peer.url, APP, SECRET).debug("EAA")
    assert (info.expires_at, info.data_access_expires_at, info.scopes, info.granular) == (None, None, (), {})


def test_an_exchange_without_an_end_has_none(peer: Any) -> None:
    peer.answer(200, {"access_token": "EAAlong", "token_type": "bearer"})
    assert LoginClient(peer.url, APP, SECRET).exchange("EAA") == LongToken("EAAlong", None)


@pytest.mark.parametrize("body", [{"token_type": "bearer"}, {"access_token": ""}, "<html>"])
def test_an_exchange_without_a_token_is_malformed(peer: Any, body: Any) -> None:
    peer.answer(200, body)
    with pytest.raises(MalformedReply):
        LoginClient(peer.url, APP, SECRET).exchange("EAA")


@pytest.mark.parametrize("body", [{"data": "none"}, {"ok": True}])
def test_unreadable_answers_are_malformed(peer: Any, body: Any) -> None:
    client = LoginClient(peer.url, APP, SECRET)
    for call in (client.debug, client.permissions):
        peer.answer(200, body)
        with pytest.raises(MalformedReply):
            call("EAA")


def test_no_answer_is_a_fault_to_try_again(peer: Any) -> None:
    client = LoginClient(peer.url, APP, SECRET)
    for call in (client.exchange, client.debug, client.permissions, client.revoke):
        peer.answer(0)
        with pytest.raises(RemoteFault):
            call("EAA")
    with pytest.raises(Unreachable):
        LoginClient("http://127.0.0.1:9", APP, SECRET).exchange("EAA")


def test_nothing_of_a_token_is_in_errors_or_reprs(peer: Any) -> None:
    client = LoginClient(peer.url, APP, SECRET)
    token = "EAAtop" + "secret"
    texts = [repr(client), repr(GraphToken(token, SECRET))]
    error = {"error": {"code": 190, "error_subcode": 463, "message": "expired", "fbtrace_id": "A1"}}
    for call in (client.exchange, client.debug, client.permissions, client.revoke):
        for status, body in ((400, error), (0, None), (200, "<html>")):
            peer.answer(status, body)
            with pytest.raises(Exception) as caught:
                call(token)
            texts.append("".join(traceback.format_exception(caught.value)))
    assert not [text for text in texts if token in text or SECRET in text]
