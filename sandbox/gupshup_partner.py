"""The fake Gupshup's partner calls: making an app and bringing its number on WhatsApp (1.2, 1.4, 1.5)."""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from sandbox.gupshup_answers import Denied, Limits, form_of, success
from sandbox.gupshup_apps import REGIONS, Apps
from sandbox.gupshup_tokens import Tokens
from sandbox.whatsapp import Network
from sandbox.whatsapp_view import templates

CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")
_PLACE = re.compile(r"\{\{\d+\}\}")


class PartnerApi:
    """Handlers; what needs the partner's token and what the app's is told at each."""

    def __init__(self, network: Network, apps: Apps, tokens: Tokens, limits: Limits) -> None:
        self.network, self.apps, self.tokens, self.limits = network, apps, tokens, limits

    def mount(self, router: web.UrlDispatcher) -> None:
        """Adds the routes."""
        tokens, app = self.tokens, "/partner/app/{app_id}"
        router.add_post("/partner/account/login", tokens.login)
        router.add_post("/partner/{partner_id}/auth/token", tokens.mint_universal)
        router.add_get("/partner/{partner_id}/auth/tokens", tokens.list_universal)
        router.add_post("/partner/{partner_id}/auth/revoke", tokens.revoke_universal)
        router.add_get("/partner/account/api/partnerApps", self.list_apps)
        router.add_post("/partner/app", self.create)
        router.add_put(app, self.change)
        router.add_post(app + "/token", self._with_app(tokens.mint_app))
        router.add_get(app + "/token", self._with_app(tokens.static_app))
        router.add_get(app + "/tokens", self._with_app(tokens.list_app))
        router.add_post(app + "/token/revoke", self._with_app(tokens.revoke_app))
        router.add_put(app + "/onboarding/contact", self.contact)
        router.add_get(app + "/onboarding/embed/link", self.link)
        router.add_put(app + "/config", self.config)
        router.add_post(app + "/onboarding/register", self.register)
        router.add_put(app + "/appPreference", self.preference)
        router.add_get(app + "/wallet/balance", self.wallet)
        router.add_post(app + "/obotoembed/whitelist", self.whitelist)
        router.add_get(app + "/obotoembed/verify", self.verify)
        router.add_post(app + "/templates", self.submit)

    def _known(self, request: web.Request) -> dict[str, Any]:
        found = self.apps.find(request.match_info["app_id"])
        if found is None:
            raise Denied(400, "Invalid App Details")
        return found[1]

    def _with_app(self, handler: Any) -> Any:
        async def handle(request: web.Request) -> web.Response:
            self.tokens.need_partner(request)
            response: web.Response = await handler(request, self._known(request))
            return response

        return handle

    def _either(self, request: web.Request, what: str = "other") -> dict[str, Any]:
        """The app for a call that takes its own token or the partner's."""
        found = self.apps.find(request.match_info["app_id"])
        if not self.tokens.is_partner(request) and (
            found is None or not self.tokens.is_app(request, found[1])
        ):
            raise Denied(401, {"message": "Authentication Failed"})
        settings = self._known(request)
        self._count(what, settings)
        return settings

    def own(self, request: web.Request, what: str = "other") -> dict[str, Any]:
        """The app for a call that takes its own token alone: 401, 400, 429."""
        found = self.apps.find(request.match_info["app_id"])
        given = request.headers.get("Authorization", "")
        if not given or (found is not None and not self.tokens.is_app(request, found[1])):
            raise Denied(401, {"message": "Authentication Failed"})
        settings = self._known(request)
        self._count(what, settings)
        return settings

    def _count(self, what: str, settings: dict[str, Any]) -> None:
        """Apps of accounts.json are connected again and again by tests: they are not limited."""
        if settings["app_name"] in self.apps.made:
            self.limits.count(what, settings["app_id"])

    # --- the app --------------------------------------------------------------------------------

    async def create(self, request: web.Request) -> web.Response:
        """POST /partner/app: name, templateMessaging, disableOptinPrefUrl."""
        self.tokens.need_partner(request)
        self.limits.count("app", "partner")
        form = await form_of(request)
        return web.json_response({"appId": self.apps.create(form.get("name", ""))["app_id"]})

    async def change(self, request: web.Request) -> web.Response:
        """PUT /partner/app/{app_id}: storageRegion (before there is a number), templateMessaging …"""
        self.tokens.need_partner(request)
        settings = self._known(request)
        form = await form_of(request)
        region = form.get("storageRegion", "")
        if region:
            if region not in REGIONS:
                raise Denied(400, "Invalid storageRegion")
            if settings["number"]:
                raise Denied(400, "storageRegion cannot be changed once the WABA is attached")
            settings["region"] = region
        return success(message="App updated")

    async def list_apps(self, request: web.Request) -> web.Response:
        """GET /partner/account/api/partnerApps: the apps of this partner."""
        self.tokens.need_partner(request)
        rows = [
            {
                "id": one["app_id"],
                "name": one["app_name"],
                "phone": one["number"],
                "live": one.get("live", True),
            }
            for one in self.apps.all()
        ]
        return success(partnerAppsList=rows)

    async def contact(self, request: web.Request) -> web.Response:
        """PUT …/onboarding/contact: contactEmail, contactName, contactNumber."""
        settings = self._either(request)
        form = await form_of(request)
        given = {
            name: form.get(name, "").strip() for name in ("contactEmail", "contactName", "contactNumber")
        }
        if not all(given.values()) or "@" not in given["contactEmail"]:
            raise Denied(400, "contactEmail, contactName and contactNumber are required")
        settings["contact"] = given
        return success(message="Contact details set")

    async def link(self, request: web.Request) -> web.Response:
        """GET …/onboarding/embed/link?regenerate=&user=&lang=."""
        settings = self._either(request)
        key = self.apps.link(settings, renew=request.query.get("regenerate", "").lower() == "true")
        return success(link=f"{request.url.origin()}/gupshup/onboard/{key}")

    async def config(self, request: web.Request) -> web.Response:
        """PUT …/config: {"coexistenceEnabled": bool}."""
        settings = self._either(request)
        given = await _json(request)
        if not isinstance(given.get("coexistenceEnabled"), bool):
            raise Denied(400, "coexistenceEnabled must be true or false")
        settings["coexistence"] = given["coexistenceEnabled"]
        return success()

    async def register(self, request: web.Request) -> web.Response:
        """POST …/onboarding/register with the app's token."""
        settings = self.own(request)
        self.apps.register(settings)
        return success(success=True)

    async def preference(self, request: web.Request) -> web.Response:
        """PUT …/appPreference: isHSMEnabled."""
        settings = self.own(request)
        form = await form_of(request)
        if "isHSMEnabled" in form:
            settings["hsm"] = form["isHSMEnabled"].lower() == "true"
        return web.json_response({"status": "success"}, status=202)

    async def wallet(self, request: web.Request) -> web.Response:
        """GET …/wallet/balance."""
        settings = self.own(request)
        balance = {"currentBalance": settings.get("balance", 10.0), "currency": "USD"}
        return success(walletResponse=balance)

    # --- a number that another provider holds ---------------------------------------------------

    async def whitelist(self, request: web.Request) -> web.Response:
        """POST …/obotoembed/whitelist: the signup page on which the owner hands the account over."""
        settings = self._either(request)
        form = await form_of(request)
        if not form.get("wabaId", "").isdigit():
            raise Denied(400, "wabaId is required")
        settings["moving"], settings["ownership"] = form["wabaId"], "ON_BEHALF_OF"
        key = self.apps.link(settings, renew=False)
        url = f"{request.url.origin()}/gupshup/onboard/{key}"
        return success(embedSignupUrl=url, id=settings["app_id"], whitelistStatus="WHITELISTED")

    async def verify(self, request: web.Request) -> web.Response:
        """GET …/obotoembed/verify: 400 until the owner has handed the account over."""
        settings = self._either(request)
        if not settings["number"]:
            raise Denied(400, "WABA ownership is still ON_BEHALF_OF")
        settings["ownership"] = "CLIENT_OWNED"
        return success(message="Credit line attached")

    # --- templates ------------------------------------------------------------------------------

    async def submit(self, request: web.Request) -> web.Response:
        """POST …/templates: elementName, languageCode, category, vertical, templateType, content, example."""
        settings = self.own(request, "templates")
        form = await form_of(request)
        if not settings.get("hsm", True):
            raise Denied(400, "Template messaging is not enabled for this app")
        template = self.apps.submit(settings, _template(form))
        shown = next(
            one
            for one in templates(settings)
            if (one["name"], one["language"]) == (template["name"], template["language"])
        )
        answer = {
            "id": shown["id"],
            "elementName": shown["name"],
            "languageCode": shown["language"],
            "category": shown["category"],
            "status": "PENDING",
        }
        return success(template=answer)


def _template(form: dict[str, str]) -> dict[str, Any]:
    """A checked submission."""
    name, content = form.get("elementName", ""), form.get("content", "")
    if not re.fullmatch(r"[a-z0-9_]{1,180}", name):
        raise Denied(400, "Invalid elementName: lower-case letters, digits and underscores")
    if form.get("category") not in CATEGORIES:
        raise Denied(400, "Invalid category")
    if form.get("templateType") != "TEXT":
        raise Denied(400, "Only TEXT templates are taken here")
    if not form.get("vertical"):
        raise Denied(400, "vertical is required")
    if not 1 <= len(content) <= 1024:
        raise Denied(400, "content must have 1 to 1024 characters")
    if content.startswith("{{") or content.endswith("}}"):
        raise Denied(400, "Variables can't be at the start or end of the template")
    if _PLACE.search(content) and (not form.get("example") or _PLACE.search(form["example"])):
        raise Denied(400, "example with values for all variables is required")
    try:
        buttons = json.loads(form.get("buttons") or "[]")
    except ValueError as error:
        raise Denied(400, "buttons must be JSON") from error
    return {
        "name": name,
        "language": form.get("languageCode") or "en_US",
        "category": form["category"],
        "body": content,
        "buttons": buttons,
    }


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        given = await request.json()
    except ValueError as error:
        raise Denied(400, "The body must be JSON") from error
    if not isinstance(given, dict):
        raise Denied(400, "The body must be a JSON object")
    return given
