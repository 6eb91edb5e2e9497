"""The ledger against the sandbox's record of Meta: events, audiences, ads. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.journey.compare import Row, proof_kind
from sandbox.journey.expected import Line
from sandbox.journey.record import Lead, both_ways, differs, of_platform


def problems_of_events(
    rows: Sequence[Row],
    state: Mapping[str, Any],
    received: Sequence[Mapping[str, Any]],
    lead: Lead,
    noise_pixel: str,
) -> list[str]:
    """Each event by dataset, name and id: once, its trace and count, value and currency; none unknown."""
    told = [row for row in of_platform(rows, "meta") if proof_kind(row) == "meta event"]
    held = {_name(one["dataset_id"], one["event_name"], one["event_id"]): one for one in _own(state, lead)}
    answers = {
        one["answer"]["fbtrace_id"]: one["answer"]["events_received"]
        for one in received
        if (one["answer"] or {}).get("events_received")
    }
    ours = {
        _name(str(row["proof"].get("target")), row["title"], str(row["proof"].get("event_id"))): row
        for row in told
    }
    problems = both_ways("event", ours, held)
    for name, row in ours.items():
        if name not in held:
            continue
        proof, one = row["proof"], held[name]
        trace = proof.get("fbtrace_id")
        problems += differs(row, "trace ids", [trace], one["fbtrace_ids"])
        problems += differs(row, "events_received", proof.get("events_received"), answers.get(trace))
        problems += differs(row, "value", _value(row), _value_there(one["event"]))
    for one in _own(state, lead):
        stage = str(one["event"].get("custom_data", {}).get("lead_stage"))
        if (stage in ("NOISE", "AMBIGUOUS")) != (one["dataset_id"] == noise_pixel):
            problems.append(f"Streams: {one['event_name']} ({stage}) was told to {one['dataset_id']}")
    return problems


def _name(dataset: str, event: str, event_id: str) -> str:
    return f"{dataset} {event} {event_id}"


def _own(state: Mapping[str, Any], lead: Lead) -> list[dict[str, Any]]:
    """The events of this lead: by the click, or by the phone's hash."""
    phone = hashlib.sha256(lead.digits.encode()).hexdigest()
    click = lead.referral.get("ctwa_clid")
    found = []
    for one in state["events"]:
        user = one["event"].get("user_data", {})
        if (click and user.get("ctwa_clid") == click) or phone in (user.get("ph") or ()):
            found.append(one)
    return found


def _value(row: Row) -> tuple[float | None, str]:
    if row["amountMinor"] is None:
        return None, ""
    return row["amountMinor"] / 100, row["currency"]


def _value_there(event: Mapping[str, Any]) -> tuple[float | None, str]:
    custom = event.get("custom_data") or {}
    if custom.get("value") is None:
        return None, ""
    return float(custom["value"]), str(custom.get("currency", ""))


def problems_of_audiences(
    rows: Sequence[Row],
    state: Mapping[str, Any],
    lead: Lead,
    lines: Sequence[Line],
    member_of: Sequence[str],
) -> list[str]:
    """Each join and leave by audience and session, with its counts; and where the lead is at the end."""
    told = [row for row in of_platform(rows, "meta") if proof_kind(row) == "meta audience"]
    own = [one for one in state["audiences"] if one["account"] == lead.account]
    names = {one["id"]: one["name"] for one in own}
    there = {line.key: line.there for line in lines if line.there}
    problems = both_ways(
        "audience change",
        (_change(row, names) for row in told),
        (
            f"{ {'add': 'join', 'remove': 'leave'}[entry['op']] } {one['name']} session {entry['session_id']}"
            f" ({entry['num_received']} received, {entry['num_invalid_entries']} invalid)"
            for one in own
            for entry in one["history"]
            if lead.subscriber in entry["keys"]
        ),
    )
    for row in told:
        if row["key"] in there:
            problems += differs(
                row, "audience", there[row["key"]], names.get(row["proof"].get("audience_id"))
            )
    inside = [one["name"] for one in own if lead.subscriber in one["members"]]
    return problems + both_ways("membership", member_of, inside)


def _change(row: Row, names: Mapping[str, str]) -> str:
    proof, verb = row["proof"], row["key"].partition(":")[0]
    audience = names.get(proof.get("audience_id"), f"audience {proof.get('audience_id')}")
    return (
        f"{verb} {audience} session {proof.get('session_id')}"
        f" ({proof.get('num_received')} received, {proof.get('num_invalid_entries')} invalid)"
    )


def problems_of_ad(rows: Sequence[Row], ad: Mapping[str, Any]) -> list[str]:
    """The metadata that was asked from the Graph against the account's ad."""
    problems = []
    for row in of_platform(rows, "meta"):
        if proof_kind(row) != "meta ad":
            continue
        proof = row["proof"]
        problems += differs(row, "ad", proof.get("ad_id"), ad["id"])
        problems += differs(row, "campaign", proof.get("campaign_id"), ad["campaign"]["id"])
        problems += differs(row, "ad set", proof.get("adset_id"), ad["adset"]["id"])
        problems += differs(row, "creative", proof.get("creative_id"), ad["creative"]["id"])
    return problems
