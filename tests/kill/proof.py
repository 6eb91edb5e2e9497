"""Every effect once: the lead's ledger against what the platforms hold. Each problem is a sentence."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sandbox.journey.compare import PROOFS, proof_kind
from tests.kill.leads import ACCOUNT, STEPS, Lead
from tests.kill.stack import Stack

Rows = list[dict[str, Any]]


def problems(stack: Stack, lead: Lead, *, unknown: int = 0, statuses: bool = True) -> list[str]:
    """What is missing, doubled or without proof; of so many messages the outcome is unknown.

    `statuses`: WhatsApp tells them; without, no message gets a wamid.
    """
    product = stack.product(lead.digits)
    rows = [row for row in product.rows() if row["kind"] == "delivery"]
    state = {name: stack.sandbox.state(name) for name in ("gupshup", "meta", "kommo", "stripe", "flowise")}
    product.http.close()
    return [
        *_ledger(rows, lead, unknown, statuses and not unknown),
        *_messages(rows, state["gupshup"], stack, lead),
        *_events(rows, state["meta"]),
        *_audiences(rows, state["meta"], product.subscriber),
        *_deal(rows, state["kommo"][ACCOUNT["kommo"]["subdomain"]], lead),
        *_links(rows, state["stripe"]),
        *_executions(rows, state["flowise"]),
    ]


def _key(row: dict[str, Any]) -> tuple[str, str]:
    """Platform and business key; a judgement's turn depends on nothing that is asked here."""
    key = str(row["key"])
    if key.startswith("judge:"):
        key = key.rpartition(":")[0]
    return row["platform"], key


def _ledger(rows: Rows, lead: Lead, unknown: int, statuses: bool) -> list[str]:
    wanted = Counter(
        (platform, key)
        for name in lead.gone
        for platform, keys in STEPS[name].effects.items()
        for key in keys
    )
    told = Counter(_key(row) for row in rows)
    found = [f"missing in the ledger: {key}" for key in (wanted - told).elements()]
    found += [f"too often in the ledger: {key}" for key in (told - wanted).elements()]
    open_rows = [row for row in rows if row["state"] != "confirmed"]
    doubtful = [row for row in open_rows if row["state"] == "unknown" and row["platform"] == "gupshup"]
    if len(doubtful) != unknown:
        found.append(f"{len(doubtful)} messages are unknown, not {unknown}")
    found += [f"{_key(row)} is {row['state']}: {row['reason']}" for row in open_rows if row not in doubtful]
    for row in rows:
        adopted = "adopted_from" in row["proof"]
        if row["state"] == "confirmed" and not adopted:
            lacking = [name for name in PROOFS.get(proof_kind(row), ()) if not row["proof"].get(name)]
            found += [f"{_key(row)} has no {name}" for name in lacking if statuses or name != "wamid"]
    return found


def _once(what: str, ledger: list[str], platform: list[str]) -> list[str]:
    ours, theirs = Counter(ledger), Counter(platform)
    return [
        f"{what} {name}: {ours[name]} in the ledger, {theirs[name]} at the platform"
        for name in sorted({*ours, *theirs})
        if (ours[name], theirs[name]) != (1, 1)
    ]


def _messages(rows: Rows, state: dict[str, Any], stack: Stack, lead: Lead) -> list[str]:
    """Each by its id, and as many requests as messages: none was sent again."""
    held = [one["gs_id"] for one in state["messages"] if one["to"] == lead.digits]
    told = [row for row in rows if row["platform"] == "gupshup"]
    known = [str(row["proof"]["message_id"]) for row in told if row["state"] == "confirmed"]
    nameless = len(told) - len(known)
    found = _once("message", known, [one for one in held if one in known])
    if len(held) != len(known) + nameless:
        found.append(f"WhatsApp has {len(held)} messages, the ledger {len(known)} and {nameless} in doubt")
    sent = [one for one in stack.sandbox.received("gupshup") if f'"{lead.digits}"' in one["body"]]
    if len(sent) != len(held):
        found.append(f"{len(sent)} requests for {len(held)} messages")
    return found


def _events(rows: Rows, state: dict[str, Any]) -> list[str]:
    told = [row for row in rows if row["platform"] == "meta" and proof_kind(row) == "meta event"]
    ids = {str(row["proof"].get("event_id")) for row in told}
    held = [f"{one['event_name']} {one['event_id']}" for one in state["events"] if one["event_id"] in ids]
    return _once("event", [f"{row['title']} {row['proof'].get('event_id')}" for row in told], held)


def _audiences(rows: Rows, state: dict[str, Any], subscriber: str) -> list[str]:
    """A repeated upload has the same session; members are counted once by nature."""
    own = [one for one in state["audiences"] if one["account"] == "demo"]
    twice = [name for name, count in Counter(one["name"] for one in own).items() if count > 1]
    found = [f"audience {name} was made twice" for name in twice]
    verbs = {"add": "join", "remove": "leave"}
    held = {
        f"{verbs[entry['op']]} {one['id']} {entry['session_id']}"
        for one in own
        for entry in one["history"]
        if subscriber in entry["keys"]
    }
    told = [
        " ".join(
            str(part)
            for part in (
                row["key"].partition(":")[0],
                row["proof"].get("audience_id"),
                row["proof"].get("session_id"),
            )
        )
        for row in rows
        if row["platform"] == "meta" and proof_kind(row) == "meta audience"
    ]
    found += _once("audience change", told, list(held))
    member = sum(subscriber in one["members"] for one in own)
    wanted = sum(1 if one.startswith("join") else -1 for one in told)
    return found + ([f"member of {member} audiences, not {wanted}"] if member != wanted else [])


def _deal(rows: Rows, account: dict[str, Any], lead: Lead) -> list[str]:
    contacts = [one for one in account["contacts"] if lead.digits in str(one["custom_fields_values"])]
    ids = {one["id"] for one in contacts}
    deals = [one for one in account["leads"] if ids & {c["id"] for c in one["_embedded"]["contacts"]}]
    if (len(contacts), len(deals)) != (1, 1):
        return [f"Kommo has {len(contacts)} contacts and {len(deals)} deals of the lead"]
    deal = deals[0]
    told = [row for row in rows if row["platform"] == "kommo"]
    found = [
        f"{row['key']} is proved by deal {row['proof']['deal_id']}, not {deal['id']}"
        for row in told
        if row["proof"].get("deal_id", deal["id"]) != deal["id"]
    ]
    stages = [one["status_id"] for one in deal["stages"]]
    if len(stages) != sum(str(row["key"]).startswith("stage:") for row in told):
        found.append(f"the deal went through the stages {stages}")
    fields = {
        f"field:{one['field_code'].lower()}={one['values'][0]['value']}"
        for entity in (deal, contacts[0])
        for one in entity["custom_fields_values"] or ()
        if one["field_code"] != "PHONE"
    }
    wishes = {str(row["key"]) for row in told if str(row["key"]).startswith("field:")}
    return found + ([f"fields are {fields}, not {wishes}"] if fields != wishes else [])


def _links(rows: Rows, state: dict[str, Any]) -> list[str]:
    told = [row for row in rows if row["platform"] == "stripe"]
    orders = {row["proof"].get("metadata", {}).get("arriwa_order") for row in told}
    held = [str(one["id"]) for one in state["links"] if one["metadata"].get("arriwa_order") in orders]
    return _once("payment link", [str(row["proof"].get("payment_link")) for row in told], held)


def _executions(rows: Rows, state: dict[str, Any]) -> list[str]:
    told = [row for row in rows if row["platform"] == "flowise"]
    sessions = {str(row["proof"].get("session_id", "")).partition(":")[0] for row in told} - {""}
    held = [one["id"] for one in state["executions"] if one["session_id"].partition(":")[0] in sessions]
    return _once("execution", [str(row["proof"].get("execution_id")) for row in told], [str(i) for i in held])
