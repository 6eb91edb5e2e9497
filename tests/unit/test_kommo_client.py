"""Kommo: the client over a real socket."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.base.errors import (
    CredentialRefused,
    MalformedReply,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    RemoteFault,
    Throttled,
    Unreachable,
    WaitScope,
)
from integrations.kommo.client import Account, Created, KommoClient, Patched, Pipeline, Status
from integrations.kommo.config import KommoSettings
from integrations.kommo.payloads import Lead, complex_body

SETTINGS = KommoSettings.from_connection({"subdomain": "acme"}, {"token": "long-lived-1"})
BODY = complex_body(name="WA", pipeline_id=5501, status_id=6601, request_id="84f0")
PROOF = {"X-Request-Id": "req-1"}


def client(peer: Any) -> KommoClient:
    return KommoClient(base_url=peer.url + "/{subdomain}", settings=SETTINGS)


def test_token_goes_to_the_accounts_own_address(peer: Any) -> None:
    peer.answer(200, {"id": 2900111, "name": "Acme", "subdomain": "acme", "currency": "USD"})
    assert client(peer).account() == Account(2900111, "Acme", "acme", "USD")
    assert peer.last.path == "/acme/api/v4/account"
    assert peer.last.headers["authorization"] == "Bearer long-lived-1"


def test_pipelines_come_with_stages_in_order(peer: Any) -> None:
    stages = [
        {"id": 142, "name": "Won", "sort": 10000, "type": 0},
        {"id": 1, "name": "Incoming", "sort": 10, "type": 1},
    ]
    pipeline = {"id": 5501, "name": "Sales", "is_main": True, "_embedded": {"statuses": stages}}
    peer.answer(200, {"_embedded": {"pipelines": [pipeline]}})
    assert client(peer).pipelines() == (
        Pipeline(5501, "Sales", True, (Status(1, "Incoming", 1), Status(142, "Won", 0))),
    )


def test_fields_are_listed_over_pages_without_following_links(peer: Any) -> None:
    def page(number: int, last: bool) -> dict[str, Any]:
        links = {} if last else {"next": {"href": "https://elsewhere.example/api/v4/leads/custom_fields"}}
        field = {"id": number, "name": f"F{number}", "code": None, "type": "text"}
        return {"_links": links, "_embedded": {"custom_fields": [field]}}

    peer.answer(200, page(1, last=False))
    peer.answer(200, page(2, last=True))
    assert [field.id for field in client(peer).custom_fields_list("leads")] == [1, 2]
    assert [request.query["page"] for request in peer.requests] == ["1", "2"]


def test_created_fields_are_returned_and_counted(peer: Any) -> None:
    created = {
        "_embedded": {"custom_fields": [{"id": 991, "name": "Niche", "code": "CF_NICHE", "type": "text"}]}
    }
    peer.answer(200, created)
    [field] = client(peer).custom_fields_create("contacts", [{"name": "Niche", "type": "text"}])
    assert (field.id, field.entity, field.code) == (991, "contacts", "CF_NICHE")
    assert (peer.last.method, peer.last.path) == ("POST", "/acme/api/v4/contacts/custom_fields")
    peer.answer(200, created)
    with pytest.raises(MalformedReply):
        client(peer).custom_fields_create("contacts", [{}, {}])


def test_search_without_hits_is_204_and_empty(peer: Any) -> None:
    peer.answer(204)
    assert client(peer).contact_search("77010000001") == ()
    assert peer.last.query == {"query": "010000001", "with": "leads", "limit": "250", "page": "1"}


def test_search_without_a_number_asks_nobody(peer: Any) -> None:
    assert client(peer).contact_search("") == ()
    assert peer.requests == []


def test_search_reads_contacts(peer: Any) -> None:
    phone = {"field_code": "PHONE", "values": [{"value": "+7 701 000 00 01"}]}
    item = {
        "id": 40021,
        "name": "Ana",
        "custom_fields_values": [phone],
        "_embedded": {"leads": [{"id": 30017}]},
    }
    peer.answer(200, {"_embedded": {"contacts": [item]}})
    [found] = client(peer).contact_search("77010000001")
    assert (found.id, found.phones, found.lead_ids) == (40021, ("+7 701 000 00 01",), (30017,))


def test_complex_create_reads_the_bare_array_and_keeps_the_proof(peer: Any) -> None:
    answer = [{"id": 30017, "contact_id": 40021, "company_id": None, "request_id": ["84f0"], "merged": False}]
    peer.answer(200, answer, headers=PROOF)
    assert client(peer).lead_complex_create(BODY) == Created(30017, 40021, False, ("84f0",), "req-1")
    assert (peer.last.method, peer.last.path) == ("POST", "/acme/api/v4/leads/complex")
    assert peer.last.json == BODY


def test_patches_return_their_proof(peer: Any) -> None:
    peer.answer(200, {"id": 30017, "updated_at": 1795301200}, headers=PROOF)
    assert client(peer).lead_patch(30017, {"price": 900}) == Patched(30017, 1795301200, "req-1")
    assert (peer.last.method, peer.last.path, peer.last.json) == (
        "PATCH",
        "/acme/api/v4/leads/30017",
        {"price": 900},
    )
    peer.answer(200, {"id": 40021, "updated_at": 1})
    assert client(peer).contact_patch(40021, {"first_name": "Ana"}) == Patched(40021, 1, "")
    assert peer.last.path == "/acme/api/v4/contacts/40021"


def test_lead_is_read_with_its_contacts(peer: Any) -> None:
    embedded = {"contacts": [{"id": 40021}], "tags": [{"name": "vip"}]}
    peer.answer(
        200,
        {
            "id": 30017,
            "name": "WA",
            "price": 900,
            "status_id": 142,
            "pipeline_id": 5501,
            "_embedded": embedded,
        },
    )
    assert client(peer).lead_get(30017) == Lead(30017, "WA", 900, 142, 5501, (40021,), ("vip",), 0)
    assert peer.last.query == {"with": "contacts"}


@pytest.mark.parametrize("status", [204, 404])
def test_lead_that_is_gone_is_none(peer: Any, status: int) -> None:
    peer.answer(status)
    assert client(peer).lead_get(1) is None


@pytest.mark.parametrize("body", [None, "<html>", {}, [], [{"id": 1}], [{"id": 1, "contact_id": 2}] * 2])
def test_unreadable_answer_to_a_create_is_malformed(peer: Any, body: Any) -> None:
    peer.answer(200, body)
    with pytest.raises(MalformedReply):
        client(peer).lead_complex_create(BODY)


def problem(status: int, **more: Any) -> dict[str, Any]:
    return {"title": "Problem", "status": status, "detail": "…", **more}


TABLE: list[tuple[int, Any, type[RemoteError]]] = [
    (401, problem(401, hint="Token has been revoked"), CredentialRefused),
    (402, problem(402), CredentialRefused),
    (403, problem(403, title="Forbidden", detail="Access denied"), CredentialRefused),
    (403, problem(403, detail="Account is blocked: too many requests"), Throttled),
    (403, "<html>403 Forbidden</html>", Throttled),
    (404, problem(404), Rejected),
    (405, None, Rejected),
    (301, None, Rejected),
    (429, "Too many requests", Throttled),
    (500, None, RemoteFault),
    (503, "<html>", RemoteFault),
    (504, "<html>", RemoteFault),
]


@pytest.mark.parametrize(("status", "body", "kind"), TABLE)
def test_error_table(peer: Any, status: int, body: Any, kind: type[RemoteError]) -> None:
    peer.answer(status, body, headers=PROOF)
    with pytest.raises(RemoteError) as caught:
        client(peer).lead_patch(1, {"price": 1})
    assert (type(caught.value), caught.value.status) == (kind, status)


def test_validation_errors_name_path_and_code_and_no_value(peer: Any) -> None:
    fault = {
        "code": "NotSupportedChoice",
        "path": "custom_fields_values.0.field_id",
        "detail": "secret-value",
    }
    peer.answer(
        400, problem(400, **{"validation-errors": [{"request_id": "0", "errors": [fault]}]}), headers=PROOF
    )
    with pytest.raises(Rejected) as caught:
        client(peer).lead_patch(1, {"price": 1})
    error = caught.value
    assert error.platform_code == "NotSupportedChoice"
    assert "custom_fields_values.0.field_id: NotSupportedChoice" in error.message
    assert "secret-value" not in error.message
    assert error.details["request_id"] == "req-1"


@pytest.mark.parametrize(
    ("status", "headers", "seconds"), [(429, {}, 5.0), (429, {"Retry-After": "12"}, 12.0), (403, {}, 900.0)]
)
def test_throttle_and_block_hold_the_whole_connection(
    peer: Any, status: int, headers: dict[str, str], seconds: float
) -> None:
    peer.answer(status, "blocked", headers=headers)
    with pytest.raises(Throttled) as caught:
        client(peer).lead_get(1)
    assert (caught.value.retry_after, caught.value.scope) == (seconds, WaitScope.CONNECTION)


@pytest.mark.parametrize("status", [0, 502, 504])
def test_create_behind_a_lost_answer_or_gateway_is_unknown(peer: Any, status: int) -> None:
    peer.answer(status)
    with pytest.raises(OutcomeUnknown):
        client(peer).lead_complex_create(BODY)


def test_read_without_an_answer_is_a_fault_with_nothing_to_resolve(peer: Any) -> None:
    peer.answer(0)
    with pytest.raises(RemoteFault):
        client(peer).contact_search("77010000001")


def test_dead_host_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        KommoClient(base_url="http://127.0.0.1:1", settings=SETTINGS).lead_complex_create(BODY)
