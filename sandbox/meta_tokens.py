"""What the fake Graph says about tokens, and the usage headers. Source: reference/meta.md 5.4 and 7.3."""

from __future__ import annotations

import json
from typing import Any

from sandbox.core import World
from sandbox.meta_graph import Call, GraphError

SCOPES = (
    "public_profile",
    "email",
    "business_management",
    "pages_show_list",
    "ads_read",
    "ads_management",
    "whatsapp_business_management",
    "whatsapp_business_manage_events",
    "catalog_management",
)
#: Calls per hour and ad account for custom audiences on the full tier (reference/meta.md 5.4).
HOURLY_QUOTA = 190_000


def add_usage(call: Call) -> None:
    """Rate-limit headers of a Marketing API call; percentages of the hourly quota, at least 1."""
    number = str(call.settings["ad_account_id"])
    call.held.calls[number] = call.held.calls.get(number, 0) + 1
    percent = max(1, min(100, call.held.calls[number] * 100 // HOURLY_QUOTA))
    usage = {"call_count": percent, "total_cputime": 1, "total_time": 1}
    call.headers["X-Business-Use-Case-Usage"] = json.dumps(
        {
            str(call.settings["business_id"]): [
                {
                    "type": "custom_audience",
                    **usage,
                    "estimated_time_to_regain_access": 0,
                    "ads_api_access_tier": "standard_access",
                }
            ]
        }
    )
    call.headers["X-Ad-Account-Usage"] = json.dumps(
        {
            "acc_id_util_pct": float(percent),
            "reset_time_duration": 0,
            "ads_api_access_tier": "standard_access",
        }
    )
    call.headers["X-App-Usage"] = json.dumps(usage)


def user_id(settings: dict[str, Any]) -> str:
    """The id of the user behind an account's token."""
    return f"9{settings['business_id']}"


def debug_token(world: World, asking: str, looked_at: str) -> dict[str, Any]:
    """GET /debug_token?input_token=T&access_token={app id}|{app secret}; reference/meta.md 7.3."""
    app_id, _, secret = asking.partition("|")
    if not (secret and world.account_by("meta", app_secret=secret)) and not world.account_by(
        "meta", token=asking
    ):
        raise GraphError("Invalid OAuth access token signature.", 190, status=400)
    found = world.account_by("meta", token=looked_at)
    if found is None:
        error = {"code": 190, "message": "Invalid OAuth access token."}
        return {"data": {"error": error, "is_valid": False, "scopes": []}}
    _, settings = found
    scopes = list(settings.get("scopes", SCOPES))
    return {
        "data": {
            "app_id": app_id if secret else "77",
            "type": "SYSTEM_USER",
            "is_valid": True,
            "expires_at": 0,
            "data_access_expires_at": 0,
            "scopes": scopes,
            "granular_scopes": [
                {"scope": "ads_management", "target_ids": [str(settings["ad_account_id"])]},
                {"scope": "whatsapp_business_management", "target_ids": [str(settings["waba_id"])]},
            ],
            "user_id": user_id(settings),
        }
    }
