"""The fake Kommo: shapes, refusals, late search, limit, hooks (reference/crm_pay_audiences.md A)."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from sandbox_client import ACCOUNTS, Client, Listener, wait_for

DEMO = ACCOUNTS["demo"]["kommo"]
NEW, QUALIFIED, PAID = 6601, 6602, 6603
PHONE = "+77010001122"


@pytest.fixture(autouse=True)
def quick(sandbox: Client) -> None:
    sandbox.post("/kommo/_settings", {"lag": 0, "rate": 1000})


def kommo(
    sandbox: Client, method: str, path: str, body: Any = None, token: str = DEMO["token"], **options: Any
) -> requests.Response:
    url = f"{sandbox.url}/kommo/demo/api/v4{path}"
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, url, json=body, headers=headers, timeout=60, **options)


def lead(**changes: Any) -> dict[str, Any]:
    phone = {"field_code": "PHONE", "values": [{"value": PHONE, "enum_code": "MOB"}]}
    contact = {"first_name": "Ana", "custom_fields_values": [phone]}
    return {
        "name": "WA Ana",
        "pipeline_id": 5501,
        "status_id": NEW,
        "request_id": "arriwa:84",
        "_embedded": {"contacts": [contact]},
    } | changes


def made(sandbox: Client, **changes: Any) -> dict[str, Any]:
    answer = kommo(sandbox, "POST", "/leads/complex", [lead(**changes)])
    assert answer.status_code == 200, answer.text
    return dict(answer.json()[0])


def refused(answer: requests.Response) -> list[tuple[str, str]]:
    """(code, path) of the validation errors."""
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body = answer.json()
    assert body["title"] == "Bad Request" and body["status"] == 400
    return [(e["code"], e["path"]) for one in body["validation-errors"] for e in one["errors"]]


def tags(sandbox: Client, number: int) -> list[str]:
    return [tag["name"] for tag in kommo(sandbox, "GET", f"/leads/{number}").json()["_embedded"]["tags"]]


# --- manners ------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "wrong", ACCOUNTS["other"]["kommo"]["token"]])
def test_a_token_of_nobody_or_of_another_account_is_401(sandbox: Client, token: str) -> None:
    answer = kommo(sandbox, "GET", "/account", token=token)
    assert answer.status_code == 401 and answer.json()["status"] == 401
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_unknown_accounts_and_pages_are_404(sandbox: Client) -> None:
    assert sandbox.get("/kommo/nobody/api/v4/account").status_code == 404
    answer = kommo(sandbox, "GET", "/nothing")
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert kommo(sandbox, "DELETE", "/leads/1").status_code == 405


def test_the_account_names_itself(sandbox: Client) -> None:
    answer = kommo(sandbox, "GET", "/account")
    assert answer.headers["Content-Type"].startswith("application/hal+json")
    assert answer.headers["X-Request-Id"]
    assert (answer.json()["id"], answer.json()["subdomain"]) == (DEMO["account_id"], "demo")


def test_the_pipeline_has_incoming_the_stages_won_and_lost(sandbox: Client) -> None:
    [pipeline] = kommo(sandbox, "GET", "/leads/pipelines").json()["_embedded"]["pipelines"]
    stages = [(s["id"], s["name"], s["type"]) for s in pipeline["_embedded"]["statuses"]]
    assert stages[0][0::2] == (6600, 1)
    assert [name for _, name, _ in stages[1:4]] == DEMO["stages"]
    assert [number for number, _, _ in stages[4:]] == [142, 143]


def test_more_than_seven_requests_a_second_are_429(sandbox: Client) -> None:
    sandbox.post("/kommo/_settings", {"rate": 7})
    statuses = [kommo(sandbox, "GET", "/account").status_code for _ in range(9)]
    assert statuses == [200] * 7 + [429] * 2


# --- deals and contacts -------------------------------------------------------------------------


def test_a_deal_and_its_contact_are_made_in_one_call(sandbox: Client) -> None:
    answer = kommo(sandbox, "POST", "/leads/complex", [lead()]).json()
    assert answer == [
        {
            "id": 30001,
            "contact_id": 40001,
            "company_id": None,
            "request_id": ["arriwa:84"],
            "merged": False,
        }
    ]
    deal = kommo(sandbox, "GET", "/leads/30001?with=contacts").json()
    assert deal["status_id"] == NEW and deal["_embedded"]["contacts"] == [{"id": 40001, "is_main": True}]
    contact = kommo(sandbox, "GET", "/contacts/40001?with=leads").json()
    assert contact["custom_fields_values"][0]["values"][0]["value"] == PHONE
    assert contact["_embedded"]["leads"] == [{"id": 30001}]


def test_a_known_contact_can_be_given_to_a_new_deal(sandbox: Client) -> None:
    first = made(sandbox)
    second = made(sandbox, _embedded={"contacts": [{"id": first["contact_id"]}]})
    assert second["contact_id"] == first["contact_id"] and second["id"] != first["id"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"status_id": 999}, ("NotSupportedChoice", "status_id")),
        ({"status_id": 6600}, ("NotSupportedChoice", "status_id")),
        ({"pipeline_id": 1}, ("NotSupportedChoice", "pipeline_id")),
        ({"price": "9"}, ("InvalidType", "price")),
        (
            {"custom_fields_values": [{"field_id": 1, "values": [{"value": "x"}]}]},
            ("NotSupportedChoice", "custom_fields_values.0.field_id"),
        ),
        ({"_embedded": {"contacts": [{}, {}]}}, ("TooMany", "_embedded.contacts")),
        ({"_embedded": {"contacts": [{"id": 1}]}}, ("NotSupportedChoice", "_embedded.contacts.0.id")),
        (
            {
                "_embedded": {
                    "contacts": [{"custom_fields_values": [{"field_id": 1, "values": [{"value": 1}]}]}]
                }
            },
            ("NotSupportedChoice", "_embedded.contacts.0.custom_fields_values.0.field_id"),
        ),
    ],
)
def test_a_wrong_deal_is_refused_with_the_path_of_the_fault(
    sandbox: Client, changes: dict[str, Any], error: tuple[str, str]
) -> None:
    assert refused(kommo(sandbox, "POST", "/leads/complex", [lead(), lead(**changes)])) == [error]
    assert kommo(sandbox, "GET", "/leads").status_code == 204


def test_a_batch_is_a_list_of_at_most_fifty(sandbox: Client) -> None:
    assert kommo(sandbox, "POST", "/leads/complex", lead()).status_code == 400
    assert kommo(sandbox, "POST", "/leads/complex", [lead()] * 51).status_code == 400


def test_a_deal_keeps_the_history_of_its_stages(sandbox: Client) -> None:
    number = made(sandbox)["id"]
    for status in (QUALIFIED, QUALIFIED, 142):
        answer = kommo(sandbox, "PATCH", f"/leads/{number}", {"status_id": status, "pipeline_id": 5501})
        assert answer.json()["id"] == number and answer.json()["updated_at"]
    [held] = sandbox.held("kommo")["demo"]["leads"]
    assert [stage["status_id"] for stage in held["stages"]] == [NEW, QUALIFIED, 142]
    assert held["closed_at"] and [entry["action"] for entry in held["log"]] == ["add"] + ["update"] * 3


def test_unknown_ids_are_no_content_to_read_and_404_to_change(sandbox: Client) -> None:
    assert kommo(sandbox, "GET", "/leads/7").status_code == 204
    assert kommo(sandbox, "PATCH", "/leads/7", {"price": 1}).status_code == 404
    assert refused(kommo(sandbox, "PATCH", "/leads", [{"id": 7}])) == [("NotSupportedChoice", "id")]


def test_one_bad_element_refuses_a_batch_of_changes(sandbox: Client) -> None:
    number = made(sandbox)["id"]
    batch = [{"id": number, "price": 5}, {"id": number, "status_id": 1}]
    assert refused(kommo(sandbox, "PATCH", "/leads", batch)) == [("NotSupportedChoice", "status_id")]
    assert kommo(sandbox, "GET", f"/leads/{number}").json()["price"] == 0
    rows = kommo(sandbox, "PATCH", "/leads", batch[:1]).json()["_embedded"]["leads"]
    assert [row["id"] for row in rows] == [number]


def test_tags_are_added_deleted_or_replaced(sandbox: Client) -> None:
    number = made(sandbox, _embedded={"tags": [{"name": "wa"}]})["id"]
    path = f"/leads/{number}"
    kommo(sandbox, "PATCH", path, {"tags_to_add": [{"name": "trash"}, {"name": "vip"}]})
    assert tags(sandbox, number) == ["wa", "trash", "vip"]
    kommo(sandbox, "PATCH", path, {"tags_to_delete": [{"name": "trash"}]})
    assert tags(sandbox, number) == ["wa", "vip"]
    kommo(sandbox, "PATCH", path, {"_embedded": {"tags": [{"name": "ambiguous"}]}})
    assert tags(sandbox, number) == ["ambiguous"]


def test_a_contact_is_found_by_the_end_of_its_number_only_after_the_lag(sandbox: Client) -> None:
    sandbox.post("/kommo/_settings", {"lag": 0.3})
    number = made(sandbox)["contact_id"]
    search = "/contacts?query=010001122&with=leads"
    answer = kommo(sandbox, "GET", search)
    assert answer.status_code == 204 and answer.content == b""
    assert kommo(sandbox, "GET", f"/contacts/{number}").status_code == 200
    found = wait_for(lambda: (a := kommo(sandbox, "GET", search)).status_code == 200 and a.json(), 3)
    assert [contact["id"] for contact in found["_embedded"]["contacts"]] == [number]
    assert kommo(sandbox, "GET", "/contacts?query=ana").status_code == 200
    assert kommo(sandbox, "GET", "/contacts?query=999999999").status_code == 204


def test_contacts_can_be_made_and_changed_alone(sandbox: Client) -> None:
    rows = kommo(sandbox, "POST", "/contacts", [{"name": "Bo"}, {"name": "Cy"}]).json()["_embedded"][
        "contacts"
    ]
    assert [row["request_id"] for row in rows] == ["0", "1"]
    kommo(sandbox, "PATCH", f"/contacts/{rows[0]['id']}", {"name": "Bob"})
    assert kommo(sandbox, "GET", f"/contacts/{rows[0]['id']}").json()["name"] == "Bob"
    kommo(sandbox, "PATCH", f"/contacts/{rows[0]['id']}", {"first_name": "Robert"})
    assert kommo(sandbox, "GET", f"/contacts/{rows[0]['id']}").json()["name"] == "Robert"


def test_lists_are_paged_and_filtered_by_change(sandbox: Client) -> None:
    kommo(sandbox, "POST", "/contacts", [{"name": f"C{n}"} for n in range(5)])
    page = kommo(sandbox, "GET", "/contacts?limit=2&page=2").json()
    assert [c["name"] for c in page["_embedded"]["contacts"]] == ["C2", "C3"]
    assert "page=3" in page["_links"]["next"]["href"]
    assert kommo(sandbox, "GET", "/contacts?limit=251").status_code == 400
    later = {"filter[updated_at][from]": int(time.time()) + 60}
    assert kommo(sandbox, "GET", "/contacts", params=later).status_code == 204


def test_custom_fields_are_made_once_and_written_by_id(sandbox: Client) -> None:
    new = [
        {"name": "Niche", "type": "select", "code": "CF_NICHE", "enums": [{"value": "school", "sort": 1}]},
        {"name": "Budget", "type": "numeric", "code": "CF_BUDGET_MONTH"},
    ]
    path = "/contacts/custom_fields"
    niche, budget = kommo(sandbox, "POST", path, new).json()["_embedded"]["custom_fields"]
    known = kommo(sandbox, "GET", path).json()["_embedded"]["custom_fields"]
    assert {"PHONE", "EMAIL", "CF_NICHE", "CF_BUDGET_MONTH"} <= {field["code"] for field in known}
    assert refused(kommo(sandbox, "POST", path, new[1:])) == [("NotUnique", "code")]
    assert refused(kommo(sandbox, "POST", path, [{"type": "text"}])) == [("NotBlank", "name")]
    assert refused(kommo(sandbox, "POST", path, [{"name": "x", "type": "x"}])) == [
        ("NotSupportedChoice", "type")
    ]
    person = f"/contacts/{made(sandbox)['contact_id']}"

    def write(field: dict[str, Any], value: Any) -> requests.Response:
        values = [{"field_id": field["id"], "values": [{"value": value}]}]
        return kommo(sandbox, "PATCH", person, {"custom_fields_values": values})

    assert write(niche, "school").status_code == write(budget, 1500).status_code == 200
    assert refused(write(niche, "bakery")) == [("NotSupportedChoice", "custom_fields_values.0.values.0")]
    assert refused(write(budget, "much")) == [("InvalidType", "custom_fields_values.0.values.0.value")]
    written = {
        value["field_code"]: value["values"][0]["value"]
        for value in kommo(sandbox, "GET", person).json()["custom_fields_values"]
    }
    assert written == {"PHONE": PHONE, "CF_NICHE": "school", "CF_BUDGET_MONTH": "1500"}


def test_notes_are_kept(sandbox: Client) -> None:
    number = made(sandbox)["id"]
    note = {"entity_id": number, "note_type": "common", "params": {"text": "hi"}}
    [row] = kommo(sandbox, "POST", "/leads/notes", [note]).json()["_embedded"]["notes"]
    assert row["entity_id"] == number
    assert kommo(sandbox, "GET", f"/leads/{number}/notes").json()["_embedded"]["notes"][0]["params"] == {
        "text": "hi"
    }
    assert refused(kommo(sandbox, "POST", "/leads/notes", [note | {"note_type": "x"}])) == [
        ("NotSupportedChoice", "note_type")
    ]


def test_two_accounts_hold_look_alike_ids_and_share_nothing(sandbox: Client) -> None:
    number = made(sandbox)["id"]
    other = ACCOUNTS["other"]["kommo"]
    url = f"{sandbox.url}/kommo/{other['subdomain']}/api/v4/leads"
    headers = {"Authorization": f"Bearer {other['token']}"}
    assert requests.get(url, headers=headers, timeout=60).status_code == 204
    twin = requests.post(url, json=[{"name": "x"}], headers=headers, timeout=60).json()
    assert twin["_embedded"]["leads"][0]["id"] == number


# --- webhooks -----------------------------------------------------------------------------------


def subscribe(sandbox: Client, url: str, *settings: str) -> requests.Response:
    return kommo(sandbox, "POST", "/webhooks", {"destination": url, "settings": list(settings)})


def test_webhooks_are_managed_by_destination(sandbox: Client, listener: Listener) -> None:
    url = f"{listener.url}/kommo"
    assert kommo(sandbox, "GET", "/webhooks").status_code == 204
    first = subscribe(sandbox, url, "status_lead").json()
    again = subscribe(sandbox, url, "status_lead", "update_lead").json()
    assert first["id"] == again["id"] and not first["disabled"]
    listed = kommo(sandbox, "GET", "/webhooks", params={"filter[destination]": url}).json()
    assert listed["_embedded"]["webhooks"][0]["settings"] == ["status_lead", "update_lead"]
    assert refused(subscribe(sandbox, url, "paid_lead")) == [("NotSupportedChoice", "settings")]
    assert refused(subscribe(sandbox, "no url", "status_lead")) == [("InvalidUrl", "destination")]
    assert kommo(sandbox, "DELETE", "/webhooks", {"destination": url}).status_code == 204
    assert kommo(sandbox, "DELETE", "/webhooks", {"destination": url}).status_code == 404


def test_a_stage_change_is_told_in_brackets_and_old_names(sandbox: Client, listener: Listener) -> None:
    number = made(sandbox, _embedded={"tags": [{"name": "wa"}]})["id"]
    subscribe(sandbox, f"{listener.url}/kommo", "status_lead")
    kommo(sandbox, "PATCH", f"/leads/{number}", {"price": 900})
    kommo(sandbox, "PATCH", f"/leads/{number}", {"status_id": PAID})
    [hook] = wait_for(lambda: listener.hooks)
    assert hook["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    body = dict(parse_qsl(hook["body"].decode()))
    wanted = {"id": str(number), "status_id": "6603", "old_status_id": "6601", "price": "900"}
    assert {key: body[f"leads[status][0][{key}]"] for key in wanted} == wanted
    assert body["leads[status][0][tags][0][name]"] == "wa" and body["leads[status][0][last_modified]"]
    assert (body["account[id]"], body["account[subdomain]"]) == (str(DEMO["account_id"]), "demo")


def test_a_manager_can_close_a_deal_by_hand(sandbox: Client, listener: Listener) -> None:
    number = made(sandbox)["id"]
    subscribe(sandbox, f"{listener.url}/kommo", "status_lead", "update_lead")
    sandbox.post("/kommo/_manager", {"subdomain": "demo", "lead_id": number, "status_id": 142})
    [hook] = wait_for(lambda: listener.hooks)
    body = dict(parse_qsl(hook["body"].decode()))
    assert body["leads[status][0][status_id]"] == "142" and body["leads[update][0][id]"] == str(number)
    assert body["leads[status][0][modified_user_id]"] == "88"
    assert kommo(sandbox, "GET", f"/leads/{number}").json()["status_id"] == 142
