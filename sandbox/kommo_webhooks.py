"""Management of the fake Kommo's webhooks. Source: reference/crm_pay_audiences.md A6."""

from __future__ import annotations

from urllib.parse import urlsplit

from sandbox.kommo_account import ADMIN, Invalid
from sandbox.kommo_call import Answer, Call, Problem, page, refusal
from sandbox.kommo_hooks import SETTINGS


def listing(call: Call) -> Answer:
    """GET /webhooks, all or by filter[destination]."""
    wanted = call.first("filter[destination]")
    return page(call, "webhooks", [h for h in call.account.webhooks if wanted in ("", h["destination"])])


def add(call: Call) -> Answer:
    """POST /webhooks; a known destination gets the new settings."""
    asked = call.body if isinstance(call.body, dict) else {}
    parts = urlsplit(str(asked.get("destination") or ""))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise refusal([("0", Invalid("InvalidUrl", "destination", "This value is not a valid URL."))])
    settings = asked.get("settings")
    if not isinstance(settings, list) or not settings or not set(settings) <= SETTINGS:
        raise refusal(
            [("0", Invalid("NotSupportedChoice", "settings", "One or more of the given values is invalid."))]
        )
    account = call.account
    hook = next((h for h in account.webhooks if h["destination"] == asked["destination"]), None)
    if hook is None:
        hook = {
            "id": account.next_id("webhooks"),
            "destination": asked["destination"],
            "created_at": call.now,
            "account_id": account.id,
            "created_by": ADMIN,
            "sort": 1,
            "disabled": False,
        }
        account.webhooks.append(hook)
    hook |= {"settings": settings, "updated_at": call.now}
    return 201, hook


def delete(call: Call) -> Answer:
    """DELETE /webhooks by destination in the body."""
    destination = call.body.get("destination") if isinstance(call.body, dict) else None
    kept = [hook for hook in call.account.webhooks if hook["destination"] != destination]
    if len(kept) == len(call.account.webhooks):
        raise Problem(404, "Not Found", "The webhook does not exist")
    call.account.webhooks[:] = kept
    return 204, None
