"""Hooks posted by hand to the receiver, so that a test rules over their order."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterable
from typing import Any

from arriwa.common import clock, sealing
from tenants.models import HookRoute
from tests.support.sandbox import ROOT, Phone, Sandbox

ACCOUNTS = json.loads((ROOT / "sandbox" / "accounts.json").read_text())


class Door:
    """The product's hook routes of one account, as its platforms know them."""

    def __init__(self, sandbox: Sandbox, account: str = "demo") -> None:
        self.sandbox = sandbox
        self.account = ACCOUNTS[account]
        app = self.account["gupshup"]["app_id"]
        rows = sandbox.state("gupshup")["subscriptions"]
        self._whatsapp = next(row for row in rows if row["appId"] == app and row["version"] == 3)
        endpoints = sandbox.state("stripe")["webhook_endpoints"]
        self._stripe_url = next(row["url"] for row in endpoints if row["_account"] == account)

    # --- WhatsApp -------------------------------------------------------------------------------

    def whatsapp(self, value: dict[str, Any]) -> None:
        """One change of the field `messages`."""
        head = {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": self.account["gupshup"]["number"],
                "phone_number_id": self.account["gupshup"]["number_id"],
            },
        }
        envelope = {
            "gs_app_id": self.account["gupshup"]["app_id"],
            "object": "whatsapp_business_account",
            "entry": [
                {
                    "id": self.account["gupshup"]["waba_id"],
                    "changes": [{"field": "messages", "value": head | value}],
                }
            ],
        }
        headers = {"Content-Type": "application/json", **self._whatsapp["headers"]}
        self.post(self._whatsapp["url"], json.dumps(envelope, ensure_ascii=False).encode(), headers)

    def statuses(self, message: dict[str, Any], *names: str, **more: Any) -> None:
        """The named statuses of a message of the sandbox's record, one hook each, in that order."""
        for name in names:
            own = name in ("enqueued", "failed")
            status = {
                "gs_id": message["gs_id"],
                "id": message["gs_id"] if own else message["wamid"],
                "status": name,
                "timestamp": str(int(clock.now().timestamp())),
                "recipient_id": message["to"],
                **({} if own else {"meta_msg_id": message["wamid"]}),
                **more,
            }
            self.whatsapp({"statuses": [status]})

    def message(self, phone: Phone, content: dict[str, Any], **more: Any) -> str:
        """A person's message; `content` as WhatsApp has it. Returns its wamid."""
        wamid = f"wamid.{secrets.token_hex(16)}"
        message = {
            "id": wamid,
            "from": phone.number,
            "timestamp": str(int(clock.now().timestamp())),
            **content,
            **more,
        }
        contact = {"profile": {"name": phone.name}, "wa_id": phone.number}
        self.whatsapp({"contacts": [contact], "messages": [message]})
        return wamid

    def text(self, phone: Phone, text: str, **more: Any) -> str:
        """A person's text."""
        return self.message(phone, {"type": "text", "text": {"body": text}}, **more)

    # --- Stripe ---------------------------------------------------------------------------------

    def stripe(self, event: dict[str, Any]) -> None:
        """An event of the sandbox's record, signed now."""
        body = json.dumps({k: v for k, v in event.items() if not k.startswith("_")}).encode()
        self.post(self._stripe_url, body, stripe_headers(body, self._stripe_url))

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        answer = self.sandbox.http.post(url, data=body, headers=headers, timeout=60)
        assert answer.status_code == 200, f"{url}: {answer.status_code}"


def stripe_headers(body: bytes, url: str) -> dict[str, str]:
    """Stripe's headers for a body, signed now with the route's own secret."""
    route = HookRoute.objects.get(key=url.rstrip("/").rpartition("/")[2])
    secret = sealing.unseal_json(
        route.secrets_sealed, organization=route.organization_id, row=f"hook_route:{route.id}"
    )[0]
    stamp = int(time.time())
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "Stripe-Signature": f"t={stamp},v1={digest}"}


def log_of(sandbox: Sandbox, words: Iterable[str]) -> list[dict[str, Any]]:
    """The sandbox's own hooks that mention one of `words`, oldest first."""
    wanted = [word for word in words if word]
    return [hook for hook in sandbox.get("/_hooks") if any(word in hook["body"] for word in wanted)]


def post_again(sandbox: Sandbox, hooks: Iterable[dict[str, Any]]) -> None:
    """Sends hooks of the log once more; signatures with a time are made anew."""
    for hook in hooks:
        body = hook["body"].encode()
        headers = stripe_headers(body, hook["url"]) if hook["platform"] == "stripe" else hook["headers"]
        answer = sandbox.http.post(hook["url"], data=body, headers=headers, timeout=60)
        assert answer.status_code == 200, f"{hook['platform']}: {answer.status_code}"
