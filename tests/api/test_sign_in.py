"""Signing in to the API, in Vuexy's words, and everything that ends it (design 6)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import RateLimit
from tenants.models import AccessToken, ApiToken
from tenants.services import api_token_create
from tests.support.members import Club, person, signed_in, staff

PASSWORD = "a long enough password"


def post(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(
        f"/api/v1/auth/{path}", json.dumps(body or {}), content_type="application/json", headers=headers
    )


def me(token: str) -> Any:
    return Client().get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(autouse=True)
def no_attempts_before(database: None) -> None:
    connection.set_schema_to_public()
    RateLimit.objects.filter(key__startswith="attempt:").delete()


# --- the browser's session --------------------------------------------------------------------------


def test_a_members_session_is_exchanged(club: Club) -> None:
    user = club.member("admin", "Ada")
    answer = post(signed_in(user), "login")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"accessToken", "userData", "userAbilityRules"}
    assert body["userData"] == {
        "id": str(user.id),
        "fullName": "Ada",
        "username": user.username,
        "avatar": None,
        "email": "",
        "role": "admin",
        "organization": {"id": str(club.organization.id), "name": "Club"},
    }
    assert {"action": "manage", "subject": "members"} in body["userAbilityRules"]
    assert me(body["accessToken"]).json() == {key: body[key] for key in ("userData", "userAbilityRules")}


def test_an_owner_may_everything_in_casls_words(club: Club) -> None:
    body = post(signed_in(club.member("owner")), "login").json()
    assert body["userAbilityRules"] == [{"action": "manage", "subject": "all"}]


def test_a_session_needs_the_csrf_token(club: Club) -> None:
    client = signed_in(club.member("owner"), enforce_csrf_checks=True)
    answer = post(client, "login")
    assert answer.status_code == 403
    client.get("/settings/members")
    token = client.cookies["csrftoken"].value
    assert post(client, "login", **{"X-CSRFToken": token}).status_code == 200
    assert client.get("/api/v1/members/").status_code == 200
    assert client.post("/api/v1/invitations/", {}, content_type="application/json").status_code == 403


def test_somebody_without_an_organization_is_told_to_choose_a_page(database: None) -> None:
    client = signed_in(person())
    answer = post(client, "login")
    assert answer.status_code == 403
    assert answer.json()["code"] == "no_page"
    assert client.get("/api/v1/members/").json()["code"] == "no_page"


def test_nothing_given_is_401(database: None) -> None:
    answer = post(Client(), "login")
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_authenticated"


def test_another_role_counts_at_once_and_a_removal_ends_it(club: Club) -> None:
    user = club.member("admin")
    token = post(signed_in(user), "login").json()["accessToken"]
    user.membership.role = "analyst"
    user.membership.save()
    assert me(token).json()["userData"]["role"] == "analyst"
    user.membership.delete()
    assert me(token).status_code == 401


def test_signing_out_of_the_pages_ends_the_access_token(club: Club) -> None:
    client = signed_in(club.member("owner"))
    token = post(client, "login").json()["accessToken"]
    client.logout()
    assert me(token).status_code == 401


def test_signing_out_of_the_api_ends_the_session_that_it_came_from(club: Club) -> None:
    client, elsewhere = signed_in(user := club.member("owner")), signed_in(user)
    token = post(client, "login").json()["accessToken"]
    answer = post(Client(), "logout", Authorization=f"Bearer {token}")
    assert answer.status_code == 204
    assert me(token).status_code == 401
    assert client.get("/api/v1/auth/me").status_code == 401
    assert elsewhere.get("/api/v1/auth/me").status_code == 200


def test_a_renewed_access_token_ends_with_the_same_session(club: Club) -> None:
    client = signed_in(club.member("owner"))
    first = post(client, "login").json()["accessToken"]
    second = post(Client(), "login", Authorization=f"Bearer {first}").json()["accessToken"]
    assert second != first
    client.logout()
    assert me(second).status_code == 401


def test_an_access_token_lasts_an_hour(club: Club) -> None:
    token = post(signed_in(club.member("owner")), "login").json()["accessToken"]
    row = AccessToken.objects.get(digest=ApiToken.digest_of(token))
    assert timedelta(minutes=59) < row.expires_at - real_now() <= timedelta(hours=1)
    AccessToken.objects.filter(id=row.id).update(expires_at=real_now())
    assert me(token).status_code == 401


def test_an_inactive_user_is_out(club: Club) -> None:
    user = club.member("owner")
    token = post(signed_in(user), "login").json()["accessToken"]
    user.is_active = False
    user.save()
    assert me(token).status_code == 401


# --- API tokens -------------------------------------------------------------------------------------


def test_an_api_token_is_exchanged_with_its_scopes(club: Club) -> None:
    secret = api_token_create(organization=club.organization, name="robot")
    ApiToken.objects.filter(digest=ApiToken.digest_of(secret)).update(scopes=["read:organization"])
    body = post(Client(), "login", {"token": secret}).json()
    assert body["userData"]["fullName"] == "robot"
    assert body["userAbilityRules"] == [{"action": "read", "subject": "organization"}]
    assert me(body["accessToken"]).status_code == 200
    ApiToken.objects.filter(digest=ApiToken.digest_of(secret)).update(revoked_at=real_now())
    assert me(body["accessToken"]).status_code == 401


def test_a_wrong_api_token_is_named(database: None) -> None:
    answer = post(Client(), "login", {"token": "arw_wrong"})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["token"]


def test_signing_out_leaves_an_api_token_alone(club: Club) -> None:
    secret = api_token_create(organization=club.organization, name="robot")
    assert post(Client(), "logout", Authorization=f"Bearer {secret}").status_code == 204
    assert me(secret).status_code == 200


# --- staff ------------------------------------------------------------------------------------------


def test_staff_sign_in_by_password_and_may_look(club: Club) -> None:
    user = staff(PASSWORD, email="Support@arriwa.example")
    wanted = {
        "email": "support@arriwa.example",
        "password": PASSWORD,
        "organization": str(club.organization.id),
    }
    body = post(Client(), "login", wanted).json()
    assert body["userData"]["role"] == "support"
    assert body["userAbilityRules"] == [{"action": "read", "subject": "all"}]
    assert club.audit() == [("staff.entered", "Club")]
    bearer = {"Authorization": f"Bearer {body['accessToken']}"}
    assert Client().get("/api/v1/audit/", headers=bearer).status_code == 200
    assert Client().post("/api/v1/invitations/", headers=bearer).status_code == 403
    user.is_staff = False
    user.save()
    assert me(body["accessToken"]).status_code == 401
    user.delete()


@pytest.mark.parametrize("organization", [None, "00000000-0000-0000-0000-000000000000"])
def test_staff_name_an_organization(database: None, organization: str | None) -> None:
    user = staff(PASSWORD, email="two@arriwa.example")
    wanted = {"email": user.email, "password": PASSWORD, "organization": organization}
    answer = post(Client(), "login", wanted)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["organization"]
    user.delete()


def test_members_have_no_password(club: Club) -> None:
    user = club.member("owner")
    user.email = "member@arriwa.example"
    user.set_password(PASSWORD)
    user.save()
    answer = post(Client(), "login", {"email": user.email, "password": PASSWORD})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["email"]
    unknown = post(Client(), "login", {"email": "nobody@arriwa.example", "password": PASSWORD})
    assert unknown.json() == answer.json()


def test_guessing_is_slowed_down(database: None) -> None:
    user = staff(PASSWORD, email="guessed@arriwa.example")
    wrong = {"email": user.email, "password": "wrong"}
    statuses = [post(Client(), "login", wrong).status_code for _ in range(7)]
    assert statuses == [400] * 5 + [429] * 2
    refused = post(Client(), "login", {"email": user.email, "password": PASSWORD})
    assert refused.json()["code"] == "too_many_attempts"
    assert "wait a minute" in refused.json()["message"]
    user.delete()


@pytest.mark.parametrize("body", ["[]", "x", '{"token": 5000000}', '{"email": "a\\u0000b", "password": "x"}'])
def test_bad_input_is_400(database: None, body: str) -> None:
    answer = Client().post("/api/v1/auth/login", body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()) == {"errors", "code", "message"}
