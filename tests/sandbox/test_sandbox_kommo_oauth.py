"""The fake Kommo's sign-in, tokens and account states (reference/crm_pay_audiences.md A2, A7)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sandbox_client import ACCOUNTS, ROOT, Client

CLIENT = {"client_id": "7d0e0000-0000-4000-8000-000000000001", "client_secret": "sandbox-kommo-client-secret"}
BACK = "https://arriwa.example/credentials/kommo/callback"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A sandbox whose integration has a redirect URI."""
    environment = os.environ | {"SANDBOX_KOMMO_REDIRECT_URI": BACK}
    argv = [sys.executable, "-m", "sandbox", "--port", "0"]
    process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().split()[-1]
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture
def kommo(url: str) -> Client:
    client = Client(url)
    client.post("/_reset")
    client.post("/kommo/_settings", {"rate": 1000})
    return client


def code(kommo: Client, **changes: str) -> str:
    form = {
        "client_id": CLIENT["client_id"],
        "state": "s",
        "subdomain": "demo",
        "decision": "allow",
        **changes,
    }
    answer = requests.post(f"{kommo.url}/kommo/oauth", data=form, timeout=30, allow_redirects=False)
    assert answer.status_code == 302 and answer.headers["Location"].startswith(BACK)
    back = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert back["state"] == ["s"] and back["referer"] == ["demo.kommo.com"]
    return back["code"][0]


def token(kommo: Client, subdomain: str = "demo", **grant: str) -> requests.Response:
    body = {**CLIENT, "redirect_uri": BACK, **grant}
    return requests.post(f"{kommo.url}/kommo/{subdomain}/oauth2/access_token", json=body, timeout=30)


def exchange(kommo: Client, given: str, **changes: str) -> requests.Response:
    return token(kommo, **{"grant_type": "authorization_code", "code": given, **changes})


def account(kommo: Client, access: str, subdomain: str = "demo") -> int:
    headers = {"Authorization": f"Bearer {access}"}
    return requests.get(
        f"{kommo.url}/kommo/{subdomain}/api/v4/account", headers=headers, timeout=30
    ).status_code


def test_a_code_is_good_once_and_for_its_account_only(kommo: Client) -> None:
    given = code(kommo)
    assert token(kommo, "other", grant_type="authorization_code", code=given).status_code == 400
    pair = exchange(kommo, given)
    assert pair.status_code == 200 and pair.json()["expires_in"] == 86400
    assert account(kommo, pair.json()["access_token"]) == 200
    assert account(kommo, pair.json()["access_token"], "other") == 401
    assert exchange(kommo, given).status_code == 400


def test_a_refresh_token_is_good_once(kommo: Client) -> None:
    first = exchange(kommo, code(kommo)).json()
    second = token(kommo, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second.status_code == 200
    again = token(kommo, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (again.status_code, again.json()["hint"]) == (401, "Token has been revoked")
    assert account(kommo, second.json()["access_token"]) == 200


def test_tokens_and_codes_end(kommo: Client) -> None:
    late = code(kommo)
    pair = exchange(kommo, code(kommo)).json()
    kommo.post("/_clock", {"offset_seconds": 1300})
    assert exchange(kommo, late).status_code == 400
    kommo.post("/_clock", {"offset_seconds": 86500})
    assert account(kommo, pair["access_token"]) == 401
    assert token(kommo, grant_type="refresh_token", refresh_token=pair["refresh_token"]).status_code == 200


@pytest.mark.parametrize("wrong", ["client_id", "client_secret", "redirect_uri"])
def test_a_wrong_integration_gets_nothing(kommo: Client, wrong: str) -> None:
    given = code(kommo)
    assert exchange(kommo, given, **{wrong: "x"}).status_code == 401
    assert exchange(kommo, given).status_code == 200, "a refused request uses no code up"


def test_the_page_names_accounts_and_knows_one_integration(kommo: Client) -> None:
    page = requests.get(
        f"{kommo.url}/kommo/oauth", params={"client_id": CLIENT["client_id"], "state": '"><x'}, timeout=30
    )
    assert page.status_code == 200 and "<option>demo</option>" in page.text and '"><x' not in page.text
    unknown = requests.get(f"{kommo.url}/kommo/oauth", params={"client_id": "x"}, timeout=30)
    assert unknown.status_code == 400


@pytest.mark.parametrize(
    ("state", "status"), [("unpaid", 402), ("blocked", 403), ("revoked", 401), ("no_admin", 200)]
)
def test_an_account_can_be_in_a_bad_way(kommo: Client, state: str, status: int) -> None:
    kommo.post("/kommo/_state", {"subdomain": "demo", "state": state})
    assert account(kommo, ACCOUNTS["demo"]["kommo"]["token"]) == status
    assert account(kommo, ACCOUNTS["other"]["kommo"]["token"], "other") == 200


def call(kommo: Client, method: str, path: str, body: Any = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {ACCOUNTS['demo']['kommo']['token']}"}
    return requests.request(
        method, f"{kommo.url}/kommo/demo/api/v4{path}", json=body, headers=headers, timeout=30
    )


def test_pipelines_and_stages_are_made_and_deals_stand_in_them(kommo: Client) -> None:
    asked = [{"name": "Second", "_embedded": {"statuses": [{"name": "A"}]}}]
    made = call(kommo, "POST", "/leads/pipelines", asked)
    number = made.json()["_embedded"]["pipelines"][0]["id"]
    added = call(kommo, "POST", f"/leads/pipelines/{number}/statuses", [{"name": "B"}, {"name": "B"}])
    stages = [one["id"] for one in added.json()["_embedded"]["statuses"]]
    assert len(set(stages)) == 2, "Kommo lets two stages have one name"
    assert call(kommo, "POST", f"/leads/pipelines/{number}/statuses", [{"name": " "}]).status_code == 400
    assert call(kommo, "POST", "/leads/pipelines/77/statuses", [{"name": "x"}]).status_code == 404
    lead = [{"name": "x", "pipeline_id": number, "status_id": stages[0]}]
    deal = call(kommo, "POST", "/leads/complex", lead).json()[0]["id"]
    shown = call(kommo, "GET", f"/leads/{deal}").json()
    assert (shown["pipeline_id"], shown["status_id"]) == (number, stages[0])
    assert call(kommo, "PATCH", f"/leads/{deal}", {"status_id": stages[1]}).status_code == 200
    assert call(kommo, "PATCH", f"/leads/{deal}", {"status_id": 6601}).status_code == 400, (
        "of another pipeline"
    )
    moved = call(kommo, "PATCH", f"/leads/{deal}", {"pipeline_id": 5501, "status_id": 6601})
    assert moved.status_code == 200
