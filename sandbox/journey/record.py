"""The ledger against the sandbox's own record: WhatsApp, payments, agent. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.journey.compare import Row, name_of, spoken
from sandbox.journey.expected import AMOUNT_MINOR, CURRENCY, METADATA, STATUSES, Line


@dataclass(frozen=True)
class Lead:
    """By what the platforms know this lead."""

    digits: str
    subscriber: str
    account: str
    #: As WhatsApp sent it with the first message.
    referral: Mapping[str, Any]
    #: What the lead's own phone was told when it paid: {"session", "payment_intent"}.
    payments: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def of_platform(rows: Sequence[Row], platform: str) -> list[Row]:
    """The ledger's deliveries at one platform."""
    return [row for row in rows if row["kind"] == "delivery" and row["platform"] == platform]


def both_ways(what: str, ledger: Iterable[str], sandbox: Iterable[str]) -> list[str]:
    """What only one of the two has, as often as it lacks in the other."""
    ours, theirs = Counter(list(ledger)), Counter(list(sandbox))
    missing = [(name, "ledger") for name in sorted(theirs - ours)]
    missing += [(name, "sandbox") for name in sorted(ours - theirs)]
    return [
        f"Not in the {place}: {what} {name} (times in the ledger {ours[name]}, in the sandbox {theirs[name]})"
        for name, place in missing
    ]


def differs(row: Row, what: str, ours: Any, theirs: Any) -> list[str]:
    """A sentence when the ledger and the sandbox say different things."""
    if ours == theirs:
        return []
    return [f"Differs: {spoken(name_of(row))} says {what} {ours!r}, the sandbox {theirs!r}"]


# --- WhatsApp -----------------------------------------------------------------------------------


def problems_of_gupshup(
    rows: Sequence[Row], state: Mapping[str, Any], lead: Lead, lines: Sequence[Line]
) -> list[str]:
    """Each message by its gs id: number, type, statuses, template; none that the ledger lacks."""
    told = of_platform(rows, "gupshup")
    held = {one["gs_id"]: one for one in state["messages"] if one["to"] == lead.digits}
    problems = both_ways("message", (str(row["proof"].get("message_id")) for row in told), held)
    types = {line.key: line.there for line in lines if line.platform == "gupshup"}
    for row in told:
        proof, one = row["proof"], held.get(row["proof"].get("message_id"))
        if one is None:
            continue
        sent = [status["status"] for status in one["statuses"]]
        problems += differs(row, "wamid", proof.get("wamid"), one["wamid"])
        problems += differs(row, "template", proof.get("template", ""), one["template"])
        problems += differs(row, "error code", 0, one["code"])
        problems += differs(row, "type", types.get(row["key"]), one["subtype"] or one["type"])
        problems += differs(
            row,
            "statuses",
            [name for name in STATUSES if name in proof.get("statuses", ())],
            [name for name in sent if name in STATUSES],
        )
    return problems


def problems_of_referral(rows: Sequence[Row], lead: Lead, ad: Mapping[str, Any]) -> list[str]:
    """The touchpoint against the tap: the referral's keys, and the ad as the account has it."""
    problems = []
    for row in rows:
        if row["kind"] != "fact" or row["key"] != "ctwa":
            continue
        proof = row["proof"]
        problems += differs(row, "referral keys", proof.get("referral"), sorted(lead.referral))
        problems += differs(row, "adId", proof.get("adId"), ad["id"])
        problems += differs(row, "campaignId", proof.get("campaignId"), ad["campaign"]["id"])
        problems += differs(row, "adsetId", proof.get("adsetId"), ad["adset"]["id"])
        problems += differs(row, "creativeId", proof.get("creativeId"), ad["creative"]["id"])
    return problems


# --- payments -----------------------------------------------------------------------------------


def problems_of_stripe(rows: Sequence[Row], state: Mapping[str, Any], lead: Lead) -> list[str]:
    """Link with its metadata in both places, the lead's payment, and the event that told of it."""
    told = of_platform(rows, "stripe")
    links = {one["id"]: one for one in state["links"] if one["_account"] == lead.account}
    intents = {one["id"]: one for one in state["payment_intents"]}
    events = {one["id"]: one for one in state["events"] if one["_account"] == lead.account}
    paid = {str(one["payment_intent"]) for one in lead.payments}
    orders = {row["proof"].get("metadata", {}).get("arriwa_order") for row in told}
    orders |= {intents[one]["metadata"].get("arriwa_order") for one in paid & set(intents)}
    orders.discard(None)
    problems = both_ways(
        "payment link",
        (str(row["proof"]["payment_link"]) for row in told if "payment_link" in row["proof"]),
        (key for key, one in links.items() if one["metadata"].get("arriwa_order") in orders),
    )
    problems += both_ways(
        "payment", (str(row["proof"]["payment_intent"]) for row in told if "event" in row["proof"]), paid
    )
    for row in told:
        proof = row["proof"]
        if link := links.get(proof.get("payment_link")):
            problems += _link(row, link)
        elif event := events.get(proof.get("event")):
            thing = event["data"]["object"]
            intent = thing.get("payment_intent") or thing["id"]
            problems += differs(row, "type", proof["type"], event["type"])
            problems += differs(row, "payment_intent", proof["payment_intent"], intent)
            amount = intents.get(intent, {})
            there = (amount.get("amount_received"), str(amount.get("currency")).upper())
            problems += differs(row, "amount", (row["amountMinor"], row["currency"]), there)
        else:
            problems.append(
                f"Not in the sandbox: {spoken(name_of(row))}, neither link nor event of its proof"
            )
    return problems


def _link(row: Row, link: Mapping[str, Any]) -> list[str]:
    proof, place = row["proof"], (link["payment_intent_data"] or {}).get("metadata")
    total = sum(item["unit_amount"] * item["quantity"] for item in link["_items"])
    problems = differs(row, "metadata on the link", proof.get("metadata"), link["metadata"])
    problems += differs(row, "metadata on the payment", proof.get("metadata"), place)
    problems += differs(row, "url", proof.get("url"), link["url"])
    problems += differs(row, "amount", (AMOUNT_MINOR, CURRENCY), (total, link["currency"].upper()))
    if tuple(sorted(link["metadata"])) != METADATA:
        problems.append(f"Metadata: the link has {sorted(link['metadata'])}, not {list(METADATA)}")
    return problems


# --- agent --------------------------------------------------------------------------------------


def problems_of_flowise(rows: Sequence[Row], state: Mapping[str, Any]) -> list[str]:
    """Each execution by its id: session, verdict, finished; none of this conversation is missing."""
    told = of_platform(rows, "flowise")
    conversations = {str(row["proof"].get("session_id", "")).partition(":")[0] for row in told} - {""}
    held = {
        one["id"]: one for one in state["executions"] if one["session_id"].partition(":")[0] in conversations
    }
    problems = both_ways("execution", (str(row["proof"].get("execution_id")) for row in told), held)
    if len(conversations) != 1:
        problems.append(f"The agent spoke in {len(conversations)} conversations, not in one")
    for row in told:
        proof, one = row["proof"], held.get(row["proof"].get("execution_id"))
        if one is None:
            continue
        problems += differs(row, "session", proof.get("session_id"), one["session_id"])
        problems += differs(row, "state", "FINISHED", one["state"])
        for name in ("verdict", "confidence", "value"):
            if name in proof:
                problems += differs(row, name, proof[name], one["verdict"][name])
    return problems
