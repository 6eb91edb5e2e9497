"""The fake Flowise 3.1.4, mounted at /flowise: paths /flowise/api/v1/... Source: reference/flowise.md.

As in the open-source build all keys share one workspace: a flow is guarded by its own key, executions
and chat messages are not.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any
from weakref import WeakKeyDictionary

from aiohttp import web

from sandbox.core import Handler, World, platform_middleware
from sandbox.flowise_admin import Admin
from sandbox.flowise_api import Api, Execution, Held, refusals, stamp
from sandbox.flowise_store import flow_of, may_run

_held: WeakKeyDictionary[World, Held] = WeakKeyDictionary()


def create(world: World) -> web.Application:
    """The application of the fake Flowise; its state is emptied at each reset of the world."""

    def reset() -> None:
        _held[world] = Held()

    @web.middleware
    async def begin(request: web.Request, handler: Handler) -> web.StreamResponse:
        """A run begins when its request arrives, before any delay, and goes on when the client leaves."""
        run = await _begin(world, request)
        if run is None:
            return await handler(request)
        held = _held[world]
        held.executions[run.id] = request["run"] = run
        try:
            return await handler(request)
        finally:
            # Refused before it was served: there was no run.
            if run.state == "INPROGRESS":
                held.executions.pop(run.id, None)

    world.on_reset(reset)
    world.on_state("flowise", lambda: state(world))
    app = web.Application(middlewares=[begin, platform_middleware(world, "flowise"), refusals])
    api = Api(world, lambda: _held[world])
    for method, path, handler in (
        ("GET", "/ping", api.ping),
        ("GET", "/version", api.version),
        ("POST", "/prediction/{flow}", api.predict),
        ("POST", "/prediction", api.no_flow),
        ("GET", "/executions", api.executions),
        ("DELETE", "/executions", api.delete_executions),
        ("GET", "/executions/{id}", api.execution),
        ("DELETE", "/executions/{id}", api.delete_executions),
        ("GET", "/chatmessage/{flow}", api.messages),
        ("DELETE", "/chatmessage/{flow}", api.delete_messages),
        ("PUT", "/chatmessage/abort/{flow}/{chat}", api.abort),
        *Admin(world, lambda: _held[world].store).routes(),
    ):
        app.router.add_route(method, "/api/v1" + path, handler)
    app.router.add_route("*", "/{path:.*}", api.unknown)
    return app


def state(world: World) -> dict[str, Any]:
    """All executions, oldest first, with start state and verdict; messages; what was made."""
    held = _held[world]
    return {
        "executions": [
            {key: value for key, value in vars(run).items() if key != "data"}
            for run in held.executions.values()
        ],
        "messages": len(held.messages),
        "keys": [{"id": key.id, "name": key.name} for key in held.store.keys.values()],
        "credentials": [
            {name: row[name] for name in ("id", "name")} for row in held.store.credentials.values()
        ],
        "flows": list(held.store.flows.values()),
    }


async def _begin(world: World, request: web.Request) -> Execution | None:
    """The run that a well-formed prediction starts; None for all other requests."""
    flow = re.fullmatch(r".*/api/v1/prediction/([^/]+)", request.path)
    if request.method != "POST" or flow is None:
        return None
    store = _held[world].store
    found = flow_of(world, store, flow.group(1))
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        return None
    if found is None or not may_run(world, store, found, request) or not isinstance(body, dict):
        return None
    override = body.get("overrideConfig") or {}
    session = str(override.get("sessionId") or body.get("chatId") or uuid.uuid4())
    now = stamp(world)
    return Execution(
        id=str(uuid.uuid4()),
        flow_id=flow.group(1),
        account=str(found["category"] or ""),
        session_id=session,
        chat_id=str(body.get("chatId") or session),
        question=str(body.get("question") or ""),
        created=now,
        updated=now,
    )
