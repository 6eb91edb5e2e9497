"""What the fake Gupshup tells of an app: details, health, WhatsApp account, templates. Pure."""

from __future__ import annotations

import json
from typing import Any

from sandbox.whatsapp_view import templates


def details(settings: dict[str, Any]) -> dict[str, Any]:
    """`appDetails`; an app of accounts.json is live."""
    told = {
        "id": settings["app_id"],
        "name": settings["app_name"],
        "phone": settings["number"],
        "live": settings.get("live", True),
        "stopped": False,
        "embedAllowed": True,
        "templateMessaging": True,
        "storageRegion": settings.get("region") or "DE",
    }
    return told | ({"liveTs": settings["live_at"]} if settings.get("live_at") else {})


def sickness(settings: dict[str, Any]) -> str:
    """Why /health answers 400, "" for a healthy app."""
    if not settings["waba_id"]:
        return "Waba id not found for the app."
    return "" if settings.get("live", True) else "App is not live."


def waba_info(settings: dict[str, Any]) -> dict[str, Any]:
    """`wabaInfo`; what was set through the controls wins."""
    live, problems = settings.get("live", True), settings.get("problems", [])
    return {
        "accountStatus": "ACTIVE",
        "dockerStatus": "CONNECTED" if live else "PENDING",
        "messagingLimit": "TIER_2K" if live else "TIER_250",
        "phone": settings["number"],
        "phoneNumberId": settings["number_id"],
        "phoneQuality": "GREEN" if live else "UNKNOWN",
        "throughput": "STANDARD",
        "verifiedName": settings.get("verified_name") or settings["app_name"],
        "ownershipType": settings.get("ownership", "CLIENT_OWNED"),
        "mmLiteStatus": "ELIGIBLE",
        "wabaId": settings["waba_id"],
        "canSendMessage": "BLOCKED" if problems else "AVAILABLE" if live else "LIMITED",
        "additionalInfo": [],
        "errors": problems,
        **settings.get("waba_facts", {}),
    }


def template_rows(settings: dict[str, Any], now: float) -> list[dict[str, Any]]:
    """The rows of GET …/templates."""
    reasons = {
        (one["name"], one["language"]): one
        for one in settings.get("templates", ())
        if isinstance(one, dict) and "language" in one
    }
    rows = []
    for one in templates(settings):
        given = reasons.get((one["name"], one["language"]), {})
        row = {
            "id": one["id"],
            "elementName": one["name"],
            "languageCode": one["language"],
            "category": one["category"],
            "status": one["status"],
            "templateType": "TEXT",
            "data": one["body"],
            "containerMeta": json.dumps({"data": one["body"], "buttons": one["buttons"]}),
            "meta": json.dumps({"example": one["body"]}),
            "quality": given.get("quality", "UNKNOWN"),
            "wabaId": settings["waba_id"],
            "modifiedOn": given.get("modified", int(now * 1000)),
        }
        rows.append(row | ({"reason": given["reason"]} if given.get("reason") else {}))
    return rows
