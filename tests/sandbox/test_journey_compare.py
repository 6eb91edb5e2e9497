"""The journey's comparison: a true run passes, and nothing can be lost, doubled or changed unseen.

`journey_run.json` is a run of `python -m sandbox.journey` against the product, as both sides told it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.app import load_accounts
from sandbox.journey import expected
from sandbox.journey.compare import lines_awaited, pending, problems_of_list, proof_kind
from sandbox.journey.record import Lead
from sandbox.journey.show import last_words, table
from sandbox.journey.verdict import Record, problems_of_record

RUN = json.loads((Path(__file__).parent / "journey_run.json").read_text(encoding="utf-8"))
SETTINGS = load_accounts()["demo"]
TOLD = [number for number, row in enumerate(RUN["rows"]) if row["kind"] != "decision"]
DELIVERIES = [number for number in TOLD if RUN["rows"][number]["kind"] == "delivery"]

#: A read, as of an ad's metadata, leaves nothing behind at the platform.
WRITES = [number for number in DELIVERIES if proof_kind(RUN["rows"][number]) != "meta ad"]


@pytest.fixture
def run() -> dict[str, Any]:
    return copy.deepcopy(RUN)


def by_list(run: dict[str, Any]) -> list[str]:
    return problems_of_list(run["rows"], expected.LINES, SETTINGS)


def by_record(run: dict[str, Any]) -> list[str]:
    stages = {int(key): name for key, name in run["stages"].items()}
    record = Record(run["state"], run["received"], stages, SETTINGS)
    return problems_of_record(run["rows"], record, Lead(**run["lead"]))


def name(number: int) -> str:
    row = RUN["rows"][number]
    return f"{number}-{row['platform']}-{row['key']}"


def test_a_true_run_has_no_problem(run: dict[str, Any]) -> None:
    assert by_list(run) == []
    assert by_record(run) == []
    assert pending(run["rows"]) == []
    assert lines_awaited(run["rows"], expected.LINES) == []


@pytest.mark.parametrize("number", TOLD, ids=name)
def test_a_lost_line_is_missing(run: dict[str, Any], number: int) -> None:
    lost = run["rows"].pop(number)

    problems = by_list(run)

    assert any(one.startswith("Missing:") and lost["key"] in one for one in problems)
    assert [line.key for line in lines_awaited(run["rows"], expected.LINES)] == [lost["key"]]


@pytest.mark.parametrize("number", WRITES, ids=name)
def test_a_delivery_that_only_the_sandbox_has_is_told(run: dict[str, Any], number: int) -> None:
    run["rows"].pop(number)

    assert any(one.startswith("Not in the ledger:") for one in by_record(run))


@pytest.mark.parametrize("number", TOLD, ids=name)
def test_a_second_line_is_doubled(run: dict[str, Any], number: int) -> None:
    run["rows"].append(run["rows"][number])

    assert any(one.startswith("Doubled:") for one in by_list(run))


@pytest.mark.parametrize("state", ["unknown", "dead"])
@pytest.mark.parametrize("number", DELIVERIES, ids=name)
def test_a_delivery_without_a_good_end_is_unconfirmed(run: dict[str, Any], number: int, state: str) -> None:
    run["rows"][number]["state"] = state

    assert any(one.startswith("Unconfirmed:") and state in one for one in by_list(run))


@pytest.mark.parametrize("number", DELIVERIES, ids=name)
def test_a_delivery_without_proof_is_told(run: dict[str, Any], number: int) -> None:
    target = run["rows"][number]["proof"]["target"]
    run["rows"][number]["proof"] = {"target": target}

    assert any(one.startswith("No proof:") for one in by_list(run))
    assert by_record(run) != []


@pytest.mark.parametrize(
    ("platform", "key", "proof"),
    [
        ("gupshup", "receipt:template", "message_id"),
        ("gupshup", "receipt:template", "wamid"),
        ("gupshup", "receipt:template", "template"),
        ("meta", "messaging:Purchase", "fbtrace_id"),
        ("meta", "messaging:Purchase", "event_id"),
        ("meta", "messaging:Purchase", "target"),
        ("meta", "messaging:Purchase", "events_received"),
        ("meta", "join:CA_PURCHASERS", "session_id"),
        ("meta", "join:CA_PURCHASERS", "num_received"),
        ("meta", "join:CA_PURCHASERS", "audience_id"),
        ("meta", "ad:120219876543210001", "campaign_id"),
        ("meta", "ad:120219876543210001", "adset_id"),
        ("meta", "ad:120219876543210001", "creative_id"),
        ("kommo", "stage:paid", "deal_id"),
        ("kommo", "stage:paid", "updated_at"),
        ("kommo", "field:cf_budget_month=1000_3000", "contact_id"),
        ("stripe", "payment_link:course-start", "payment_link"),
        ("stripe", "payment_link:course-start", "metadata"),
        ("stripe", "payment:course-start", "event"),
        ("stripe", "payment:course-start", "payment_intent"),
        ("flowise", "agent:start", "execution_id"),
        ("flowise", "judge:budget:3", "execution_id"),
        ("flowise", "judge:budget:3", "verdict"),
        ("", "ctwa", "campaignId"),
        ("", "ctwa", "creativeId"),
        ("", "ctwa", "referral"),
    ],
)
def test_a_proof_unlike_the_sandboxs_is_told(
    run: dict[str, Any], platform: str, key: str, proof: str
) -> None:
    row = next(one for one in run["rows"] if (one["platform"], one["key"]) == (platform, key))
    assert proof in row["proof"]
    row["proof"][proof] = {"arriwa_order": "another"} if proof == "metadata" else "something else"

    assert by_record(run) != []


def deal(state: dict[str, Any]) -> dict[str, Any]:
    lead: dict[str, Any] = state["kommo"]["demo"]["leads"][0]
    return lead


def purchase(state: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = next(one for one in state["meta"]["events"] if one["event_name"] == "Purchase")
    return event


def audience(state: dict[str, Any], named: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in state["meta"]["audiences"] if one["name"] == named)
    return found


SPOILED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a message was sent twice": lambda s: s["gupshup"]["messages"].append(
        {**s["gupshup"]["messages"][0], "gs_id": "twice"}
    ),
    "a status was not sent": lambda s: s["gupshup"]["messages"][-1]["statuses"].pop(),
    "a status was sent twice": lambda s: s["gupshup"]["messages"][-1]["statuses"].append(
        {"status": "read", "at": 0}
    ),
    "an event came twice": lambda s: purchase(s)["fbtrace_ids"].append("again"),
    "an event came under a second id": lambda s: s["meta"]["events"].append(
        {**purchase(s), "event_id": "second"}
    ),
    "a value differs": lambda s: purchase(s)["event"]["custom_data"].update(value=90),
    "a currency differs": lambda s: purchase(s)["event"]["custom_data"].update(currency="EUR"),
    "noise went to the good pixel": lambda s: next(
        one for one in s["meta"]["events"] if one["event_name"] == "NOISE"
    ).update(dataset_id="555000001"),
    "a purchase went to the noise pixel as well": lambda s: s["meta"]["events"].append(
        {**purchase(s), "dataset_id": "555000002"}
    ),
    "an audience kept the lead": lambda s: audience(s, "Arriwa N1")["members"].append(
        RUN["lead"]["subscriber"]
    ),
    "an audience lost the lead": lambda s: audience(s, "Arriwa P1")["members"].clear(),
    "a join came twice": lambda s: audience(s, "Arriwa P1")["history"].append(
        audience(s, "Arriwa P1")["history"][0]
    ),
    "stages went another way": lambda s: deal(s)["stages"].reverse(),
    "a stage was skipped": lambda s: deal(s)["stages"].pop(1),
    "a second deal": lambda s: s["kommo"]["demo"]["leads"].append(deal(s)),
    "a tag stayed": lambda s: deal(s)["_embedded"]["tags"].append({"name": "trash"}),
    "another price": lambda s: deal(s).update(price=90),
    "a field is missing": lambda s: s["kommo"]["demo"]["contacts"][0]["custom_fields_values"].pop(),
    "no metadata on the payment": lambda s: s["stripe"]["links"][0].update(payment_intent_data=None),
    "another amount on the link": lambda s: s["stripe"]["links"][0]["_items"][0].update(unit_amount=1),
    "another amount paid": lambda s: s["stripe"]["payment_intents"][0].update(amount_received=1),
    "no such event at Stripe": lambda s: s["stripe"]["events"].clear(),
    "an execution was aborted": lambda s: s["flowise"]["executions"][1].update(state="ERROR"),
    "one execution more": lambda s: s["flowise"]["executions"].append(
        {**s["flowise"]["executions"][1], "id": "one more"}
    ),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_record_unlike_the_ledger_is_told(run: dict[str, Any], what: str) -> None:
    SPOILED[what](run["state"])

    assert by_record(run) != []


def test_another_lead_in_the_same_sandbox_is_no_problem(run: dict[str, Any]) -> None:
    other = json.loads(json.dumps(RUN["state"]).replace(RUN["lead"]["digits"], "77019999999"))
    run["state"]["gupshup"]["messages"] += [
        {**one, "gs_id": f"other {number}"} for number, one in enumerate(other["gupshup"]["messages"])
    ]
    stranger = {**purchase(other), "event": {"user_data": {"ph": ["0" * 64]}, "event_name": "Purchase"}}
    run["state"]["meta"]["events"].append({**stranger, "event_id": "other"})
    audience(run["state"], "Arriwa P1")["members"].append("another-lead")

    assert by_record(run) == []


def test_an_amount_unlike_the_list_is_told(run: dict[str, Any]) -> None:
    row = next(one for one in run["rows"] if one["key"] == "messaging:Purchase")
    row["amountMinor"] = 9000

    assert any(one.startswith("Amount:") for one in by_list(run))


def test_a_decision_without_a_reason_is_told(run: dict[str, Any]) -> None:
    next(one for one in run["rows"] if one["kind"] == "decision")["reason"] = " "

    assert any(one.startswith("No reason:") for one in by_list(run))


def test_a_line_that_nobody_listed_is_unexpected(run: dict[str, Any]) -> None:
    run["rows"].append({**run["rows"][0], "key": "surprise"})

    assert any(one.startswith("Unexpected:") and "surprise" in one for one in by_list(run))


def test_a_message_is_pending_until_it_was_read(run: dict[str, Any]) -> None:
    row = next(one for one in run["rows"] if one["key"] == "receipt:template")
    row["proof"]["statuses"].remove("read")

    assert pending(run["rows"]) == [row]
    assert any("no status read" in one for one in by_list(run))


def test_the_table_has_a_line_for_every_row_and_its_proof() -> None:
    lines = table(RUN["rows"], colours=False)

    assert len(lines) == len(RUN["rows"])
    bought = next(line for line in lines if "  Purchase  900.00 USD" in line and "meta" in line)
    assert "confirmed" in bought and "trace " in bought
    assert all(line == line.rstrip() and "\x1b" not in line for line in lines)
    assert any("\x1b[32m" in line for line in table(RUN["rows"], colours=True))


def test_the_last_words_name_what_hangs_and_the_last_reason(run: dict[str, Any]) -> None:
    row = next(one for one in run["rows"] if one["key"] == "receipt:template")
    row.update(state="dead", reason="131026 not on WhatsApp")

    words = last_words(run["rows"])

    assert "gupshup send receipt is dead. 131026 not on WhatsApp" in words
    assert "the receipt goes out" in words
    assert "no line of this lead" in last_words([])
