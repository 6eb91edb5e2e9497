"""Stripe's API for payment links, webhook endpoints and what they lead to (crm_pay_audiences.md B)."""

from __future__ import annotations

import copy
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.core import World, platform_middleware
from sandbox.stripe_form import (
    ENDPOINT_CREATE,
    ENDPOINT_UPDATE,
    LINK_CREATE,
    LINK_UPDATE,
    Invalid,
    decode,
    integer,
    known,
    line_items,
    metadata,
    required,
)
from sandbox.stripe_keys import key_of, permitted
from sandbox.stripe_pay import Payments, make_id, public

__all__ = ["Payments", "create"]

#: path -> dictionary of `Payments` and the object type in it
_READABLE = (
    ("payment_links", "links", "payment_link"),
    ("webhook_endpoints", "endpoints", "webhook_endpoint"),
    ("checkout/sessions", "sessions", "checkout.session"),
    ("payment_intents", "intents", "payment_intent"),
    ("events", "events", "event"),
)
#: Stripe's limit per account and mode.
MOST_ENDPOINTS = 16
Write = Callable[[web.Request, str, dict[str, Any]], dict[str, Any]]


def create(world: World, payments: Payments) -> web.Application:
    """The sub-application mounted at /stripe; the SDK reaches it by base_addresses={"api": ".../stripe"}."""
    app = web.Application(middlewares=[platform_middleware(world, "stripe"), _errors])
    api = Api(world, payments)
    route = app.router
    route.add_get("/v1/account", api.reading(api.account))
    route.add_post("/v1/payment_links", api.writing(api.create_link))
    route.add_post("/v1/payment_links/{id}", api.writing(api.update_link))
    route.add_post("/v1/webhook_endpoints", api.writing(api.create_endpoint))
    route.add_post("/v1/webhook_endpoints/{id}", api.writing(api.update_endpoint))
    route.add_delete("/v1/webhook_endpoints/{id}", api.reading(api.delete_endpoint))
    for path, store, kind in _READABLE:
        route.add_get(f"/v1/{path}", api.reading(api.lister(path, store)))
        route.add_get(f"/v1/{path}/{{id}}", api.reading(api.getter(store, kind)))
    return app


@web.middleware
async def _errors(request: web.Request, handler: Any) -> web.StreamResponse:
    request_id = make_id("req_", 14)
    try:
        response: web.StreamResponse = await handler(request)
    except Invalid as invalid:
        response = web.json_response(invalid.body(), status=invalid.status)
    except web.HTTPNotFound:
        text = f"Unrecognized request URL ({request.method}: {request.path})."
        response = web.json_response(Invalid(text).body(), status=404)
    response.headers["Request-Id"] = request_id
    return response


class Api:
    """Handlers; every one is given the account name behind the key."""

    def __init__(self, world: World, payments: Payments) -> None:
        self.world = world
        self.payments = payments

    # --- conventions ----------------------------------------------------------------------------

    def _account(self, request: web.Request) -> str:
        key = key_of(request.headers.get("Authorization", ""))
        if not key:
            raise Invalid("You did not provide an API key.", status=401)
        found = self.world.account_by("stripe", key=key)
        if found is None:
            raise Invalid(f"Invalid API Key provided: {key[:8]}****{key[-4:]}", status=401)
        name, settings = found
        connected = request.headers.get("Stripe-Account")
        if connected and connected != settings["account"]:
            raise Invalid(
                f"The provided key does not have access to account '{connected}'",
                code="account_invalid",
                status=403,
            )
        permitted(request, settings, key)
        return name

    def _live(self, account: str) -> bool:
        return "_live_" in str(self.world.accounts[account]["stripe"]["key"])[:8]

    def reading(self, read: Callable[[web.Request, str], dict[str, Any]]) -> Callable[..., Awaitable[Any]]:
        """Wraps a handler that needs no body."""

        async def handler(request: web.Request) -> web.Response:
            return web.json_response(read(request, self._account(request)))

        return handler

    def writing(self, write: Write) -> Callable[..., Awaitable[Any]]:
        """Wraps a POST: form decoding and the Idempotency-Key (same key and parameters, same answer)."""

        async def handler(request: web.Request) -> web.Response:
            account = self._account(request)
            raw = (await request.read()).decode()
            key = request.headers.get("Idempotency-Key", "")
            digest = hashlib.sha256(f"{request.path}\n{raw}".encode()).hexdigest()
            kept = self.payments.answers.get((account, key)) if key else None
            if kept and kept[0] != digest:
                raise Invalid(
                    "Keys for idempotent requests can only be used with the same parameters they were first "
                    f"used with. Try using a key other than '{key}'.",
                    kind="idempotency_error",
                )
            if kept:
                headers = {"Idempotent-Replayed": "true", "Idempotency-Key": key}
                return web.json_response(kept[2], status=kept[1], headers=headers)
            answer = write(request, account, decode(raw))
            if key:
                self.payments.answers[(account, key)] = (digest, 200, copy.deepcopy(answer))
            return web.json_response(answer, headers={"Idempotency-Key": key} if key else None)

        return handler

    def _own(self, store: str, kind: str, request: web.Request, account: str) -> dict[str, Any]:
        wanted = request.match_info["id"]
        thing: dict[str, Any] | None = getattr(self.payments, store).get(wanted)
        if thing is None or thing["_account"] != account:
            name = kind.replace(".", " ").replace("_", " ")
            raise Invalid(f"No such {name}: '{wanted}'", "id", "resource_missing", 404)
        return thing

    def getter(self, store: str, kind: str) -> Callable[[web.Request, str], dict[str, Any]]:
        """GET of one object."""

        def get(request: web.Request, account: str) -> dict[str, Any]:
            return _shown(self._own(store, kind, request, account))

        return get

    def lister(self, path: str, store: str) -> Callable[[web.Request, str], dict[str, Any]]:
        """GET of a list, newest first; filters `type`, `payment_link`, `payment_intent`, pages by cursor."""

        def get(request: web.Request, account: str) -> dict[str, Any]:
            query = request.query
            rows = [
                one for one in reversed(getattr(self.payments, store).values()) if one["_account"] == account
            ]
            for name in ("type", "payment_link", "payment_intent"):
                if name in query:
                    rows = [one for one in rows if one.get(name) == query[name]]
            since = query.get("created[gte]")
            if since:
                rows = [one for one in rows if one["created"] >= int(since)]
            after = query.get("starting_after")
            if after:
                ids = [one["id"] for one in rows]
                rows = rows[ids.index(after) + 1 :] if after in ids else []
            limit = min(integer(query.get("limit", "10"), "limit", 1), 100)
            data = [_shown(one) for one in rows[:limit]]
            return {"object": "list", "url": f"/v1/{path}", "has_more": len(rows) > limit, "data": data}

        return get

    # --- objects --------------------------------------------------------------------------------

    def account(self, _request: web.Request, account: str) -> dict[str, Any]:
        settings = self.world.accounts[account]["stripe"]
        return {
            "id": settings["account"],
            "object": "account",
            "charges_enabled": settings.get("charges_enabled", True),
            "country": "LV",
            "default_currency": "usd",
            "details_submitted": True,
            "payouts_enabled": True,
            "settings": {"dashboard": {"display_name": account.title()}},
            "type": "standard",
        }

    def create_link(self, request: web.Request, account: str, given: dict[str, Any]) -> dict[str, Any]:
        known(given, LINK_CREATE)
        currency, items = line_items(given)
        inner = dict(given.get("payment_intent_data") or {})
        inner["metadata"] = metadata(inner, "payment_intent_data[metadata]")
        link_id = make_id("plink_1")
        link = {
            "id": link_id,
            "object": "payment_link",
            "active": True,
            "allow_promotion_codes": False,
            "currency": currency,
            "inactive_message": given.get("inactive_message"),
            "livemode": self._live(account),
            "metadata": metadata(given),
            "payment_intent_data": inner if "payment_intent_data" in given else None,
            "payment_method_types": given.get("payment_method_types"),
            "phone_number_collection": {
                "enabled": (given.get("phone_number_collection") or {}).get("enabled") == "true"
            },
            "restrictions": _restrictions(given),
            "submit_type": given.get("submit_type", "auto"),
            "url": f"{request.scheme}://{request.host}/pay/{link_id}",
            "_account": account,
            "_items": items,
            "_created": int(self.world.now()),
        }
        self.payments.links[link_id] = link
        return public(link)

    def update_link(self, request: web.Request, account: str, given: dict[str, Any]) -> dict[str, Any]:
        known(given, LINK_UPDATE)
        link = self._own("links", "payment_link", request, account)
        if "metadata" in given:
            link["metadata"] = {**link["metadata"], **metadata(given)}
        if "active" in given:
            link["active"] = given["active"] == "true"
        if "inactive_message" in given:
            link["inactive_message"] = given["inactive_message"] or None
        if "restrictions" in given:
            count = ((link["restrictions"] or {}).get("completed_sessions") or {}).get("count", 0)
            link["restrictions"] = _restrictions(given, count)
        return public(link)

    def create_endpoint(self, _request: web.Request, account: str, given: dict[str, Any]) -> dict[str, Any]:
        known(given, ENDPOINT_CREATE)
        url = str(required(given, "url"))
        if sum(one["_account"] == account for one in self.payments.endpoints.values()) >= MOST_ENDPOINTS:
            raise Invalid(f"You have reached the maximum of {MOST_ENDPOINTS} test webhook endpoints.")
        if not url.startswith(("http://", "https://")):
            raise Invalid(
                "Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid"
            )
        events = required(given, "enabled_events")
        endpoint: dict[str, Any] = {
            "id": make_id("we_1"),
            "object": "webhook_endpoint",
            "api_version": given.get("api_version"),
            "application": None,
            "created": int(self.world.now()),
            "description": given.get("description"),
            "enabled_events": events if isinstance(events, list) else [events],
            "livemode": self._live(account),
            "metadata": metadata(given),
            "secret": "whsec_" + secrets.token_hex(16),
            "status": "enabled",
            "url": url,
            "_account": account,
        }
        self.payments.endpoints[endpoint["id"]] = endpoint
        return public(endpoint)

    def update_endpoint(self, request: web.Request, account: str, given: dict[str, Any]) -> dict[str, Any]:
        known(given, ENDPOINT_UPDATE)
        endpoint = self._own("endpoints", "webhook_endpoint", request, account)
        for name in ("url", "enabled_events", "description"):
            if name in given:
                endpoint[name] = given[name]
        if not isinstance(endpoint["enabled_events"], list):
            endpoint["enabled_events"] = [endpoint["enabled_events"]]
        if "disabled" in given:
            endpoint["status"] = "disabled" if given["disabled"] == "true" else "enabled"
        return _shown(endpoint)

    def delete_endpoint(self, request: web.Request, account: str) -> dict[str, Any]:
        endpoint = self._own("endpoints", "webhook_endpoint", request, account)
        del self.payments.endpoints[endpoint["id"]]
        return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def _restrictions(given: dict[str, Any], count: int = 0) -> dict[str, Any] | None:
    if "restrictions" not in given:
        return None
    inside = required(given["restrictions"], "completed_sessions", "restrictions")
    name = "restrictions[completed_sessions]"
    limit = integer(required(inside, "limit", name), f"{name}[limit]", 1)
    return {"completed_sessions": {"count": count, "limit": limit}}


def _shown(thing: dict[str, Any]) -> dict[str, Any]:
    """A stored object for a later read: the signing secret is told only once, when it is made."""
    return {key: value for key, value in public(thing).items() if key != "secret"}
