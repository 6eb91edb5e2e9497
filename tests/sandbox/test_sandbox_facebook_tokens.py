"""People's tokens at the fake Graph: codes, exchange, death, what is told of them (reference/meta.md 7.3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
import requests
from facebook_client import APP, ASKER, BACK, SECRET, access_token, error, graph, proof, sign_in, url
from sandbox_client import ACCOUNTS, Client, Listener

from tests.support.facebook import FacebookPerson

FIELDS = "id,name,email,first_name,last_name"


@pytest.fixture
def olga(sandbox: Client) -> FacebookPerson:
    return FacebookPerson(sandbox.url, "olga")


def looked_into(sandbox: Client, token: str, asker: str = ASKER) -> requests.Response:
    return graph(sandbox, "GET", "/debug_token", asker, params={"input_token": token})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_code_gives_a_short_token(sandbox: Client, olga: FacebookPerson, method: str) -> None:
    code = olga.code(url(sandbox))
    found = access_token(
        sandbox, method, code=code, redirect_uri=BACK, grant_type="authorization_code"
    ).json()
    assert found["token_type"] == "bearer"
    assert 3600 <= found["expires_in"] <= 7200
    me = graph(sandbox, "GET", "/me", found["access_token"], params={"fields": FIELDS}).json()
    assert me == {
        "id": "122000000000001",
        "name": "Ольга Ким",
        "email": "kim@example.com",
        "first_name": "Ольга",
        "last_name": "Ким",
    }


def test_a_code_is_good_once_in_time_for_its_address_and_app(sandbox: Client, olga: FacebookPerson) -> None:
    code = olga.code(url(sandbox))
    other = access_token(sandbox, code=code, redirect_uri=BACK + "x")
    assert error(other) == (100, 36008)
    assert error(access_token(sandbox, code=code, redirect_uri=BACK, client_secret="wrong")) == (1, None)
    assert error(access_token(sandbox, code=code, redirect_uri=BACK, client_id="5")) == (101, None)
    assert error(access_token(sandbox, code=code + "x", redirect_uri=BACK)) == (100, None)
    assert access_token(sandbox, code=code, redirect_uri=BACK).status_code == 200
    assert error(access_token(sandbox, code=code, redirect_uri=BACK)) == (100, 36009)
    late = olga.code(url(sandbox))
    sandbox.post("/_clock", {"offset_seconds": 601})
    assert error(access_token(sandbox, code=late, redirect_uri=BACK)) == (100, 36007)


def test_another_app_cannot_redeem_the_code(sandbox: Client, olga: FacebookPerson) -> None:
    sandbox.post("/facebook/_settings", {"app_id": "77", "secret": "other"})
    code = olga.code(url(sandbox))
    theirs = access_token(sandbox, code=code, redirect_uri=BACK, client_id="77", client_secret="other")
    assert error(theirs) == (100, None)


def test_each_exchange_gives_another_long_token(sandbox: Client, olga: FacebookPerson) -> None:
    short = sign_in(sandbox, olga)
    found = [
        access_token(sandbox, "POST", grant_type="fb_exchange_token", fb_exchange_token=short).json()
        for _ in range(2)
    ]
    assert len({short, *(one["access_token"] for one in found)}) == 3
    assert all(59 * 86_400 < one["expires_in"] <= 60 * 86_400 for one in found)
    sandbox.post("/_clock", {"offset_seconds": 3 * 3600})
    assert error(graph(sandbox, "GET", "/me", short)) == (190, 463)
    assert error(access_token(sandbox, grant_type="fb_exchange_token", fb_exchange_token=short)) == (190, 463)
    assert graph(sandbox, "GET", "/me", found[0]["access_token"]).status_code == 200


def test_an_app_token_looks_into_tokens(sandbox: Client, olga: FacebookPerson) -> None:
    minted = access_token(sandbox, grant_type="client_credentials").json()["access_token"]
    token = sign_in(sandbox, olga, ticks={"pages": ["615000000000001"]}, decline=["email"])
    for asker in (minted, ASKER):
        told = looked_into(sandbox, token, asker).json()["data"]
        assert (told["type"], told["app_id"], told["is_valid"]) == ("USER", APP, True)
        assert told["user_id"] == "122000000000001"
        assert set(told["scopes"]) == {"public_profile", "business_management", "pages_show_list"}
        granular = {one["scope"]: one.get("target_ids") for one in told["granular_scopes"]}
        assert granular["pages_show_list"] == ["615000000000001"]
        assert granular["business_management"] is None
        assert 0 < told["expires_at"] - time.time() < 7200
        assert told["data_access_expires_at"] - time.time() > 80 * 86_400
    assert error(looked_into(sandbox, token, f"{APP}|wrong")) == (190, None)
    sandbox.post("/facebook/_settings", {"app_id": "77", "secret": "other"})
    assert error(looked_into(sandbox, token, "77|other")) == (100, None)
    unknown = looked_into(sandbox, "EAAnobody", ASKER).json()["data"]
    assert (unknown["is_valid"], unknown["error"]["code"]) == (False, 190)


@pytest.mark.parametrize(
    ("action", "subcode"),
    [("expire", 463), ("remove_app", 458), ("change_password", 460), ("checkpoint", 459)],
)
def test_a_dead_token_is_refused_and_told(
    sandbox: Client, olga: FacebookPerson, action: str, subcode: int
) -> None:
    token = sign_in(sandbox, olga)
    olga.act(action)
    assert error(graph(sandbox, "GET", "/me", token)) == (190, subcode)
    told = looked_into(sandbox, token, ASKER).json()["data"]
    assert (told["is_valid"], told["error"]["subcode"], told["scopes"]) == (False, subcode, [])


def test_the_proof_is_checked_when_given_and_needed_when_the_app_says_so(
    sandbox: Client, olga: FacebookPerson
) -> None:
    token = sign_in(sandbox, olga)
    assert error(graph(sandbox, "GET", "/me", token, params={"appsecret_proof": "00"})) == (100, None)
    assert graph(sandbox, "GET", "/me", token, params={"appsecret_proof": proof(token)}).status_code == 200
    sandbox.post("/facebook/_settings", {"require_proof": True})
    assert error(graph(sandbox, "GET", "/me", token)) == (100, None)
    assert graph(sandbox, "GET", "/me", token, params={"appsecret_proof": proof(token)}).status_code == 200


def test_a_permission_taken_back_is_gone_from_every_token(sandbox: Client, olga: FacebookPerson) -> None:
    first, second = sign_in(sandbox, olga), sign_in(sandbox, olga)
    assert graph(sandbox, "DELETE", "/me/permissions/business_management", first).json() == {"success": True}
    assert error(graph(sandbox, "GET", "/me/businesses", second)) == (200, None)
    rows = graph(sandbox, "GET", "/me/permissions", first).json()["data"]
    assert {"permission": "business_management", "status": "declined"} in rows
    assert {"permission": "email", "status": "granted"} in rows
    assert error(graph(sandbox, "DELETE", "/me/permissions/public_profile", first)) == (100, None)


def test_taking_everything_back_kills_the_tokens(sandbox: Client, olga: FacebookPerson) -> None:
    token = sign_in(sandbox, olga)
    assert graph(sandbox, "DELETE", "/me/permissions", token).json() == {"success": True}
    assert error(graph(sandbox, "GET", "/me", token)) == (190, 458)


def test_a_token_opens_what_was_granted_when_it_was_made(sandbox: Client, olga: FacebookPerson) -> None:
    early = sign_in(sandbox, olga, decline=["business_management"])
    olga.consent(url(sandbox, auth_type="rerequest"))
    assert error(graph(sandbox, "GET", "/me/businesses", early)) == (200, None)
    assert graph(sandbox, "GET", "/me/businesses", sign_in(sandbox, olga)).status_code == 200


def test_the_email_shows_only_when_granted_and_known(sandbox: Client, olga: FacebookPerson) -> None:
    shy = sign_in(sandbox, olga, decline=["email"])
    assert "email" not in graph(sandbox, "GET", "/me", shy, params={"fields": "id,email"}).json()
    without = sign_in(sandbox, FacebookPerson(sandbox.url, "max"))
    assert graph(sandbox, "GET", "/me", without, params={"fields": "id,email"}).json() == {
        "id": "122000000000003"
    }


def test_accounts_tokens_are_told_as_before(sandbox: Client) -> None:
    demo = ACCOUNTS["demo"]["meta"]
    asker = f"77|{demo['app_secret']}"
    told = looked_into(sandbox, demo["token"], asker).json()["data"]
    assert (told["type"], told["is_valid"]) == ("SYSTEM_USER", True)


# --- callbacks ------------------------------------------------------------------------------------


def opened(signed: str) -> tuple[bool, dict[str, Any]]:
    """(whether the signature is right, the payload)."""
    signature, payload = signed.split(".")
    right = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).digest()
    given = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    body = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return hmac.compare_digest(right, given), json.loads(body)


def test_a_callback_is_signed_with_the_apps_secret(
    sandbox: Client, olga: FacebookPerson, listener: Listener
) -> None:
    told = olga.callback(listener.url + "/facebook/deletion/")
    assert told["status"] == 200
    [hook] = listener.hooks
    assert hook["path"] == "/facebook/deletion/"
    assert hook["body"].decode() == f"signed_request={told['signed_request']}"
    valid, payload = opened(told["signed_request"])
    assert valid
    assert payload["user_id"] == "122000000000001" and payload["algorithm"] == "HMAC-SHA256"
    assert abs(payload["issued_at"] - time.time()) < 60


@pytest.mark.parametrize("tamper", ["payload", "signature", "secret"])
def test_a_tampered_callback_does_not_verify(
    sandbox: Client, olga: FacebookPerson, listener: Listener, tamper: str
) -> None:
    assert not opened(olga.callback(listener.url + "/x", tamper=tamper)["signed_request"])[0]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/facebook/_tokens", {"person": "nobody", "action": "expire"}),
        ("/facebook/_tokens", {"person": "olga", "action": "dance"}),
        ("/facebook/_settings", {"colour": "blue"}),
        ("/facebook/_settings", {"app_id": "5"}),
        ("/facebook/_callback", {"person": "olga", "url": "nowhere"}),
        ("/facebook/_people", {"key": "olga"}),
        ("/facebook/_wabas", {"waba_id": "1", "business_id": "none"}),
        ("/facebook/_terms", {"ad_account": "none"}),
    ],
)
def test_controls_that_make_no_sense_say_why(sandbox: Client, path: str, body: dict[str, Any]) -> None:
    answer = sandbox.post(path, body)
    assert answer.status_code == 400 and answer.json()["error"]
