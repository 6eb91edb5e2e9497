"""What the fake Flowise's one workspace keeps: keys, credentials, agentflows (reference/flowise.md 1.2, 1.5).

Every account of the sandbox has a key and a flow of its own in it, as if made by hand; the operator's key may
manage all.
"""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.core import World

#: The operator's key of the shared server.
ADMIN_KEY = "flowise-sandbox-admin-key"
_VERBS = ("view", "create", "update", "delete")
#: Permissions of the open-source build that the sandbox knows.
PERMISSIONS = frozenset(
    f"{subject}:{verb}"
    for subject in ("chatflows", "agentflows", "credentials", "variables", "apikeys", "executions")
    for verb in _VERBS
)
_BY_HAND = frozenset(["chatflows:view", "agentflows:view", "executions:view", "executions:delete"])
TYPES = ("CHATFLOW", "AGENTFLOW", "MULTIAGENT", "ASSISTANT")


class Refusal(Exception):
    """An answer in Flowise's error shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class Key:
    """A row of API Keys."""

    id: str
    name: str
    key: str
    permissions: frozenset[str]

    def shown(self) -> dict[str, Any]:
        """As Flowise lists it: in clear, each time."""
        return {
            "id": self.id,
            "keyName": self.name,
            "apiKey": self.key,
            "permissions": sorted(self.permissions),
            "chatFlows": [],
        }


@dataclass
class Store:
    """Rows by id, since the last reset."""

    keys: dict[str, Key] = field(default_factory=dict)
    #: with the secret under "_secret"
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    flows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add_key(self, name: str, permissions: frozenset[str]) -> Key:
        """A new key; two may have one name."""
        key = Key(str(uuid.uuid4()), name, secrets.token_urlsafe(32), permissions)
        self.keys[key.id] = key
        return key


def all_keys(world: World, store: Store) -> list[Key]:
    """The operator's, those of the accounts, and those that were made."""
    found = [Key(key_id(ADMIN_KEY), "operator", ADMIN_KEY, PERMISSIONS)]
    for name, platforms in world.accounts.items():
        if "flowise" in platforms:
            settings = platforms["flowise"]
            permissions = frozenset(settings.get("permissions", _BY_HAND))
            found.append(Key(key_id(settings["key"]), name, settings["key"], permissions))
    return [*found, *store.keys.values()]


def key_id(key: str) -> str:
    """The row id of a key that was made by hand."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, key))


def bearer(request: web.Request) -> str:
    """The request's API key, or ''."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def key_of(world: World, store: Store, request: web.Request) -> Key | None:
    """The row of the request's key."""
    given = bearer(request)
    return next((one for one in all_keys(world, store) if given and one.key == given), None)


def flow_of(world: World, store: Store, flow_id: str) -> dict[str, Any] | None:
    """The agentflow with this id, also an account's own."""
    if flow_id in store.flows:
        return store.flows[flow_id]
    found = world.account_by("flowise", flow_id=flow_id)
    return _by_hand(*found) if found else None


def all_flows(world: World, store: Store) -> list[dict[str, Any]]:
    """All agentflows of the workspace, the accounts' own first."""
    own = [_by_hand(name, one["flowise"]) for name, one in world.accounts.items() if "flowise" in one]
    return [*own, *store.flows.values()]


def may_run(world: World, store: Store, flow: dict[str, Any], request: web.Request) -> bool:
    """A flow without a key is open to everyone who knows its id."""
    if not flow["apikeyid"]:
        return True
    key = key_of(world, store, request)
    return key is not None and key.id == flow["apikeyid"]


def _by_hand(account: str, settings: dict[str, Any]) -> dict[str, Any]:
    override = {"name": "startState", "label": "Flow State", "type": "array", "enabled": True}
    config = {"overrideConfig": {"status": True, "nodes": {"Start": [override]}, "variables": []}}
    names = (("startAgentflow_0", "Start"), ("llmAgentflow_0", "Classify"))
    nodes = [{"id": n, "type": "agentFlow", "data": {"id": n, "label": label}} for n, label in names]
    return {
        "id": settings["flow_id"],
        "name": f"{account} classify",
        "type": "AGENTFLOW",
        "flowData": json.dumps({"nodes": nodes, "edges": []}),
        "deployed": True,
        "isPublic": False,
        "apikeyid": key_id(settings["key"]),
        "apiConfig": json.dumps(config),
        "category": account,
        # Its graph is the recorded one of flowise_flow.
        "_recorded": True,
    }
