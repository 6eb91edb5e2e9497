"""The tester's hand on the fake Facebook, at /facebook/_…: people, settings, dying tokens, callbacks.

Requests here are not recorded; wrong ones answer 400 with the reason.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.core import World
from sandbox.facebook_login import App, Login


class Mistake(Exception):
    """A request that makes no sense; the text says why."""


def create_control(world: World, login: Login) -> web.Application:
    """The sub-application mounted at /facebook."""
    app = web.Application(middlewares=[_errors])
    control = Control(world, login)
    app.router.add_get("/_people", control.people)
    app.router.add_post("/_people", control.make_person)
    app.router.add_post("/_settings", control.settings)
    app.router.add_post("/_tokens", control.tokens)
    app.router.add_post("/_callback", control.callback)
    app.router.add_post("/_wabas", control.wabas)
    app.router.add_post("/_terms", control.terms)
    app.router.add_post("/_pages", control.pages)
    return app


@web.middleware
async def _errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except Mistake as mistake:
        return web.json_response({"error": str(mistake)}, status=400)


class Control:
    """Handlers of the fake Facebook's controls."""

    def __init__(self, world: World, login: Login) -> None:
        self.world, self.login, self.directory = world, login, login.directory

    async def people(self, _request: web.Request) -> web.Response:
        """Everybody and everything: {"people", "businesses", "assets", "app"}; the app without its secret."""
        return web.json_response(
            {
                "people": self.directory.people,
                "businesses": {one: self.directory.business(one) for one in self.directory.businesses},
                "assets": self.directory.assets | {"wabas": self.world.wabas},
                "apps": [{"id": app.id, "name": app.name} for app in self.login.apps.values()],
            }
        )

    async def make_person(self, request: web.Request) -> web.Response:
        """A new person with ids of his own; answers {"key", "id", "name", "pages", "businesses"}.

        {key?, name?, email? (null for none), pages?: how many (1), tasks? on them,
        shared_pages?: [id], shared_businesses?: [id], businesses?: [{name?, ad_accounts?: how many (1),
        pixels? (2), catalogs? (1), account_status?, custom_audience_tos?, currency?, timezone_name?,
        client?: {kind: [id]}}] (one by default)}.
        """
        given = await _object(request)
        if given.get("key") in self.directory.people:
            raise Mistake(f"There is a person {given['key']!r} already")
        return web.json_response(self.directory.make_person(given))

    async def settings(self, request: web.Request) -> web.Response:
        """{app_id?, secret?, name?, redirect_uris?, require_proof?, token_seconds?, configurations?}.

        An unknown app_id makes an app. Answers the settings without the secret.
        """
        given = await _object(request)
        app_id = str(given.pop("app_id", "") or next(iter(self.login.apps)))
        known = self.login.apps.get(app_id)
        if known is None and not given.get("secret"):
            raise Mistake("A new app needs a secret")
        app = known or App(app_id, str(given["secret"]))
        unknown = set(given) - (set(vars(app)) - {"id"})
        if unknown:
            raise Mistake(f"Unknown settings: {', '.join(sorted(unknown))}")
        for name, value in given.items():
            setattr(app, name, value)
        self.login.apps[app_id] = app
        return web.json_response({key: value for key, value in vars(app).items() if key != "secret"})

    async def tokens(self, request: web.Request) -> web.Response:
        """{person, action, app_id?}: what happens to all of the person's tokens; {"tokens": how many}.

        expire: they end now. age: they (and data access) end in `seconds`. remove_app: the person removes
        the app (190/458). change_password: 190/460. checkpoint: 190/459. decline: `scopes` are taken back
        in the person's settings.
        """
        given = await _object(request)
        app, person = self._app(given), self._person(given)
        found = [one for one in self.login.tokens.values() if (one.app_id, one.person) == (app.id, person)]
        action = given.get("action")
        if action == "expire":
            for token in found:
                token.expires_at = self.world.now()
        elif action == "age":
            for token in found:
                token.expires_at = self.world.now() + float(given.get("seconds", 0))
                token.data_access_expires_at = self.world.now() + float(
                    given.get("data_access_seconds", given.get("seconds", 0))
                )
        elif action == "remove_app":
            self.login.app_remove(app.id, person)
        elif action in ("change_password", "checkpoint"):
            self.login.kill(app.id, person, {"change_password": 460, "checkpoint": 459}[action])
        elif action == "decline":
            consent = self.login.consent_of(app, person)
            for scope in given.get("scopes", ()):
                consent.granted.pop(scope, None)
                consent.declined.add(scope)
        else:
            raise Mistake("action is expire, age, remove_app, change_password, checkpoint or decline")
        return web.json_response({"tokens": len(found)})

    async def callback(self, request: web.Request) -> web.Response:
        """{url, person? or user_id?, app_id?, tamper?, issued_at?, algorithm?}: posts a signed_request there.

        Meta does so for deauthorize and data deletion. `tamper` is "payload", "signature" or "secret".
        Answers {"signed_request", "status", "body"}.
        """
        given = await _object(request)
        app = self._app(given)
        user_id = str(given.get("user_id") or self.directory.people[self._person(given)]["id"])
        signed = signed_request(
            app.secret,
            user_id,
            issued_at=int(given.get("issued_at") or self.world.now()),
            algorithm=str(given.get("algorithm") or "HMAC-SHA256"),
            tamper=str(given.get("tamper") or ""),
        )
        assert self.world.client is not None
        try:
            async with self.world.client.post(
                str(given["url"]), data={"signed_request": signed}, allow_redirects=False
            ) as answer:
                body = await answer.text()
                return web.json_response({"signed_request": signed, "status": answer.status, "body": body})
        except (KeyError, aiohttp.InvalidURL) as error:
            raise Mistake("url must be an address") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Mistake(f"No answer from there: {type(error).__name__}") from error

    async def wabas(self, request: web.Request) -> web.Response:
        """{waba_id, business_id, name?, numbers?, shared_with?}: a WhatsApp account as a signup makes it."""
        given = await _object(request)
        if not (given.get("waba_id") and self.directory.business(str(given.get("business_id")))):
            raise Mistake("waba_id and a known business_id are needed")
        waba_id = str(given.pop("waba_id"))
        self.world.wabas[waba_id] = {"name": f"WhatsApp {waba_id}", "numbers": [], **given}
        return web.json_response(self.world.wabas[waba_id])

    async def terms(self, request: web.Request) -> web.Response:
        """{ad_account, accepted}: the terms of custom audiences of an ad account."""
        given = await _object(request)
        number = str(given.get("ad_account", ""))
        if self.directory.asset("ad_accounts", number) is None:
            raise Mistake(f"No ad account {number!r}")
        self.directory.terms_accept(number, accepted=bool(given.get("accepted", True)))
        return web.json_response({"ad_account": number, "accepted": bool(given.get("accepted", True))})

    async def pages(self, request: web.Request) -> web.Response:
        """{page_id, whatsapp_number}: the number that the Page's settings link to it, "" for none."""
        given = await _object(request)
        page = self.directory.assets["pages"].get(str(given.get("page_id", "")))
        if page is None:
            raise Mistake(f"No Page {given.get('page_id')!r}")
        page["whatsapp_number"] = str(given.get("whatsapp_number", ""))
        return web.json_response(page)

    def _person(self, given: dict[str, Any]) -> str:
        person = str(given.get("person", ""))
        if person not in self.directory.people:
            raise Mistake(f"No person {person!r}; known: {', '.join(self.directory.people)}")
        return person

    def _app(self, given: dict[str, Any]) -> App:
        app_id = str(given.get("app_id") or next(iter(self.login.apps)))
        if app_id not in self.login.apps:
            raise Mistake(f"No app {app_id!r}")
        return self.login.apps[app_id]


def signed_request(secret: str, user_id: str, *, issued_at: int, algorithm: str, tamper: str = "") -> str:
    """Meta's signed_request: base64url(HMAC) "." base64url(JSON), both without padding (meta.md 7.5)."""
    payload = _base64({"algorithm": algorithm, "issued_at": issued_at, "user_id": user_id})
    key = secret + "x" if tamper == "secret" else secret
    digest = hmac.new(key.encode(), payload.encode(), hashlib.sha256).digest()
    if tamper == "signature":
        digest = bytes([digest[0] ^ 1]) + digest[1:]
    if tamper == "payload":
        payload = _base64({"algorithm": algorithm, "issued_at": issued_at, "user_id": user_id + "1"})
    return f"{base64.urlsafe_b64encode(digest).decode().rstrip('=')}.{payload}"


def _base64(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        given = await request.json()
    except ValueError as error:
        raise Mistake("The body must be JSON") from error
    if not isinstance(given, dict):
        raise Mistake("The body must be a JSON object")
    return given
