"""The ledger on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

Rows = list[dict[str, Any]]

_COLOURS = {
    "confirmed": "32",
    "skipped": "33",
    "pending": "33",
    "started": "33",
    "unknown": "31",
    "dead": "31",
}
_KINDS = {"fact": "1", "decision": "2"}
_WHAT = 46
_LAST = 6


def paint(text: str, code: str, colours: bool) -> str:
    """`text` in an ANSI colour, or as it is."""
    return f"\x1b[{code}m{text}\x1b[0m" if colours and code else text


def table(rows: Rows, *, colours: bool) -> list[str]:
    """One line per row: seconds since the first, kind, platform, what, state, proof."""
    if not rows:
        return ["The ledger is empty."]
    start = _moment(rows[0])
    return [_line(row, (_moment(row) - start).total_seconds(), colours) for row in rows]


def _moment(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["at"])


def _line(row: dict[str, Any], seconds: float, colours: bool) -> str:
    title = row["title"] + (f"  {amount(row)}" if row["amountMinor"] is not None else "")
    state = paint(f"{row['state']:<9}", _COLOURS.get(row["state"], ""), colours)
    what = f"{title:<{_WHAT}.{_WHAT}}"
    head = f"{seconds:7.2f}  {row['kind']:<8}  {row['platform']:<7}  "
    painted = head + paint(what, _KINDS.get(row["kind"], ""), colours)
    return f"{painted}  {state}  {_said(row)}".rstrip()


def amount(row: dict[str, Any]) -> str:
    """90000, "USD" as "900.00 USD"."""
    return f"{row['amountMinor'] / 100:.2f} {row['currency']}"


def _said(row: dict[str, Any]) -> str:
    """The proof in short, or the reason."""
    if row["kind"] == "decision":
        return f"{row['key']}: {row['reason']}"
    return " ".join(part for part in (_proof(row), row["reason"]) if part)


def _proof(row: dict[str, Any]) -> str:
    proof = row["proof"]
    if row["platform"] == "gupshup":
        shown = f"gs {proof.get('message_id', '–')} {'·'.join(proof.get('statuses', []))}"
        return f"{shown} {proof['template']}" if proof.get("template") else shown
    if "fbtrace_id" in proof:
        return f"trace {proof['fbtrace_id']} of {proof.get('events_received')} → {proof['target']}"
    if "session_id" in proof and row["platform"] == "meta":
        counts = f"{proof['num_received']} received, {proof['num_invalid_entries']} invalid"
        return f"session {proof['session_id']} {counts}"
    if row["platform"] == "flowise":
        verdict = f" {proof['verdict']} {proof['confidence']}" if "verdict" in proof else ""
        return f"execution {proof.get('execution_id', '–')}{verdict}"
    names = {
        "meta": ("campaign_id", "adset_id", "creative_id"),
        "kommo": ("deal_id", "contact_id", "request_id"),
        "stripe": ("payment_link", "event", "payment_intent"),
        "": ("value", "method", "confidence", "clickId", "campaignId", "adsetId", "creativeId"),
    }.get(row["platform"], ())
    return " ".join(f"{name} {proof[name]}" for name in names if proof.get(name) not in (None, ""))


def last_words(rows: Rows) -> str:
    """The ledger's last lines, the last decision and what is not confirmed, for an error."""
    if not rows:
        return (
            "The product's ledger has no line of this lead: look whether the hook arrived (sandbox /_hooks)."
        )
    lines = ["The ledger's last lines:", *table(rows, colours=False)[-_LAST:]]
    decisions = [row for row in rows if row["kind"] == "decision"][-2:]
    lines += [f"Decision on {row['key']} ({row['title']}): {row['reason']}" for row in decisions]
    lines += [
        f"Not confirmed: {row['platform']} {row['title']} is {row['state']}. {row['reason']}"
        for row in rows
        if row["kind"] == "delivery" and row["state"] != "confirmed"
    ]
    return "\n".join(lines)


def problems_text(problems: Iterable[str], *, colours: bool) -> list[str]:
    """One line per problem."""
    return [paint(f"✗ {problem}", "31", colours) for problem in problems]
