"""What happens inside Stripe: links are paid, sessions and intents appear, signed events leave.

Facts: crm_pay_audiences.md B2 to B4.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import secrets
import string
import time
from typing import Any

from sandbox.core import World

API_VERSION = "2026-10-28.endive"
_LETTERS = string.ascii_letters + string.digits


def make_id(prefix: str, size: int = 24) -> str:
    """An id in Stripe's manner, e.g. `pi_3Qx...`."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(size))


def signature(payload: bytes, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header of a body; `timestamp` in seconds, real time."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp + payload, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Payments:
    """All Stripe accounts of the sandbox. Objects are kept as the API answers them, plus `_account`."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.on_reset(self._reset)
        world.on_state("stripe", self.state)
        world.resigners["stripe"] = self.resign

    def _reset(self) -> None:
        self.links: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self.endpoints: dict[str, dict[str, Any]] = {}
        #: (account, idempotency key) -> (digest of the request, status, answer)
        self.answers: dict[tuple[str, str], tuple[str, int, dict[str, Any]]] = {}

    def state(self) -> dict[str, Any]:
        """Links, sessions, intents, events and endpoints (without their secrets)."""
        endpoints = [
            {key: value for key, value in one.items() if key != "secret"} for one in self.endpoints.values()
        ]
        return {
            "links": list(self.links.values()),
            "sessions": list(self.sessions.values()),
            "payment_intents": list(self.intents.values()),
            "events": list(self.events.values()),
            "webhook_endpoints": endpoints,
        }

    def refusal(self, link_id: str) -> str:
        """Why this link cannot be paid now: "missing", "inactive", "used" or "" (it can)."""
        link = self.links.get(link_id)
        if link is None:
            return "missing"
        limits = (link["restrictions"] or {}).get("completed_sessions")
        if limits and limits["count"] >= limits["limit"]:
            return "used"
        return "" if link["active"] else "inactive"

    def pay(self, link_id: str, *, name: str = "", phone: str = "", email: str = "") -> dict[str, Any]:
        """A buyer pays the link in full: {"paid", "reason", "session", "payment_intent"}."""
        reason = self.refusal(link_id)
        if reason:
            return {"paid": False, "reason": reason, "session": "", "payment_intent": ""}
        link = self.links[link_id]
        intent = self._intent(link)
        session = self._session(link, intent, name, phone, email)
        self.intents[intent["id"]], self.sessions[session["id"]] = intent, session
        if link["restrictions"]:
            link["restrictions"]["completed_sessions"]["count"] += 1
        pair = [("checkout.session.completed", session), ("payment_intent.succeeded", intent)]
        # Stripe promises no order (B3)
        random.shuffle(pair)
        for kind, thing in pair:
            self.emit(kind, thing, link["_account"])
        return {"paid": True, "reason": "", "session": session["id"], "payment_intent": intent["id"]}

    def _intent(self, link: dict[str, Any]) -> dict[str, Any]:
        amount = total(link)
        return {
            "id": make_id("pi_3"),
            "object": "payment_intent",
            "amount": amount,
            "amount_received": amount,
            "created": int(self.world.now()),
            "currency": link["currency"],
            "description": (link["payment_intent_data"] or {}).get("description"),
            "latest_charge": make_id("ch_3"),
            "livemode": link["livemode"],
            "metadata": dict((link["payment_intent_data"] or {}).get("metadata", {})),
            "payment_method_types": ["card"],
            "status": "succeeded",
            "_account": link["_account"],
        }

    def _session(
        self, link: dict[str, Any], intent: dict[str, Any], name: str, phone: str, email: str
    ) -> dict[str, Any]:
        asked = (link["phone_number_collection"] or {}).get("enabled")
        details = {"email": email or None, "name": name or None, "phone": (phone or None) if asked else None}
        return {
            "id": make_id("cs_test_a1", 56),
            "object": "checkout.session",
            "amount_subtotal": intent["amount"],
            "amount_total": intent["amount"],
            "client_reference_id": None,
            "created": intent["created"],
            "currency": link["currency"],
            "customer_details": details,
            "expires_at": intent["created"] + 86400,
            "livemode": link["livemode"],
            "metadata": dict(link["metadata"]),
            "mode": "payment",
            "payment_intent": intent["id"],
            "payment_link": link["id"],
            "payment_status": "paid",
            "status": "complete",
            "_account": link["_account"],
        }

    def emit(self, kind: str, thing: dict[str, Any], account: str) -> dict[str, Any]:
        """Makes an event and sends it to every endpoint of the account that listens for it."""
        event: dict[str, Any] = {
            "id": make_id("evt_1"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(self.world.now()),
            "data": {"object": public(thing)},
            "livemode": thing["livemode"],
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        takers = [
            one
            for one in self.endpoints.values()
            if one["_account"] == account
            and one["status"] == "enabled"
            and {kind, "*"} & set(one["enabled_events"])
        ]
        event["pending_webhooks"] = len(takers)
        self.events[event["id"]] = {**event, "_account": account}
        for endpoint in takers:
            body = json.dumps(
                {**event, "api_version": endpoint["api_version"] or API_VERSION}, indent=2
            ).encode()
            headers = self._headers(body, endpoint["secret"])
            self.world.spawn(self.world.send_hook("stripe", endpoint["url"], body, headers, kind=kind))
        return event

    def resign(self, hook: dict[str, Any]) -> dict[str, str]:
        """Headers for a hook that is sent again: Stripe signs each delivery with its own time."""
        for endpoint in self.endpoints.values():
            if endpoint["url"] == hook["url"]:
                return self._headers(hook["body"].encode(), endpoint["secret"])
        headers: dict[str, str] = hook["headers"]
        return headers

    def _headers(self, body: bytes, secret: str) -> dict[str, str]:
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(body, secret, int(time.time())),
        }


def total(link: dict[str, Any]) -> int:
    """What the link costs, in minor units of its currency."""
    return sum(one["unit_amount"] * one["quantity"] for one in link["_items"])


def public(thing: dict[str, Any]) -> dict[str, Any]:
    """The object as Stripe shows it: without the sandbox's own `_` fields."""
    return {key: value for key, value in thing.items() if not key.startswith("_")}
