"""Apps of the fake Gupshup from their creation until they can send (gupshup_whatsapp.md 1.2).

An app is an account of `World.accounts` under its name, as those of accounts.json are; what it still
lacks is in its settings. Apps of accounts.json are live from the beginning.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from sandbox.core import World
from sandbox.gupshup_answers import Denied
from sandbox.whatsapp import Network, hook_headers

LINK_LIFE = 5 * 86400.0
NAME = re.compile(r"[A-Za-z0-9]{6,150}")
REGIONS = ["IN", "DE", "BR", "CH", "GB", "BH", "ZA", "AE", "US", "CA", "AU", "ID", "JP", "SG", "KR"]
OTP = "123456"
NAME_REFUSED = "Display name rejected: it must be related to your business"


@dataclass
class Manners:
    """How this Gupshup behaves; set by POST /gupshup/_partner."""

    #: Seconds until a registered number is live.
    live_delay: float = 0.2
    #: Seconds until a template is reviewed; a negative number: only POST /gupshup/_review decides.
    review_delay: float = 0.3
    #: Template name (or the start of it) -> why it is rejected.
    reject: dict[str, str] = field(default_factory=dict)
    #: App names that others have.
    taken: list[str] = field(default_factory=list)
    #: Links that one app gets before "Max Links Already sent".
    most_links: int = 5


class Apps:
    """Every app and what happens to it."""

    def __init__(self, world: World, network: Network) -> None:
        self.world, self.network = world, network
        self.made: list[str] = []
        world.on_reset(self._reset)

    def _reset(self) -> None:
        for name in self.made:
            self.world.accounts.pop(name, None)
        self.made = []
        self.manners = Manners()

    def find(self, app_id: str) -> tuple[str, dict[str, Any]] | None:
        """(account name, settings) of an app."""
        return self.world.account_by("gupshup", app_id=app_id)

    def all(self) -> list[dict[str, Any]]:
        """Settings of every app."""
        return [one["gupshup"] for one in self.world.accounts.values() if "gupshup" in one]

    def create(self, name: str) -> dict[str, Any]:
        """A new app. 400 for a bad name, 409 for one that exists anywhere at Gupshup."""
        if not NAME.fullmatch(name):
            raise Denied(400, "App name must be 6 to 150 characters without special characters")
        if (
            name in self.world.accounts
            or name in self.manners.taken
            or any(one["app_name"] == name for one in self.all())
        ):
            raise Denied(409, "Bot Already Exists")
        settings: dict[str, Any] = {
            "app_id": str(uuid.uuid4()),
            "app_name": name,
            "token": f"sk_{secrets.token_hex(16)}",
            "number": "",
            "number_id": "",
            "waba_id": "",
            "templates": [],
            "live": False,
            "contact": {},
            "region": "",
            "links": 0,
            "link": "",
            "link_ends": 0.0,
            "registered": False,
            "hsm": False,
            "problems": [],
            "ownership": "CLIENT_OWNED",
            "balance": 10.0,
        }
        self.world.accounts[name] = {"gupshup": settings}
        self.made.append(name)
        self.network.app_settings(settings["app_id"]).bsuid = False
        return settings

    # --- the link -------------------------------------------------------------------------------

    def link(self, settings: dict[str, Any], *, renew: bool) -> str:
        """The key of the app's signup page. 400 for an expired or one too many."""
        if not settings["contact"]:
            raise Denied(400, "Onboarding contact details are missing")
        ended = settings["link_ends"] <= self.world.now()
        if settings["link"] and ended and not renew:
            raise Denied(400, "Link has expired")
        if not settings["link"] or renew:
            if settings["links"] >= self.manners.most_links:
                raise Denied(400, "Max Links Already sent")
            settings["links"] += 1
            settings["link"] = secrets.token_urlsafe(16)
            settings["link_ends"] = self.world.now() + LINK_LIFE
        return str(settings["link"])

    def by_link(self, key: str) -> dict[str, Any] | None:
        """The app whose current, unexpired link this is."""
        for one in self.all():
            if one.get("link") and one["link"] == key and one["link_ends"] > self.world.now():
                return one
        return None

    # --- signup, register, live -----------------------------------------------------------------

    def sign_up(
        self, settings: dict[str, Any], *, business_id: str, name: str, number: str, outcome: str
    ) -> None:
        """What Meta's embedded signup leaves behind: a WhatsApp account with a number, or a refusal."""
        if not settings["number"]:
            made = uuid.uuid4().int
            settings["waba_id"] = f"1004{made % 10**11:011d}"
            settings["number_id"] = f"9104{made % 10**9:09d}"
        settings["number"], settings["verified_name"] = number, name
        self.world.wabas[settings["waba_id"]] = {
            "business_id": business_id,
            "name": name,
            "numbers": [{"number": number, "number_id": settings["number_id"]}],
        }
        settings["problems"] = [NAME_REFUSED] if outcome == "refused" else []
        kind = "display-name-rejected" if outcome == "refused" else "phone-attached"
        self.account_event(settings, {"type": kind, "phone": number, "wabaId": settings["waba_id"]})

    def register(self, settings: dict[str, Any]) -> None:
        """Registers the number; it goes live a little later. 400 while there is none."""
        if not settings["number"]:
            raise Denied(400, "Phone number is not attached to the app yet")
        if settings["problems"]:
            raise Denied(400, settings["problems"][0])
        if settings.get("ownership") == "ON_BEHALF_OF":
            raise Denied(400, "WABA ownership is still ON_BEHALF_OF")
        if not settings["registered"]:
            settings["registered"] = True
            self.world.spawn(self._go_live(settings))

    async def _go_live(self, settings: dict[str, Any]) -> None:
        await asyncio.sleep(self.manners.live_delay)
        settings["live"], settings["live_at"] = True, int(self.world.now() * 1000)
        self.account_event(settings, {"type": "account-live", "phone": settings["number"]})

    def restrict(self, settings: dict[str, Any], facts: dict[str, Any]) -> None:
        """Quality, limits, restrictions: fields of waba/info, told by an event."""
        settings["waba_facts"] = {**settings.get("waba_facts", {}), **facts}
        self.account_event(settings, {"type": "account-update", **facts})

    # --- templates ------------------------------------------------------------------------------

    def submit(self, settings: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """A new template, PENDING; its review follows."""
        same = (given["name"], given["language"])
        if any(
            isinstance(one, dict) and (one["name"], one["language"]) == same for one in settings["templates"]
        ):
            raise Denied(400, "Template Already exists with same namespace and elementName and languageCode")
        template = {**given, "status": "PENDING", "reason": ""}
        settings["templates"].append(template)
        if self.manners.review_delay >= 0:
            self.world.spawn(self._review(settings, template))
        return template

    async def _review(self, settings: dict[str, Any], template: dict[str, Any]) -> None:
        await asyncio.sleep(self.manners.review_delay)
        if template["status"] == "PENDING":
            reason = next(
                (why for part, why in self.manners.reject.items() if template["name"].startswith(part)), ""
            )
            self.decide(settings, template, "REJECTED" if reason else "APPROVED", reason)

    def decide(self, settings: dict[str, Any], template: dict[str, Any], status: str, reason: str) -> None:
        """The review's outcome, or a later change of it, told by an event."""
        template["status"], template["reason"] = status, reason
        template["modified"] = int(self.world.now() * 1000)
        payload = {
            "id": str(
                uuid.uuid5(
                    uuid.NAMESPACE_OID, f"{settings['app_id']}:{template['name']}:{template['language']}"
                )
            ),
            "type": "status-update",
            "status": status.lower(),
            "elementName": template["name"],
            "languageCode": template["language"],
        }
        if reason:
            payload["rejectedReason"] = reason
        self.event(settings, "TEMPLATE", "template-event", payload)

    # --- events ---------------------------------------------------------------------------------

    def account_event(self, settings: dict[str, Any], payload: dict[str, Any]) -> None:
        """An account-event to whoever subscribed to ACCOUNT."""
        self.event(settings, "ACCOUNT", "account-event", payload)

    def event(self, settings: dict[str, Any], mode: str, kind: str, payload: dict[str, Any]) -> None:
        """A v2 event to each active v2 subscription that takes this mode (3.3)."""
        body = json.dumps(
            {
                "app": settings["app_name"],
                "timestamp": int(self.world.now() * 1000),
                "version": 2,
                "type": kind,
                "payload": payload,
            }
        ).encode()
        for one in self.network.subscriptions.get(settings["app_id"], ()):
            if one["active"] and one["version"] == 2 and {mode, "ALL"} & set(one["modes"]):
                self.world.spawn(
                    self.world.send_hook("gupshup", one["url"], body, hook_headers(one), kind=kind)
                )
