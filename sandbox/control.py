"""The sandbox's own controls, at its root: what arrived, what is held, the fault dial, replay, clock."""

from __future__ import annotations

import random
from dataclasses import fields
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.core import PLATFORMS, Fault, World, received_json
from sandbox.whatsapp import MODES, Network

FAULT_FIELDS = {one.name for one in fields(Fault)}


class Wrong(Exception):
    """A control request that makes no sense; the text says what is wrong."""


@web.middleware
async def control_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answers 400 with the reason for requests that make no sense."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except Wrong as wrong:
        return web.json_response({"error": str(wrong)}, status=400)


def add_control(app: web.Application, world: World, network: Network) -> None:
    """Adds the control routes to the root application."""
    control = Control(world, network)
    route = app.router
    route.add_get("/_received", control.received)
    route.add_get("/_state", control.state)
    route.add_get("/_hooks", control.hooks)
    route.add_get("/_pending", control.pending)
    route.add_post("/_hooks/replay", control.replay)
    route.add_get("/_faults", control.faults)
    route.add_post("/_faults", control.add_faults)
    route.add_delete("/_faults", control.clear_faults)
    route.add_post("/_reset", control.reset)
    route.add_get("/_accounts", control.accounts)
    route.add_post("/_accounts", control.add_accounts)
    route.add_get("/_clock", control.clock)
    route.add_post("/_clock", control.move_clock)
    route.add_post("/gupshup/_settings", control.whatsapp_settings)
    route.add_get("/healthz", control.healthz)


class Control:
    """Handlers of the control API."""

    def __init__(self, world: World, network: Network) -> None:
        self.world = world
        self.network = network

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def received(self, request: web.Request) -> web.Response:
        """?platform=&path=&after=: requests as they arrived; `after` is an id, `path` a part of the path."""
        rows = received_json(self.world, request.query.get("platform"))
        part, after = request.query.get("path", ""), int(request.query.get("after", "0"))
        return web.json_response([row for row in rows if part in row["path"] and row["id"] > after])

    async def state(self, request: web.Request) -> web.Response:
        """?platform=: the effects held by one fake, or by all under their names."""
        platform = request.query.get("platform")
        if not platform:
            return web.json_response({name: tell() for name, tell in self.world.states.items()})
        if platform not in self.world.states:
            raise Wrong(f"No state for {platform!r}; known: {', '.join(self.world.states)}")
        return web.json_response(self.world.states[platform]())

    async def pending(self, _request: web.Request) -> web.Response:
        """How many hooks and other background works are still under way."""
        return web.json_response({"pending": len(self.world.tasks)})

    async def hooks(self, request: web.Request) -> web.Response:
        """?platform=: outgoing hooks in order, each with its body, headers and answers."""
        return web.json_response(self._hooks(request.query.get("platform")))

    def _hooks(self, platform: str | None) -> list[dict[str, Any]]:
        return [hook for hook in self.world.hooks if platform in (None, "", hook["platform"])]

    async def replay(self, request: web.Request) -> web.Response:
        """{platform?, order: same|reversed|shuffled, seed?}: sends the hooks once more, one after another.

        The log itself stays as it is. Signatures with a time are made anew, as the platform would.
        """
        given = await _object(request)
        hooks = self._hooks(given.get("platform"))
        order = given.get("order", "same")
        if order == "reversed":
            hooks.reverse()
        elif order == "shuffled":
            random.Random(given.get("seed")).shuffle(hooks)
        elif order != "same":
            raise Wrong("order is same, reversed or shuffled")
        answers = [await self._again(hook) for hook in hooks]
        return web.json_response({"sent": len(answers), "answers": answers})

    async def _again(self, hook: dict[str, Any]) -> dict[str, Any]:
        resign = self.world.resigners.get(hook["platform"])
        headers = resign(hook) if resign else hook["headers"]
        assert self.world.client is not None
        answer = {"platform": hook["platform"], "url": hook["url"]}
        try:
            async with self.world.client.post(
                hook["url"], data=hook["body"].encode(), headers=headers, allow_redirects=False
            ) as response:
                return {**answer, "status": response.status, "body": await response.text()}
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return {**answer, "status": 0, "body": type(error).__name__}

    # --- dial, accounts, clock ------------------------------------------------------------------

    async def faults(self, _request: web.Request) -> web.Response:
        return web.json_response([vars(fault) for fault in self.world.faults])

    async def add_faults(self, request: web.Request) -> web.Response:
        """One fault or a list of them (fields of core.Fault); they add to those already set."""
        given = await _json(request)
        added = []
        for one in given if isinstance(given, list) else [given]:
            if not isinstance(one, dict) or one.get("platform") not in (*PLATFORMS, "*"):
                raise Wrong(f"platform must be one of {', '.join(PLATFORMS)} or *")
            unknown = set(one) - FAULT_FIELDS
            if unknown:
                raise Wrong(f"Unknown fault fields: {', '.join(sorted(unknown))}")
            added.append(Fault(**one))
        self.world.faults.extend(added)
        return await self.faults(request)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self.world.faults.clear()
        self.world.release_held()
        return web.json_response([])

    async def reset(self, _request: web.Request) -> web.Response:
        self.world.reset()
        return web.json_response({"status": "ok"})

    async def accounts(self, _request: web.Request) -> web.Response:
        return web.json_response(self.world.accounts)

    async def add_accounts(self, request: web.Request) -> web.Response:
        given = await _object(request)
        if not all(isinstance(one, dict) for one in given.values()):
            raise Wrong("Accounts are {name: {platform: {settings}}}")
        self.world.merge_accounts(given)
        return web.json_response({"accounts": list(self.world.accounts)})

    async def clock(self, _request: web.Request) -> web.Response:
        return web.json_response({"now": self.world.now(), "offset_seconds": self.world.clock_offset})

    async def move_clock(self, request: web.Request) -> web.Response:
        """{offset_seconds}: the sandbox's time is real time plus this."""
        given = await _object(request)
        if not isinstance(given.get("offset_seconds"), int | float):
            raise Wrong("offset_seconds must be a number")
        self.world.clock_offset = float(given["offset_seconds"])
        return await self.clock(request)

    async def whatsapp_settings(self, request: web.Request) -> web.Response:
        """{app_id, statuses?, delay?, fail?, failure_shape?, bsuid?}: see whatsapp.AppSettings."""
        given = await _object(request)
        found = self.world.account_by("gupshup", app_id=given.pop("app_id", ""))
        if not found:
            raise Wrong("app_id is not known to the sandbox")
        settings = self.network.app_settings(found[1]["app_id"])
        unknown = set(given) - set(vars(settings))
        if unknown or set(map(str.upper, given.get("statuses", []))) - set(MODES):
            raise Wrong(f"Settings are {', '.join(vars(settings))}; statuses are {', '.join(MODES[:5])}")
        for name, value in given.items():
            setattr(settings, name, value)
        return web.json_response(vars(settings))


async def _json(request: web.Request) -> Any:
    try:
        return await request.json() if request.can_read_body else {}
    except ValueError as error:
        raise Wrong("The body must be JSON") from error


async def _object(request: web.Request) -> dict[str, Any]:
    given = await _json(request)
    if not isinstance(given, dict):
        raise Wrong("The body must be a JSON object")
    return given
