"""The API as a client sees it: who may, how it lists, how it refuses (design 6)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from tenants.models import ApiToken
from tenants.services import api_token_create, api_token_revoke
from tests.environment import free_port
from tests.support.ledger import subscriber_of
from tests.support.sandbox import Phone

CAMEL = re.compile(r"[a-z][a-zA-Z0-9]*")
#: What stands under these keys is named by others: platforms, and the workspace's playbook.
FOREIGN = {"proof", "answers"}


def assert_refusal(response: Any, status: int, code: str) -> dict[str, Any]:
    """The one shape of all errors."""
    assert response.status_code == status
    body: dict[str, Any] = response.json()
    assert set(body) == {"errors", "code", "message"}
    assert body["code"] == code
    assert body["message"] and isinstance(body["message"], str)
    assert isinstance(body["errors"], dict)
    return body


@pytest.fixture
def lead(phone: Phone, settle: Callable[..., None]) -> Phone:
    """Someone who came through the ad."""
    phone.tap_ad()
    settle()
    return phone


# --- health -----------------------------------------------------------------------------------------


def test_healthz_answers_while_the_process_lives(database: None) -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}


def test_readyz_tells_how_many_receipts_wait(database: None) -> None:
    response = Client().get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert response.json()["receiptsWaiting"] >= 0


@pytest.fixture
def database_away(database: None) -> Iterator[None]:
    """This thread's connection leads nowhere for the length of the test."""
    connection.close()
    port = connection.settings_dict["PORT"]
    connection.settings_dict["PORT"] = str(free_port())
    yield
    connection.close()
    connection.settings_dict["PORT"] = port


def test_readyz_is_503_while_the_database_is_away_and_healthz_is_not(database_away: None) -> None:
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "reason": "OperationalError"}
    assert Client().get("/healthz").status_code == 200


# --- who may ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["subscribers/", f"subscribers/{uuid.UUID(int=7)}/ledger/", "nowhere/"])
def test_without_a_token_nothing_is_shown(api: Any, path: str) -> None:
    response = api(path, token=None)
    assert_refusal(response, 401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["arw_wrong", " ", "arw_" + "x" * 5000, "\x00"])
def test_a_wrong_token_is_401(api: Any, token: str) -> None:
    assert_refusal(api("subscribers/", token=token), 401, "authentication_failed")


def test_a_revoked_token_opens_nothing(demo: Any, api: Any) -> None:
    connection.set_schema_to_public()
    token = api_token_create(organization=demo.organization, name="soon revoked")
    assert api("subscribers/", token=token).status_code == 200
    api_token_revoke(token=ApiToken.objects.get(digest=ApiToken.digest_of(token)))
    assert_refusal(api("subscribers/", token=token), 401, "authentication_failed")


def test_a_token_is_stored_as_its_hash_alone(demo: Any, tokens: dict[str, str]) -> None:
    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM public.tenants_apitoken t")
        (stored,) = cursor.fetchone()
    assert not any(token in stored for token in tokens.values())


def test_a_request_leaves_no_organization_behind(api: Any) -> None:
    assert api("subscribers/").status_code == 200
    assert connection.schema_name == "public"
    assert api(f"subscribers/{uuid.uuid4()}/ledger/").status_code == 404
    assert connection.schema_name == "public"


# --- lists ------------------------------------------------------------------------------------------


def test_the_list_shows_leads_newest_first_with_counts(api: Any, lead: Phone) -> None:
    body = api("subscribers/").json()
    assert set(body) == {"subscribers", "totalSubscribers", "total", "totalPages", "page"}
    assert body["total"] == body["totalSubscribers"] >= 1
    moments = [row["createdAt"] for row in body["subscribers"]]
    assert moments == sorted(moments, reverse=True)


def test_a_phone_is_shown_masked(api: Any, lead: Phone) -> None:
    response = api("subscribers/", phone=lead.number)
    (row,) = response.json()["subscribers"]
    assert row["phone"] == f"{lead.number[:4]}•••{lead.number[-4:]}"
    assert row["name"] == lead.name
    assert lead.number not in response.content.decode()


def test_a_lead_is_found_by_phone_however_it_is_written(api: Any, lead: Phone) -> None:
    written = f"+{lead.number[0]} ({lead.number[1:4]}) {lead.number[4:]}"
    assert api("subscribers/", phone=written).json()["total"] == 1
    assert api("subscribers/", phone="77779999999").json()["total"] == 0


def test_pages_are_as_long_as_asked_for(api: Any, lead: Phone, sandbox: Any, settle: Any) -> None:
    Phone(sandbox).tap_ad()
    settle()
    first = api("subscribers/", itemsPerPage=1).json()
    assert len(first["subscribers"]) == 1
    assert first["totalPages"] == first["total"] >= 2
    second = api("subscribers/", itemsPerPage=1, page=2).json()
    assert second["page"] == 2
    assert second["subscribers"][0]["id"] != first["subscribers"][0]["id"]


def test_a_page_after_the_last_is_the_last(api: Any, lead: Phone) -> None:
    body = api("subscribers/", page=999_999).json()
    assert body["page"] == body["totalPages"]
    assert body["subscribers"]


WRONG_NUMBERS = ["0", "-1", "x", "", "1.5", "1e3", " 1", "１", "9" * 9, "9" * 5000, "\x00", "٣"]


@pytest.mark.parametrize("name", ["page", "itemsPerPage"])
@pytest.mark.parametrize("value", WRONG_NUMBERS, ids=range(len(WRONG_NUMBERS)))
def test_a_wrong_page_number_is_named(api: Any, name: str, value: str) -> None:
    body = assert_refusal(api("subscribers/", **{name: value}), 400, "invalid")
    assert list(body["errors"]) == [name]
    assert "whole number" in body["errors"][name][0]


def test_more_items_than_allowed_are_refused(api: Any) -> None:
    body = assert_refusal(api("subscribers/", itemsPerPage=101), 400, "invalid")
    assert body["errors"]["itemsPerPage"] == ["Give a whole number from 1 to 100."]
    assert api("subscribers/", itemsPerPage=100).status_code == 200


# --- one lead ---------------------------------------------------------------------------------------


def test_the_ledger_shows_facts_decisions_and_deliveries_in_order(demo: Any, api: Any, lead: Phone) -> None:
    subscriber = subscriber_of(demo.organization.schema_name, lead.number)
    response = api(f"subscribers/{subscriber.id}/ledger/")
    rows = response.json()["rows"]
    assert response.json()["subscriber"]["id"] == str(subscriber.id)
    assert {row["kind"] for row in rows} == {"fact", "decision", "delivery"}
    moments = [row["at"] for row in rows]
    assert moments == sorted(moments)
    proofs = [row for row in rows if row["kind"] == "delivery" and row["state"] == "confirmed"]
    assert proofs and all(row["proof"] for row in proofs)
    assert all(row["reason"] for row in rows if row["kind"] == "decision")


def test_the_ledger_tells_no_phone(demo: Any, api: Any, lead: Phone) -> None:
    subscriber = subscriber_of(demo.organization.schema_name, lead.number)
    assert lead.number not in api(f"subscribers/{subscriber.id}/ledger/").content.decode()


@pytest.mark.parametrize(
    "path", [f"subscribers/{uuid.UUID(int=7)}/ledger/", "subscribers/7/ledger/", "nowhere/", ""]
)
def test_what_is_not_there_is_404(api: Any, path: str) -> None:
    assert_refusal(api(path), 404, "not_found")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_what_cannot_be_done_is_405(demo: Any, tokens: dict[str, str], method: str) -> None:
    send = getattr(Client(), method)
    response = send("/api/v1/subscribers/", headers={"Authorization": f"Bearer {tokens['demo']}"})
    assert_refusal(response, 405, "method_not_allowed")


# --- the wire ---------------------------------------------------------------------------------------


def keys_of(value: Any) -> Iterator[str]:
    """Keys of our own choice, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from keys_of(item)
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            if key not in FOREIGN:
                yield from keys_of(item)


def test_keys_are_camel_case(demo: Any, api: Any, lead: Phone) -> None:
    subscriber = subscriber_of(demo.organization.schema_name, lead.number)
    for path in ("subscribers/", f"subscribers/{subscriber.id}/ledger/"):
        keys = set(keys_of(api(path).json()))
        assert len(keys) > 5
        assert [key for key in keys if not CAMEL.fullmatch(key)] == []


def test_the_openapi_document_is_valid_and_complete(database: None, tmp_path: Path) -> None:
    file = tmp_path / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(file))
    text = file.read_text()
    assert "/api/v1/subscribers/" in text
    assert "/api/v1/subscribers/{subscriber}/ledger/" in text
    assert "itemsPerPage" in text


def test_the_openapi_document_and_its_docs_are_served(database: None) -> None:
    assert b"openapi: 3" in Client().get("/api/schema/").content
    assert Client().get("/api/docs/").status_code == 200
