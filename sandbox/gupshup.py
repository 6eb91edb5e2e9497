"""Gupshup's Partner API as an app of a tenant sees it (gupshup_whatsapp.md 1.2-1.4, 2.1)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from sandbox.core import World, platform_middleware
from sandbox.facebook_people import Directory
from sandbox.gupshup_answers import Denied, Limits, errors, success
from sandbox.gupshup_apps import Apps
from sandbox.gupshup_control import PartnerControl
from sandbox.gupshup_partner import PartnerApi
from sandbox.gupshup_signup import Signup
from sandbox.gupshup_state import details, sickness, template_rows, waba_info
from sandbox.gupshup_tokens import Tokens
from sandbox.whatsapp import MODES, Network, envelope, hook_headers
from sandbox.whatsapp_rules import Refused, check

V2_ONLY = {"TEMPLATE", "ACCOUNT", "COPY"}


def create(world: World, network: Network, directory: Directory, partner: dict[str, str]) -> web.Application:
    """The sub-application mounted at /gupshup. `partner`: as in partner.json."""
    app = web.Application(middlewares=[platform_middleware(world, "gupshup"), errors])
    limits, apps = Limits(), Apps(world, network)
    world.on_reset(lambda: limits.set(True))
    api = PartnerApi(network, apps, Tokens(world, partner, limits), limits)
    api.mount(app.router)
    Signup(apps, directory).mount(app.router)
    PartnerControl(apps, limits).mount(app.router)
    sender = Partner(world, network, api)
    base = "/partner/app/{app_id}"
    app.router.add_post(base + "/v3/message", sender.send)
    app.router.add_get(base + "/templates", sender.templates)
    app.router.add_get(base + "/details", sender.details)
    app.router.add_get(base + "/health", sender.health)
    app.router.add_get(base + "/waba/info", sender.waba)
    app.router.add_put(base + "/config/bsuid", sender.set_bsuid)
    app.router.add_post(base + "/subscription", sender.subscribe)
    app.router.add_get(base + "/subscription", sender.subscriptions)
    app.router.add_delete(base + "/subscription", sender.unsubscribe_all)
    app.router.add_get(base + "/subscription/{id}", sender.subscription)
    app.router.add_put(base + "/subscription/{id}", sender.change)
    app.router.add_delete(base + "/subscription/{id}", sender.unsubscribe)
    return app


class Partner:
    """Handlers of the Partner API; each first checks the app's token."""

    def __init__(self, world: World, network: Network, api: PartnerApi) -> None:
        self.world = world
        self.network = network
        self.api = api

    def _app(self, request: web.Request, what: str = "other") -> tuple[str, dict[str, Any]]:
        """(account, settings) of the app in the path; 401 for a wrong token, 400 for an unknown app, 429."""
        return self.world.account_by("gupshup", app_id=self.api.own(request, what)["app_id"]) or ("", {})

    # --- messages -------------------------------------------------------------------------------

    async def send(self, request: web.Request) -> web.Response:
        account, _ = self._app(request, "send")
        meta = self.world.meta_of(account)
        try:
            body = json.loads(await request.read())
            check(
                body,
                str(meta.get("catalog_id") or ""),
                {one["retailer_id"] for one in meta.get("products", ())},
            )
        except ValueError as error:
            raise Denied(400, "The request body is not valid JSON") from error
        except Refused as refused:
            raise Denied(400, f"(#{refused.code}) {refused}") from refused
        except (AttributeError, TypeError, KeyError) as error:
            raise Denied(400, "(#100) Invalid parameter: a field has the wrong type") from error
        record = self.network.accept(account, body)
        contact = (
            {"input": body["to"], "wa_id": body["to"]} if body.get("to") else {"user_id": body["recipient"]}
        )
        return web.json_response(
            {
                "messaging_product": "whatsapp",
                "contacts": [contact],
                "messages": [{"id": record["gs_id"]}],
            }
        )

    # --- the app --------------------------------------------------------------------------------

    async def templates(self, request: web.Request) -> web.Response:
        _, settings = self._app(request, "templates")
        return success(templates=template_rows(settings, self.world.now()))

    async def details(self, request: web.Request) -> web.Response:
        return success(appDetails=details(self._app(request)[1]))

    async def health(self, request: web.Request) -> web.Response:
        sick = sickness(self._app(request, "health")[1])
        if sick:
            raise Denied(400, sick)
        return success(healthy="true")

    async def waba(self, request: web.Request) -> web.Response:
        _, settings = self._app(request)
        if not settings["waba_id"]:
            raise Denied(400, "Waba id not found for the app.")
        return success(wabaInfo=waba_info(settings))

    async def set_bsuid(self, request: web.Request) -> web.Response:
        _, settings = self._app(request, "bsuid")
        given = await request.json()
        rules = self.network.app_settings(settings["app_id"])
        rules.bsuid = bool(given.get("enableBSUID")) and bool(given.get("enableBSUIDV3"))
        return web.json_response({"status": "success"})

    # --- subscriptions --------------------------------------------------------------------------

    async def subscribe(self, request: web.Request) -> web.Response:
        _, settings = self._app(request, "subscription")
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        rows = self.network.subscriptions.setdefault(settings["app_id"], [])
        row: dict[str, Any] = {
            "id": str(9000 + len(rows) + self.world.sequence),
            "appId": settings["app_id"],
            "active": True,
        }
        _apply(row, {"modes": "ALL", "version": "3", "meta": "", **form}, rows)
        rows.append(row)
        self._test_event(settings, row)
        return web.json_response({"status": "success", "subscription": _public(row)}, status=201)

    async def subscriptions(self, request: web.Request) -> web.Response:
        _, settings = self._app(request, "subscription")
        rows = self.network.subscriptions.get(settings["app_id"], [])
        return web.json_response({"status": "success", "subscriptions": [_public(row) for row in rows]})

    async def subscription(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "success", "subscription": _public(self._row(request))})

    async def change(self, request: web.Request) -> web.Response:
        row = self._row(request)
        form = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        others = [one for one in self.network.subscriptions[row["appId"]] if one is not row]
        _apply(row, form, others)
        return web.json_response({"status": "success", "subscription": _public(row)})

    async def unsubscribe(self, request: web.Request) -> web.Response:
        row = self._row(request)
        self.network.subscriptions[row["appId"]].remove(row)
        return web.json_response({"status": "success"})

    async def unsubscribe_all(self, request: web.Request) -> web.Response:
        _, settings = self._app(request, "subscription")
        self.network.subscriptions[settings["app_id"]] = []
        return web.json_response({"status": "success"})

    def _row(self, request: web.Request) -> dict[str, Any]:
        _, settings = self._app(request, "subscription")
        for row in self.network.subscriptions.get(settings["app_id"], ()):
            if row["id"] == request.match_info["id"]:
                return row
        raise Denied(404, "Subscription not found")

    def _test_event(self, settings: dict[str, Any], row: dict[str, Any]) -> None:
        """The empty event that Gupshup sends when a subscription is made (3.1)."""
        if row["version"] == 3:
            value = {"messaging_product": "whatsapp", "statuses": [{"type": "set-callback"}]}
            event = envelope(settings, value)
        else:
            event = {
                "app": settings["app_name"],
                "timestamp": int(self.world.now() * 1000),
                "version": 2,
                "type": "user-event",
                "payload": {"phone": "callbackSetPhone", "type": "sandbox-start"},
            }
        body = json.dumps(event).encode()
        self.world.spawn(
            self.world.send_hook("gupshup", row["url"], body, hook_headers(row), kind="set-callback")
        )


def _apply(row: dict[str, Any], form: dict[str, str], others: list[dict[str, Any]]) -> None:
    """Writes form fields onto a subscription; nothing is written when one of them is refused."""
    new = dict(row)
    if "version" in form:
        if form["version"] not in ("2", "3"):
            raise Denied(400, "version must be 2 or 3")
        new["version"] = int(form["version"])
    if "modes" in form:
        new["modes"] = [mode.strip().upper() for mode in form["modes"].split(",") if mode.strip()]
        unknown = set(new["modes"]) - set(MODES)
        if unknown or not new["modes"]:
            raise Denied(400, f"Invalid modes: {', '.join(sorted(unknown)) or 'none given'}")
    for name in ("tag", "url"):
        if name in form:
            new[name] = form[name]
    if "meta" in form:
        new["meta"], new["headers"] = form["meta"], _meta_headers(form["meta"])
    if "active" in form:
        new["active"] = form["active"].lower() == "true"
    if not new.get("tag") or not new.get("url", "").startswith(("http://", "https://")):
        raise Denied(400, "tag and an absolute url are required")
    if any(one["tag"] == new["tag"] for one in others):
        raise Denied(400, "Duplicate component tag")
    if new["version"] == 3 and V2_ONLY & set(new["modes"]):
        raise Denied(400, "TEMPLATE, ACCOUNT and COPY are not supported for version 3")
    row.update(new)


def _meta_headers(meta: str) -> dict[str, str]:
    """Headers out of `meta`: {"headers": {...}} as documented, or flat as clients in use send it."""
    if not meta:
        return {}
    try:
        given = json.loads(meta)
        headers = given.get("headers", given)
        return {str(name): str(value) for name, value in headers.items()}
    except (ValueError, AttributeError) as error:
        raise Denied(400, "meta must be a JSON object of headers") from error


def _public(row: dict[str, Any]) -> dict[str, Any]:
    mask = 2047 if "ALL" in row["modes"] else sum(1 << MODES.index(mode) for mode in row["modes"])
    kept = {key: row[key] for key in ("id", "appId", "active", "version", "tag", "url", "meta")}
    return {**kept, "mode": mask, "modes": row["modes"]}
