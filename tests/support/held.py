"""What the platforms hold of one lead: the sandbox's own record, for "exactly once"."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from subscribers.models import Conversation, Subscriber
from tenants.context import in_organization
from tests.support.sandbox import Sandbox


@dataclass
class Held:
    """One lead at every platform."""

    events: list[dict[str, Any]]
    #: (audience, op) of each change that named the lead, and where the lead is now
    changes: Counter[tuple[str, str]]
    member_of: set[str]
    contacts: list[dict[str, Any]]
    deals: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    links: list[dict[str, Any]]
    runs: list[dict[str, Any]]

    def doubled(self) -> list[str]:
        """Whatever is there more than once; empty when every effect is there exactly once."""
        found = [
            f"{e['event_name']} in {e['dataset_id']} came {e['count']} times"
            for e in self.events
            if e["count"] != 1
        ]
        named = Counter(_event_name(e) for e in self.events)
        found += [f"{name} under {n} ids" for name, n in named.items() if n > 1]
        found += [f"{change} {n} times" for change, n in self.changes.items() if n > 1]
        for name, rows in (("contacts", self.contacts), ("deals", self.deals)):
            if len(rows) > 1:
                found.append(f"{len(rows)} {name}")
        bodies = Counter(json.dumps(m["body"], sort_keys=True) for m in self.messages)
        found += [f"message {body} {n} times" for body, n in bodies.items() if n > 1]
        orders = Counter(link["metadata"]["arriwa_order"] for link in self.links)
        found += [f"{n} links for one order" for n in orders.values() if n > 1]
        sessions = Counter(run["session_id"] for run in self.runs)
        found += [f"{n} runs in session {name}" for name, n in sessions.items() if n > 1]
        return found

    def summary(self) -> dict[str, Any]:
        """The same for the same path of two leads: no ids, no times."""
        return {
            "events": Counter(_event_name(e) for e in self.events),
            "changes": self.changes,
            "member_of": self.member_of,
            "deals": Counter(deal["status_id"] for deal in self.deals),
            "contacts": len(self.contacts),
            "messages": Counter((m["type"], m["subtype"], m["template"]) for m in self.messages),
            "links": len(self.links),
            "runs": len(self.runs),
        }


def _event_name(entry: dict[str, Any]) -> tuple[str, ...]:
    custom = entry["event"].get("custom_data") or {}
    question = next((str(custom[k]) for k in ("question", "attempt") if k in custom), "")
    return entry["dataset_id"], entry["event_name"], question


def held(sandbox: Sandbox, schema_name: str, subscriber: Subscriber, number: str) -> Held:
    """Everything that the platforms hold of the subscriber."""
    with in_organization(schema_name):
        conversation = Conversation.objects.get(subscriber=subscriber)
        deliveries = {str(pk) for pk in conversation.deliveries.values_list("id", flat=True)}
        orders = {str(pk) for pk in conversation.orders.values_list("id", flat=True)}
    meta, kommo = sandbox.state("meta"), sandbox.state("kommo")["demo"]
    key = str(subscriber.id)
    audiences = [a for a in meta["audiences"] if a["account"] == "demo"]
    changes = Counter(
        (a["name"], entry["op"]) for a in audiences for entry in a["history"] if key in entry["keys"]
    )
    short = conversation.id.hex[:8]
    deals = [lead for lead in kommo["leads"] if lead["name"].endswith(short)]
    mine = {c["id"] for deal in deals for c in deal["_embedded"]["contacts"]}
    return Held(
        events=[e for e in meta["events"] if e["event_id"] in deliveries],
        changes=changes,
        member_of={a["name"] for a in audiences if key in a["members"]},
        contacts=[c for c in kommo["contacts"] if c["id"] in mine or number in json.dumps(c)],
        deals=deals,
        messages=[
            m for m in sandbox.state("gupshup")["messages"] if m["to"] == number and m["account"] == "demo"
        ],
        links=[
            link
            for link in sandbox.state("stripe")["links"]
            if link["metadata"].get("arriwa_order") in orders
        ],
        runs=[
            run
            for run in sandbox.state("flowise")["executions"]
            if run["session_id"].startswith(str(conversation.id))
        ],
    )
