"""The WhatsApp network of the sandbox: numbers, phones, chats, the 24 h window and message statuses.

gupshup.py is the business's door to it, phone.py the person's. Envelopes follow gupshup_whatsapp.md 3.2.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from sandbox.core import World
from sandbox.whatsapp_view import find_template, view

WINDOW_SECONDS = 24 * 3600
FREE_ENTRY_SECONDS = 72 * 3600
DEFAULT_STATUSES = ("enqueued", "sent", "delivered", "read")
_MODES = (
    "ENQUEUED SENT DELIVERED READ FAILED DELETED MESSAGE OTHERS TEMPLATE ACCOUNT BILLING PAYMENTS "
    "FLOWS_MESSAGE COPY ALL NONE"
)
MODES = _MODES.split()
REASONS = {
    131026: "Message undeliverable",
    131047: "Message failed to send because more than 24 hours have passed since the customer last replied",
    131049: "This message was not delivered to maintain healthy ecosystem engagement",
    131050: "User has stopped marketing messages",
    131056: "Too many messages to this user in a short time",
    132001: "Template name does not exist in the translation",
}


@dataclass
class AppSettings:
    """How one app's number behaves; set by POST /gupshup/_settings."""

    statuses: list[str] = field(default_factory=lambda: list(DEFAULT_STATUSES))
    #: Seconds between two statuses of a message.
    delay: float = field(default_factory=lambda: float(os.environ.get("SANDBOX_STATUS_DELAY", "0.05")))
    #: Recipient -> code: messages to these fail with it after being accepted.
    fail: dict[str, int] = field(default_factory=dict)
    #: "flat" puts code and reason on the status, "errors" uses Meta's list.
    failure_shape: str = "flat"
    #: The app's BSUID flag; while it is off, people without a phone number are parked.
    bsuid: bool = True


@dataclass
class Phone:
    """A person's WhatsApp. `hidden`: a username hides the number from businesses."""

    wa_id: str
    name: str
    hidden: bool = False


class Network:
    """Everything that WhatsApp and Gupshup know."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.on_reset(self._reset)
        world.on_state("gupshup", self.state)

    def _reset(self) -> None:
        self.settings: dict[str, AppSettings] = {}
        self.subscriptions: dict[str, list[dict[str, Any]]] = {}
        self.phones: dict[str, Phone] = {}
        #: (business number, wa_id) -> what the person sees, oldest first
        self.chats: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.last_inbound: dict[tuple[str, str], float] = {}
        #: Start and end of the free entry point; the end is known once the business has answered.
        self.ad_opened: dict[tuple[str, str], float] = {}
        self.free_until: dict[tuple[str, str], float] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.inbound: list[dict[str, Any]] = []
        self.parked: list[dict[str, Any]] = []
        self.user_ids: dict[str, str] = {}

    def state(self) -> dict[str, Any]:
        """Every message accepted from businesses and every message sent by people."""
        return {
            "messages": list(self.messages.values()),
            "inbound": self.inbound,
            "parked": self.parked,
            "subscriptions": [one for rows in self.subscriptions.values() for one in rows],
        }

    # --- people ---------------------------------------------------------------------------------

    def app_settings(self, app_id: str) -> AppSettings:
        """The app's settings, made with defaults when first asked for."""
        return self.settings.setdefault(app_id, AppSettings())

    def phone(self, wa_id: str) -> Phone:
        """The phone of that number; every number made of digits has one."""
        return self.phones.setdefault(wa_id, Phone(wa_id, f"Lead {wa_id[-4:]}"))

    def user_id(self, account: str, wa_id: str) -> str:
        """The person's business-scoped user id: another one for each business portfolio (4.7)."""
        portfolio = str(self.world.meta_of(account).get("business_id") or account)
        digest = hashlib.sha256(f"{portfolio}:{wa_id}".encode()).digest()
        country = "LV" if wa_id.startswith("371") else "KZ"
        value = f"{country}.{int.from_bytes(digest[:6], 'big') % 10**14:014d}"
        self.user_ids[value] = wa_id
        return value

    def chat(self, number: str, wa_id: str) -> list[dict[str, Any]]:
        """The chat of a business number and a person, oldest first."""
        return self.chats.setdefault((number, wa_id), [])

    # --- from the person ------------------------------------------------------------------------

    def deliver(
        self,
        account: str,
        wa_id: str,
        content: dict[str, Any],
        shown: dict[str, Any],
        *,
        at: float | None = None,
        quoted: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A person's message: kept in the chat, opens the window, goes out as a v3 `messages` hook.

        `content` is the message without its envelope fields ({"type": "text", "text": {...}}); `at` is in
        seconds (default: the sandbox clock); `quoted` is the business message it answers.
        """
        settings = self.world.accounts[account]["gupshup"]
        number, phone = settings["number"], self.phone(wa_id)
        moment = self.world.now() if at is None else float(at)
        wamid = make_wamid(wa_id)
        message = {"id": wamid, "timestamp": str(int(moment)), **content}
        if quoted:
            message["context"] = {"from": number, "id": quoted["wamid"], "gs_id": quoted["gs_id"]}
        contact: dict[str, Any] = {"profile": {"name": phone.name}}
        with_bsuid = self.app_settings(settings["app_id"]).bsuid
        if with_bsuid:
            contact["user_id"] = message["from_user_id"] = self.user_id(account, wa_id)
        if phone.hidden:
            contact["profile"]["username"] = f"lead.{wa_id[-4:]}"
        else:
            contact["wa_id"] = message["from"] = wa_id
        key = (number, wa_id)
        self.last_inbound[key] = max(moment, self.last_inbound.get(key, 0.0))
        if "referral" in content:
            self.ad_opened[key] = moment
        entry = {"from": "person", "at": moment, "wamid": wamid, **shown}
        self.chat(number, wa_id).append(entry)
        record = {"account": account, "wa_id": wa_id, "message": message}
        if phone.hidden and not with_bsuid:
            self.parked.append(record)
            return entry
        self.inbound.append(record)
        value = {**_head(settings), "contacts": [contact], "messages": [message]}
        self.send_hooks(settings, "MESSAGE", value, "message")
        return entry

    # --- from the business ----------------------------------------------------------------------

    def accept(self, account: str, body: dict[str, Any]) -> dict[str, Any]:
        """Takes a checked v3 body, answers the record with its `gs_id`; statuses follow by themselves."""
        settings = self.world.accounts[account]["gupshup"]
        number = settings["number"]
        wa_id = str(body["to"]) if body.get("to") else self.user_ids.get(body["recipient"], "")
        key, now = (number, wa_id), self.world.now()
        template = None
        if body.get("type") == "template":
            part = body["template"]
            template = find_template(settings, part["name"], part["language"]["code"])
        record: dict[str, Any] = {
            "account": account,
            "app_id": settings["app_id"],
            "gs_id": str(uuid.uuid4()),
            "wamid": make_wamid(wa_id),
            "to": wa_id,
            "recipient": body.get("recipient", ""),
            "type": body.get("type", "text"),
            "subtype": (body.get("interactive") or {}).get("type", ""),
            "template": (body.get("template") or {}).get("name", ""),
            "at": now,
            "body": body,
            "code": self._refusal(settings, wa_id, body, template),
            "pricing": self._pricing(key, template, now),
            "statuses": [],
        }
        self.messages[record["gs_id"]] = record
        if not record["code"]:
            catalog = {one["retailer_id"]: one for one in self.world.meta_of(account).get("products", ())}
            self.chat(number, wa_id).append(
                {
                    "from": "business",
                    "at": now,
                    "wamid": record["wamid"],
                    "gs_id": record["gs_id"],
                    "statuses": record["statuses"],
                    **view(body, catalog, template),
                }
            )
        self.world.spawn(self._live(settings, record))
        return record

    def _refusal(
        self, settings: dict[str, Any], wa_id: str, body: dict[str, Any], template: dict[str, Any] | None
    ) -> int:
        forced = self.app_settings(settings["app_id"]).fail.get(wa_id)
        if forced:
            return forced
        if not wa_id:
            return 131026
        if body.get("type") == "template":
            return 0 if template else 132001
        opened = self.last_inbound.get((settings["number"], wa_id))
        return 0 if opened is not None and self.world.now() - opened <= WINDOW_SECONDS else 131047

    def _pricing(self, key: tuple[str, str], template: dict[str, Any] | None, now: float) -> dict[str, Any]:
        opened = self.ad_opened.get(key)
        if opened is not None and now - opened <= WINDOW_SECONDS:
            self.free_until[key] = max(self.free_until.get(key, 0.0), now + FREE_ENTRY_SECONDS)
            del self.ad_opened[key]
        if now <= self.free_until.get(key, 0.0):
            kind = {"billable": False, "type": "free_entry_point", "category": "referral_conversion"}
        else:
            category = template["category"].lower() if template else "service"
            kind = {"billable": True, "type": "regular", "category": category}
        return {"pricing_model": "PMP", **kind}

    async def _live(self, settings: dict[str, Any], record: dict[str, Any]) -> None:
        """One message's statuses, each after the app's delay; a failed one ends at `failed`."""
        rules = self.app_settings(settings["app_id"])
        steps = [step for step in rules.statuses if not record["code"] or step == "enqueued"]
        if record["code"] and rules.statuses:
            steps.append("failed")
        for step in steps:
            await asyncio.sleep(rules.delay)
            self.send_status(settings, record, step)

    def send_status(self, settings: dict[str, Any], record: dict[str, Any], step: str) -> None:
        """Records one status of a message and sends it as a hook of its own."""
        now = self.world.now()
        record["statuses"].append({"status": step, "at": now})
        failed_or_queued = step in ("failed", "enqueued")
        status: dict[str, Any] = {
            "gs_id": record["gs_id"],
            "id": record["gs_id"] if failed_or_queued else record["wamid"],
            "status": step,
            "timestamp": str(int(now * 1000)) if step == "enqueued" else str(int(now)),
        }
        if record["to"]:
            status["recipient_id"] = record["to"]
        if not failed_or_queued:
            status["meta_msg_id"] = record["wamid"]
            if self.app_settings(settings["app_id"]).bsuid:
                status["recipient_user_id"] = self.user_id(record["account"], record["to"])
            status["pricing"] = record["pricing"]
            if record["pricing"]["type"] == "free_entry_point":
                conversation = hashlib.sha256(f"{settings['number']}{record['to']}".encode()).hexdigest()[:32]
                status["conversation"] = {"id": conversation, "origin": {"type": "referral_conversion"}}
        if step == "failed":
            status.update(_failure(self.app_settings(settings["app_id"]).failure_shape, record["code"]))
        value: dict[str, Any] = {"messaging_product": "whatsapp", "statuses": [status]}
        if step != "enqueued":
            value = {**_head(settings), "statuses": [status]}
        self.send_hooks(settings, step.upper(), value, "status")

    # --- hooks ----------------------------------------------------------------------------------

    def send_hooks(self, settings: dict[str, Any], mode: str, value: dict[str, Any], kind: str) -> None:
        """Sends a v3 envelope to each active v3 subscription of the app that takes this mode."""
        body = b""
        for one in self.subscriptions.get(settings["app_id"], ()):
            if not one["active"] or one["version"] != 3 or not {mode, "ALL"} & set(one["modes"]):
                continue
            body = body or json.dumps(envelope(settings, value), ensure_ascii=False).encode()
            self.world.spawn(self.world.send_hook("gupshup", one["url"], body, hook_headers(one), kind=kind))


def envelope(settings: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """The v3 envelope around one change of the field `messages`."""
    return {
        "gs_app_id": settings["app_id"],
        "object": "whatsapp_business_account",
        "entry": [{"id": settings["waba_id"], "changes": [{"field": "messages", "value": value}]}],
    }


def hook_headers(subscription: dict[str, Any]) -> dict[str, str]:
    """Content type, Gupshup's agent and the subscription's own static headers (`meta`)."""
    return {"Content-Type": "application/json", "User-Agent": "Gupshup", **subscription["headers"]}


def make_wamid(wa_id: str) -> str:
    """A message id in WhatsApp's manner: base64 of the number and random bytes."""
    raw = (
        b"\x1d\x0b"
        + wa_id.encode()
        + b"\x15\x02\x00\x11\x18"
        + secrets.token_hex(9).upper().encode()
        + b"\x00"
    )
    return "wamid." + base64.b64encode(raw).decode()


def _head(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": settings["number"],
            "phone_number_id": settings["number_id"],
        },
    }


def _failure(shape: str, code: int) -> dict[str, Any]:
    reason = REASONS.get(code, "Message failed")
    if shape == "errors":
        return {
            "errors": [
                {"code": code, "title": reason, "message": reason, "error_data": {"details": reason}},
            ]
        }
    return {"code": code, "reason": reason}
