"""The fake Gupshup's partner side: tokens, making an app, signup, going live, templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from sandbox_client import Client, Listener, wait_for

PARTNER = {"email": "partner@arriwa.example", "clientSecret": "gupshup-sandbox-client-secret"}
NUMBER = "37120009901"


class Partner:
    """Calls as the partner and as its apps."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()

    def call(self, method: str, path: str, token: str = "", **kwargs: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token and not token.startswith("sk_") else {}
        if token.startswith("sk_"):
            headers = {"Authorization": token}
        return self.http.request(
            method, f"{self.url}/gupshup{path}", headers=headers, allow_redirects=False, timeout=30, **kwargs
        )

    def universal(self, name: str = "first", **more: Any) -> requests.Response:
        return self.call("POST", "/partner/4010/auth/token", data={**PARTNER, "name": name, **more})

    def app(self, ut: str, name: str) -> tuple[str, str]:
        """(app id, its universal token) of a new app."""
        made = self.call("POST", "/partner/app", ut, data={"name": name})
        assert made.status_code == 200, made.text
        app_id = made.json()["appId"]
        minted = self.call("POST", f"/partner/app/{app_id}/token", ut, data={"name": "app"})
        return app_id, minted.json()["token"]


@pytest.fixture
def partner(sandbox: Client) -> Iterator[Partner]:
    yield Partner(sandbox.url)


@pytest.fixture
def ut(partner: Partner) -> str:
    return str(partner.universal().json()["token"])


def move_clock(sandbox: Client, seconds: float) -> None:
    requests.post(f"{sandbox.url}/_clock", json={"offset_seconds": seconds}, timeout=30).raise_for_status()


def control(sandbox: Client, path: str, **given: Any) -> Any:
    answer = requests.post(f"{sandbox.url}/gupshup/{path}", json=given, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


def test_a_universal_token_needs_the_partner_s_secret(partner: Partner) -> None:
    wrong = partner.universal(clientSecret="other")
    assert wrong.status_code == 401
    assert partner.universal().json()["status"] == "ACTIVE"


def test_three_tokens_are_active_and_a_fourth_is_refused_until_one_is_revoked(
    partner: Partner, sandbox: Client
) -> None:
    control(sandbox, "_partner", limits=False)
    tokens = [partner.universal(name).json() for name in ("a", "b", "c")]
    assert partner.universal("d").status_code == 409
    assert partner.universal("a").status_code == 409
    revoked = partner.call("POST", "/partner/4010/auth/revoke", data={**PARTNER, "name": "b"})
    assert revoked.status_code == 200
    assert (
        partner.call("POST", "/partner/app", tokens[1]["token"], data={"name": "abcdef"}).status_code == 401
    )
    assert partner.universal("d").status_code == 200
    listed = partner.call("GET", "/partner/4010/auth/tokens?status=ACTIVE", tokens[0]["token"]).json()
    assert [one["name"] for one in listed] == ["a", "c", "d"]
    assert all("token" not in one for one in listed)


def test_minting_is_limited(partner: Partner) -> None:
    answers = [partner.universal(f"n{number}").status_code for number in range(4)]
    assert answers == [200, 200, 200, 429]


def test_an_app_token_ends_after_a_day(partner: Partner, sandbox: Client, ut: str) -> None:
    app_id, token = partner.app(ut, "arriwaTestApp1")
    assert partner.call("GET", f"/partner/app/{app_id}/details", token).status_code == 200
    move_clock(sandbox, 86401)
    assert partner.call("GET", f"/partner/app/{app_id}/details", token).status_code == 401


def test_the_static_token_comes_with_a_login(partner: Partner, sandbox: Client, ut: str) -> None:
    app_id, _ = partner.app(ut, "arriwaTestApp2")
    form = {"email": PARTNER["email"], "password": PARTNER["clientSecret"]}
    login = partner.call("POST", "/partner/account/login", data=form).json()["token"]
    answer = partner.http.get(
        f"{partner.url}/gupshup/partner/app/{app_id}/token", headers={"token": login}, timeout=30
    ).json()
    token = answer["token"]["token"]
    assert token.startswith("sk_")
    assert partner.call("GET", f"/partner/app/{app_id}/details", token).status_code == 200


def test_app_names_are_checked_and_unique_in_all_of_gupshup(
    partner: Partner, sandbox: Client, ut: str
) -> None:
    control(sandbox, "_partner", taken=["arriwaTaken"])
    for name, status in (("abc", 400), ("with-dash-here", 400), ("arriwaTaken", 409), ("arriwaDemo", 409)):
        answer = partner.call("POST", "/partner/app", ut, data={"name": name})
        assert answer.status_code == status, answer.text
    assert answer.json()["message"] == "Bot Already Exists"


def test_a_link_needs_a_contact_ends_after_five_days_and_is_renewed_up_to_the_cap(
    partner: Partner, sandbox: Client, ut: str
) -> None:
    control(sandbox, "_partner", limits=False, most_links=2)
    app_id, token = partner.app(ut, "arriwaTestApp3")
    path = f"/partner/app/{app_id}/onboarding/embed/link"
    assert partner.call("GET", path, token).status_code == 400
    _contact(partner, app_id, token)
    first = partner.call("GET", path, token).json()["link"]
    assert partner.call("GET", path, token).json()["link"] == first
    move_clock(sandbox, 5 * 86400 + 60)
    token = partner.call("POST", f"/partner/app/{app_id}/token", _fresh(partner), data={"name": "b"}).json()[
        "token"
    ]
    assert "expired" in partner.call("GET", path, token).json()["message"]
    assert requests.get(first, timeout=30).status_code == 410
    second = partner.call("GET", path + "?regenerate=true", token).json()["link"]
    assert second != first
    assert "Max Links" in partner.call("GET", path + "?regenerate=true", token).json()["message"]


def test_a_signup_brings_a_number_live_and_tells_by_events(
    partner: Partner, sandbox: Client, ut: str, listener: Listener
) -> None:
    app_id, token = partner.app(ut, "arriwaTestApp4")
    _contact(partner, app_id, token)
    form = {
        "modes": "ACCOUNT,TEMPLATE",
        "tag": "v2",
        "version": "2",
        "url": listener.url + "/hook",
        "meta": '{"headers": {"X-Key": "k"}}',
    }
    assert partner.call("POST", f"/partner/app/{app_id}/subscription", token, data=form).status_code == 201
    link = partner.call("GET", f"/partner/app/{app_id}/onboarding/embed/link", token).json()["link"]
    assert "7001" in requests.get(link, timeout=30).text
    answer = {"business": "7001", "name": "Cafe Nord", "number": f"+{NUMBER}", "otp": "000000"}
    assert requests.post(link, data=answer, timeout=30).status_code == 400
    assert partner.call("GET", f"/partner/app/{app_id}/health", token).status_code == 400
    requests.post(link, data=answer | {"otp": "123456"}, timeout=30).raise_for_status()
    details = partner.call("GET", f"/partner/app/{app_id}/details", token).json()["appDetails"]
    assert (details["phone"], details["live"]) == (NUMBER, False)
    registered = partner.call("POST", f"/partner/app/{app_id}/onboarding/register", token, json={})
    assert registered.json() == {"status": "success", "success": True}
    kinds = wait_for(
        lambda: (
            [hook["payload"].get("type") for hook in listener.json("/hook")]
            if len(listener.hooks) >= 3
            else None
        )
    )
    assert kinds == ["sandbox-start", "phone-attached", "account-live"]
    waba = partner.call("GET", f"/partner/app/{app_id}/waba/info", token).json()["wabaInfo"]
    assert (waba["canSendMessage"], waba["verifiedName"]) == ("AVAILABLE", "Cafe Nord")


def test_a_refused_name_keeps_the_number_from_going_live(partner: Partner, ut: str) -> None:
    app_id, token = partner.app(ut, "arriwaTestApp5")
    _contact(partner, app_id, token)
    link = partner.call("GET", f"/partner/app/{app_id}/onboarding/embed/link", token).json()["link"]
    answer = {"business": "7001", "name": "x", "number": "37120009902", "otp": "123456", "outcome": "refused"}
    requests.post(link, data=answer, timeout=30).raise_for_status()
    assert partner.call("POST", f"/partner/app/{app_id}/onboarding/register", token).status_code == 400
    waba = partner.call("GET", f"/partner/app/{app_id}/waba/info", token).json()["wabaInfo"]
    assert waba["errors"] and waba["canSendMessage"] == "BLOCKED"


def test_a_template_is_checked_reviewed_and_told(
    partner: Partner, sandbox: Client, ut: str, listener: Listener
) -> None:
    control(sandbox, "_partner", reject={"promo": "INVALID_FORMAT"}, review_delay=0.01)
    app_id, token = partner.app(ut, "arriwaTestApp6")
    path = f"/partner/app/{app_id}/templates"
    form = {
        "elementName": "hello_ru",
        "languageCode": "ru",
        "category": "UTILITY",
        "vertical": "hello",
        "templateType": "TEXT",
        "content": "Hi {{1}}, welcome.",
        "example": "Hi Ana, welcome.",
    }
    assert "not enabled" in partner.call("POST", path, token, data=form).json()["message"]
    partner.call("PUT", f"/partner/app/{app_id}/appPreference", token, data={"isHSMEnabled": "true"})
    hook = {"modes": "TEMPLATE", "tag": "v2", "version": "2", "url": listener.url + "/t"}
    partner.call("POST", f"/partner/app/{app_id}/subscription", token, data=hook)
    assert partner.call("POST", path, token, data=form).json()["template"]["status"] == "PENDING"
    assert partner.call("POST", path, token, data=form).status_code == 400
    assert partner.call("POST", path, token, data=form | {"elementName": "Bad Name"}).status_code == 400
    partner.call("POST", path, token, data=form | {"elementName": "promo_ru"})

    def states() -> dict[str, str]:
        rows = partner.call("GET", path, token).json()["templates"]
        return {row["elementName"]: row["status"] + ":" + row.get("reason", "") for row in rows}

    assert states()["hello_ru"]
    wait_for(lambda: len([h for h in listener.json("/t") if h["type"] == "template-event"]) == 2)
    assert states() == {"hello_ru": "APPROVED:", "promo_ru": "REJECTED:INVALID_FORMAT"}


def _contact(partner: Partner, app_id: str, token: str) -> None:
    form = {"contactEmail": "a@example.com", "contactName": "Ana", "contactNumber": "37120000000"}
    answer = partner.call("PUT", f"/partner/app/{app_id}/onboarding/contact", token, data=form)
    assert answer.status_code == 200, answer.text


def _fresh(partner: Partner) -> str:
    return str(partner.universal("fresh").json()["token"])
