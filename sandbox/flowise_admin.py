"""The fake Flowise's management: API keys, credentials, agentflows (reference/flowise.md 1.2 and 1.5)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.core import World
from sandbox.flowise_store import (
    PERMISSIONS,
    TYPES,
    Key,
    Refusal,
    Store,
    all_flows,
    all_keys,
    flow_of,
    key_of,
)

#: What a client may set of an agentflow; other fields that it sends are dropped.
_FIELDS = (
    *("name", "type", "flowData", "deployed", "isPublic", "apikeyid", "apiConfig", "category"),
    "chatbotConfig",
)


class Admin:
    """The endpoints; each method serves one and names the permissions of which one is needed."""

    def __init__(self, world: World, store: Callable[[], Store]) -> None:
        """`store` tells the rows since the last reset."""
        self.world, self._store = world, store

    def routes(self) -> list[tuple[str, str, Callable[[web.Request], Any]]]:
        """(method, path, handler) of each."""
        return [
            ("GET", "/apikey", self.keys),
            ("POST", "/apikey", self.add_key),
            ("DELETE", "/apikey/{id}", self.delete_key),
            ("GET", "/credentials", self.credentials),
            ("POST", "/credentials", self.add_credential),
            ("PUT", "/credentials/{id}", self.change_credential),
            ("DELETE", "/credentials/{id}", self.delete_credential),
            ("GET", "/chatflows", self.flows),
            ("POST", "/chatflows", self.add_flow),
            ("GET", "/chatflows/{flow}", self.flow),
            ("PUT", "/chatflows/{flow}", self.change_flow),
            ("DELETE", "/chatflows/{flow}", self.delete_flow),
        ]

    def _allowed(self, request: web.Request, *permissions: str) -> Key:
        key = key_of(self.world, self._store(), request)
        if key is None:
            raise Refusal(401, "Unauthorized Access")
        if not key.permissions & set(permissions):
            raise Refusal(403, "Forbidden")
        return key

    # --- API keys ---------------------------------------------------------------------------------

    def _all_keys(self) -> web.Response:
        return web.json_response([key.shown() for key in all_keys(self.world, self._store())])

    async def keys(self, request: web.Request) -> web.Response:
        """GET /apikey: all of the workspace, in clear."""
        self._allowed(request, "apikeys:view")
        return self._all_keys()

    async def add_key(self, request: web.Request) -> web.Response:
        """POST /apikey: answers with the whole list; a key hands out only permissions that it has."""
        key = self._allowed(request, "apikeys:create")
        body = await _body(request)
        wanted = body.get("permissions")
        if not body.get("keyName") or not isinstance(wanted, list) or not wanted:
            raise Refusal(400, "keyName and permissions are required")
        if not set(wanted) <= key.permissions & PERMISSIONS:
            raise Refusal(400, "Permissions cannot exceed those of the caller")
        self._store().add_key(str(body["keyName"]), frozenset(wanted))
        return self._all_keys()

    async def delete_key(self, request: web.Request) -> web.Response:
        """DELETE /apikey/{id}."""
        self._allowed(request, "apikeys:delete")
        gone = self._store().keys.pop(request.match_info["id"], None)
        return web.json_response({"affected": int(gone is not None)})

    # --- credentials ------------------------------------------------------------------------------

    async def credentials(self, request: web.Request) -> web.Response:
        """GET /credentials?credentialName=: metadata only."""
        self._allowed(request, "credentials:view")
        kind = request.query.get("credentialName")
        rows = self._store().credentials.values()
        return web.json_response([_plain(row) for row in rows if kind in (None, row["credentialName"])])

    async def add_credential(self, request: web.Request) -> web.Response:
        """POST /credentials."""
        self._allowed(request, "credentials:create")
        body = await _body(request)
        if not body.get("name") or not body.get("credentialName") or not body.get("plainDataObj"):
            raise Refusal(500, "Error: credentialsService.createCredential - fields are missing")
        row = {"id": str(uuid.uuid4()), "name": body["name"], "credentialName": body["credentialName"]}
        row |= {"encryptedData": "sealed", "_secret": body["plainDataObj"]}
        self._store().credentials[row["id"]] = row
        return web.json_response(_plain(row))

    async def change_credential(self, request: web.Request) -> web.Response:
        """PUT /credentials/{id}."""
        self._allowed(request, "credentials:update")
        row = self._store().credentials.get(request.match_info["id"])
        if row is None:
            raise Refusal(404, f"Credential {request.match_info['id']} not found")
        body = await _body(request)
        row |= {"name": body.get("name", row["name"]), "_secret": body.get("plainDataObj", row["_secret"])}
        return web.json_response(_plain(row))

    async def delete_credential(self, request: web.Request) -> web.Response:
        """DELETE /credentials/{id}."""
        self._allowed(request, "credentials:delete")
        gone = self._store().credentials.pop(request.match_info["id"], None)
        return web.json_response({"affected": int(gone is not None)})

    # --- agentflows -------------------------------------------------------------------------------

    async def flows(self, request: web.Request) -> web.Response:
        """GET /chatflows?type=&page=&limit=: of the whole workspace; with page and limit {data, total}."""
        self._allowed(request, "chatflows:view", "agentflows:view")
        kind = request.query.get("type")
        rows = [_plain(one) for one in all_flows(self.world, self._store()) if kind in (None, one["type"])]
        if "page" not in request.query or "limit" not in request.query:
            return web.json_response(rows)
        page, limit = int(request.query["page"]), int(request.query["limit"])
        part = rows[(page - 1) * limit : page * limit]
        return web.json_response({"data": part, "total": len(rows)})

    async def flow(self, request: web.Request) -> web.Response:
        """GET /chatflows/{id}."""
        self._allowed(request, "chatflows:view", "agentflows:view")
        return web.json_response(_plain(self._one(request)))

    async def add_flow(self, request: web.Request) -> web.Response:
        """POST /chatflows: flowData is checked for JSON syntax only, ids of the client are dropped."""
        self._allowed(request, "chatflows:create", "agentflows:create", "chatflows:update")
        body = await _body(request)
        if body.get("type") not in TYPES:
            raise Refusal(400, "Invalid Chatflow Type")
        row: dict[str, Any] = {name: body.get(name) for name in _FIELDS}
        row["id"] = str(uuid.uuid4())
        _check_json(row)
        self._store().flows[row["id"]] = row
        return web.json_response(_plain(row))

    async def change_flow(self, request: web.Request) -> web.Response:
        """PUT /chatflows/{id}: a merge of the given fields."""
        self._allowed(request, "chatflows:update", "agentflows:update")
        row = self._one(request)
        body = await _body(request)
        changed = row | {name: body[name] for name in _FIELDS if name in body}
        _check_json(changed)
        row.update(changed)
        return web.json_response(_plain(row))

    async def delete_flow(self, request: web.Request) -> web.Response:
        """DELETE /chatflows/{id}; its executions stay."""
        self._allowed(request, "chatflows:delete", "agentflows:delete")
        self._one(request)
        self._store().flows.pop(request.match_info["flow"], None)
        return web.json_response({"affected": 1})

    def _one(self, request: web.Request) -> dict[str, Any]:
        wanted = request.match_info["flow"]
        try:
            uuid.UUID(wanted)
        except ValueError:
            raise Refusal(400, "Invalid chatflow id format: a UUID is expected") from None
        found = flow_of(self.world, self._store(), wanted)
        if found is None:
            raise Refusal(404, f"Chatflow {wanted} not found")
        return found


def _check_json(row: dict[str, Any]) -> None:
    for name in ("flowData", "apiConfig"):
        try:
            json.loads(row[name] or "{}")
        except (TypeError, ValueError):
            raise Refusal(500, f"Error: chatflowsService.saveChatflow - {name} is no JSON") from None


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.startswith("_")}


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "The body is no JSON object")
    return body
