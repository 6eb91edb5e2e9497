"""What the tests of the fake Facebook share: the app, the dialog's address, calls with a person's token."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode

import requests
from sandbox_client import Client

from tests.support.facebook import FacebookPerson

APP, SECRET = "770000000001", "facebook-sandbox-app-secret"
ASKER = f"{APP}|{SECRET}"
BACK = "http://127.0.0.1:8000/accounts/facebook/login/callback/"
STEP_1 = "public_profile,business_management,email,pages_show_list"
ADS = "ads_read,ads_management,whatsapp_business_management,whatsapp_business_manage_events"
ALL = f"{STEP_1},{ADS},catalog_management"


def url(sandbox: Client, scope: str = STEP_1, **more: str) -> str:
    """The dialog's address as an app builds it."""
    query = {"client_id": APP, "redirect_uri": BACK, "state": "s-1", "scope": scope, "response_type": "code"}
    return f"{sandbox.url}/dialog/v26.0/dialog/oauth?{urlencode(query | more)}"


def graph(sandbox: Client, method: str, path: str, token: str, **options: Any) -> requests.Response:
    """A call with a person's token; options are those of `requests`."""
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(
        method, f"{sandbox.url}/graph/v26.0{path}", headers=headers, timeout=60, **options
    )


def access_token(sandbox: Client, method: str = "GET", **given: str) -> requests.Response:
    """A call of /oauth/access_token as our app."""
    sent = {"client_id": APP, "client_secret": SECRET, **given}
    where = f"{sandbox.url}/graph/v26.0/oauth/access_token"
    if method == "GET":
        return requests.get(where, params=sent, timeout=60)
    return requests.post(where, data=sent, timeout=60)


def sign_in(sandbox: Client, person: FacebookPerson, scope: str = STEP_1, **answers: Any) -> str:
    """A short-lived token after the dialog, answered as `FacebookPerson.consent` takes it."""
    code = person.code(url(sandbox, scope), **answers)
    answer = access_token(sandbox, code=code, redirect_uri=BACK)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def error(answer: requests.Response) -> tuple[int, int | None]:
    """(code, subcode) of a refusal in the Graph's shape."""
    body = answer.json()["error"]
    assert answer.status_code >= 400 and body["message"] and body["type"] and body["fbtrace_id"]
    return body["code"], body.get("error_subcode")


def proof(token: str) -> str:
    """The appsecret_proof of a token."""
    return hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
