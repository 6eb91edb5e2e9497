"""The sandbox's own controls of the fake Gupshup: its manners, reviews, quality, money."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.gupshup_answers import Denied, Limits
from sandbox.gupshup_apps import Apps


class PartnerControl:
    """POST /gupshup/_partner, /gupshup/_review and /gupshup/_app."""

    def __init__(self, apps: Apps, limits: Limits) -> None:
        self.apps, self.limits = apps, limits

    def mount(self, router: web.UrlDispatcher) -> None:
        """Adds the routes."""
        router.add_post("/_partner", self.manners)
        router.add_post("/_review", self.review)
        router.add_post("/_app", self.app)

    async def manners(self, request: web.Request) -> web.Response:
        """{limits?, live_delay?, review_delay?, reject?, taken?, most_links?}: see Manners."""
        given: dict[str, Any] = await request.json()
        if "limits" in given:
            self.limits.set(bool(given.pop("limits")))
        unknown = set(given) - set(vars(self.apps.manners))
        if unknown:
            raise Denied(400, f"Unknown: {', '.join(sorted(unknown))}")
        for name, value in given.items():
            setattr(self.apps.manners, name, value)
        return web.json_response({**vars(self.apps.manners), "limits": self.limits.on})

    async def review(self, request: web.Request) -> web.Response:
        """{app_id, name, language, status, reason?}: decides about a template at once."""
        given: dict[str, Any] = await request.json()
        settings = self._app(given)
        for template in settings["templates"]:
            if (template["name"], template["language"]) == (given["name"], given["language"]):
                self.apps.decide(settings, template, given["status"].upper(), given.get("reason", ""))
                return web.json_response(template)
        raise Denied(404, "No such template")

    async def app(self, request: web.Request) -> web.Response:
        """{app_id, balance?, link_ends?, facts?}: wallet, the link's end, waba/info with an account-event."""
        given: dict[str, Any] = await request.json()
        settings = self._app(given)
        settings |= {key: given[key] for key in ("balance", "link_ends") if key in given}
        if given.get("facts"):
            self.apps.restrict(settings, given["facts"])
        return web.json_response(settings)

    def _app(self, given: dict[str, Any]) -> dict[str, Any]:
        found = self.apps.find(given.get("app_id", ""))
        if found is None:
            raise Denied(404, "No such app")
        return found[1]
