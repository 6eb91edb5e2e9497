"""The ledger against the written list. Pure: each problem is a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.journey.expected import STATUSES, Line

Row = Mapping[str, Any]
#: What each platform's proof must name.
PROOFS = {
    "gupshup": ("message_id", "wamid"),
    "kommo": ("request_id",),
    "flowise": ("execution_id",),
    "stripe payment_link": ("payment_link", "url", "metadata"),
    "stripe payment": ("event", "type", "payment_intent"),
    "meta event": ("events_received", "fbtrace_id", "event_id"),
    "meta audience": ("session_id", "audience_id", "num_received"),
    "meta ad": ("ad_id", "campaign_id", "adset_id", "creative_id"),
}
OPEN = ("pending", "started")

Name = tuple[str, str, str]


def name_of(row: Row) -> Name:
    """What tells a line from another: kind, platform, business key."""
    return str(row["kind"]), str(row["platform"]), str(row["key"])


def spoken(name: Name) -> str:
    """A line's name in a sentence: "delivery meta join:CA_QUAL_Q1"."""
    return " ".join(part for part in name if part)


def pending(rows: Sequence[Row]) -> list[Row]:
    """Deliveries without an outcome and accepted messages without their last status."""
    return [
        row
        for row in rows
        if row["kind"] == "delivery"
        and (row["state"] in OPEN or (row["platform"] == "gupshup" and row["state"] == "confirmed"))
        and not (row["state"] == "confirmed" and _all_statuses(row))
    ]


def _all_statuses(row: Row) -> bool:
    told = row["proof"].get("statuses", ())
    return "failed" in told or set(STATUSES) <= set(told)


def lines_awaited(rows: Sequence[Row], lines: Sequence[Line]) -> list[Line]:
    """Those lines that are not there often enough, or not confirmed yet."""
    waiting = {id(row) for row in pending(rows)}
    done = Counter(name_of(row) for row in rows if id(row) not in waiting)
    return [line for line in lines if done[line.kind, line.platform, line.key] < line.times]


def problems_of_list(
    rows: Sequence[Row], lines: Sequence[Line], settings: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Every line missing, doubled, unconfirmed, without proof or unlike the list.

    `settings` are the account's by platform (sandbox/accounts.json): targets are looked up there.
    Decisions are not on the list: how often a lead is told to be silent is a matter of timing.
    """
    told = [row for row in rows if row["kind"] != "decision"]
    listed = {(line.kind, line.platform, line.key) for line in lines}
    problems = [
        f"Unexpected: {spoken(name_of(row))} ({row['title']})" for row in told if name_of(row) not in listed
    ]
    for line in lines:
        problems += _line(line, [row for row in told if name_of(row) == (line.kind, line.platform, line.key)])
    for row in told:
        if row["kind"] == "delivery":
            problems += _delivery(row)
    for line in lines:
        if line.target:
            wanted = str(settings[line.platform][line.target])
            problems += [
                f"Target: {spoken(name_of(row))} went to {row['proof'].get('target')}, not {wanted}"
                for row in told
                if name_of(row) == (line.kind, line.platform, line.key)
                and row["proof"].get("target") != wanted
            ]
    return problems + _reasons(rows)


def _line(line: Line, found: Sequence[Row]) -> list[str]:
    name = spoken((line.kind, line.platform, line.key))
    if len(found) < line.times:
        return [f"Missing: {name} ({line.title}) is there {len(found)} of {line.times} times"]
    problems = []
    if len(found) > line.times:
        problems.append(f"Doubled: {name} ({line.title}) is there {len(found)} times, not {line.times}")
    for row in found:
        if row["title"] != line.title:
            problems.append(f"Title: {name} is called {row['title']!r}, not {line.title!r}")
        if (row["amountMinor"], row["currency"]) != (line.amount_minor, line.currency):
            problems.append(
                f"Amount: {name} has {row['amountMinor']} {row['currency']},"
                f" not {line.amount_minor} {line.currency}".rstrip()
            )
        problems += [
            f"Proof: {name} says {key} = {row['proof'].get(key)!r}, not {value!r}"
            for key, value in line.proof.items()
            if row["proof"].get(key) != value
        ]
    return problems


def _delivery(row: Row) -> list[str]:
    name = spoken(name_of(row))
    if row["state"] != "confirmed":
        return [f"Unconfirmed: {name} is {row['state']}. {row['reason']}".rstrip(". ")]
    problems = [
        f"No proof: {name} lacks {key}"
        for key in PROOFS.get(proof_kind(row), ())
        if row["proof"].get(key) in (None, "", {}, 0)
    ]
    if proof_kind(row) == "meta audience" and row["proof"].get("num_invalid_entries") != 0:
        problems.append(
            f"Proof: {name} says {row['proof'].get('num_invalid_entries')} invalid entries, not 0"
        )
    if row["platform"] == "gupshup":
        missing = [status for status in STATUSES if status not in row["proof"].get("statuses", ())]
        problems += [f"No proof: {name} has no status {status}" for status in missing]
    return problems


def proof_kind(row: Row) -> str:
    """The name under which PROOFS tells what a delivery's proof must hold."""
    verb = str(row["key"]).partition(":")[0]
    if row["platform"] == "meta":
        return {"join": "meta audience", "leave": "meta audience", "ad": "meta ad"}.get(verb, "meta event")
    if row["platform"] == "stripe":
        return f"stripe {verb}"
    return str(row["platform"])


def _reasons(rows: Sequence[Row]) -> list[str]:
    decisions = [row for row in rows if row["kind"] == "decision"]
    if not decisions:
        return ["Missing: the ledger has no decision"]
    return [
        f"No reason: the decision on {row['key']} at {row['at']}"
        for row in decisions
        if not row["reason"].strip()
    ]
