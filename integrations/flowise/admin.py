"""Flowise's management API: credentials, API keys, agentflows (docs.flowiseai.com/api-reference; 3.1.4).

Flowise knows no idempotency keys: everything that is made here is found again by its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arriwa.common.http import HttpSession
from integrations.base.client import Reply
from integrations.base.errors import CredentialRefused, MalformedReply, OutcomeUnknown, RemoteFault
from integrations.flowise.errors import raise_for_flowise
from integrations.flowise.transport import api_root, request

SECONDS = 10.0
PAGE = 100
#: A server with more agentflows than this is listed in part.
MAX_PAGES = 50
AGENTFLOW = "AGENTFLOW"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the server. Flowise tells it in clear on every look, so it stays on our side."""

    id: str
    name: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """An access to a model; its secret is never told."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Chatflow:
    """An agentflow at the server. `flow` is its parsed flowData, {} when it cannot be read."""

    id: str
    name: str
    type: str
    category: str
    deployed: bool
    is_public: bool
    #: Row id of the key that alone may run it; "" when anybody may who knows its id.
    api_key_id: str
    flow: Mapping[str, Any]
    api_config: Mapping[str, Any]

    @property
    def takes_context(self) -> bool:
        """Whether a call may bring its startState along (see graphs.API_CONFIG)."""
        override = self.api_config.get("overrideConfig")
        nodes = override.get("nodes") if isinstance(override, Mapping) and override.get("status") else None
        params = nodes.get("Start") if isinstance(nodes, Mapping) else None
        return any(p.get("name") == "startState" and p.get("enabled") for p in params or ())


class FlowiseAdmin:
    """Calls with a key that may manage.

    Every method raises Unreachable, Throttled, RemoteFault, CredentialRefused (for the key, or a permission
    of it), Rejected, MalformedReply and ForbiddenAddress. Writes raise OutcomeUnknown when no answer came:
    look for what they may have made.
    """

    def __init__(self, *, base_url: str, key: str, session: HttpSession | None = None) -> None:
        """`base_url`: the SSRF guard applies to it unless `session` is trusted."""
        self._root = api_root(base_url)
        self._key = key
        self._trusted = session is not None and session.trusted

    def version(self) -> str:
        """The server's version, such as 3.1.4; shows that it is a Flowise at all."""
        body = self._read("/version")
        version = body.get("version") if isinstance(body, dict) else None
        if not isinstance(version, str):
            raise MalformedReply("There is no Flowise at this address: correct it.")
        return version

    # --- credentials ----------------------------------------------------------------------------

    def credentials(self, kind: str = "") -> tuple[Credential, ...]:
        """All credentials of the server, or those of a kind such as openAIApi."""
        params = {"credentialName": kind} if kind else None
        return tuple(_credential(item) for item in _list(self._read("/credentials", params)))

    def credential_create(self, name: str, kind: str, secret: Mapping[str, str]) -> Credential:
        """Makes a credential. `secret`: its fields by their names at Flowise."""
        body = {"name": name, "credentialName": kind, "plainDataObj": dict(secret)}
        return _credential(self._write("POST", "/credentials", body))

    def credential_update(self, credential: Credential, secret: Mapping[str, str]) -> None:
        """Puts another secret in."""
        body = {"name": credential.name, "credentialName": credential.kind, "plainDataObj": dict(secret)}
        self._write("PUT", f"/credentials/{credential.id}", body)

    def credential_delete(self, credential_id: str) -> None:
        """Removes a credential: flows that name it run no more."""
        self._write("DELETE", f"/credentials/{credential_id}", None)

    # --- API keys -------------------------------------------------------------------------------

    def api_keys(self) -> tuple[ApiKey, ...]:
        """All keys of the server."""
        return tuple(_api_key(item) for item in _list(self._read("/apikey")))

    def api_key_create(self, name: str, permissions: Sequence[str]) -> ApiKey:
        """Makes a key; of several with this name, the newest. A key hands out no more than it may itself."""
        body = {"keyName": name, "permissions": list(permissions)}
        listed = map(_api_key, _list(self._write("POST", "/apikey", body)))
        found = [key for key in listed if key.name == name]
        if not found:
            raise MalformedReply("Flowise made an API key and did not list it.")
        return found[-1]

    def api_key_delete(self, key_id: str) -> None:
        """Removes a key: flows that are bound to it run no more."""
        self._write("DELETE", f"/apikey/{key_id}", None)

    # --- agentflows -----------------------------------------------------------------------------

    def chatflows(self) -> tuple[Chatflow, ...]:
        """All agentflows of the server, whoever's they are."""
        found: list[Chatflow] = []
        for page in range(1, MAX_PAGES + 1):
            body = self._read("/chatflows", {"type": AGENTFLOW, "page": page, "limit": PAGE})
            items = _list(body.get("data") if isinstance(body, dict) else body)
            found += map(_chatflow, items)
            # Without paging a server answers with a plain list of all.
            if not isinstance(body, dict) or len(items) < PAGE:
                break
        return tuple(found)

    def chatflow(self, flow_id: str) -> Chatflow:
        """One agentflow. Raises Rejected with code 404 when it is gone."""
        return _chatflow(self._read(f"/chatflows/{flow_id}"))

    def chatflow_create(
        self,
        *,
        name: str,
        category: str,
        flow: Mapping[str, Any],
        api_config: Mapping[str, Any],
        api_key_id: str,
    ) -> Chatflow:
        """Makes an agentflow that only the key `api_key_id` may run."""
        body = _flow_body(flow, api_config, api_key_id)
        body |= {"name": name, "category": category, "type": AGENTFLOW, "deployed": True, "isPublic": False}
        return _chatflow(self._write("POST", "/chatflows", body))

    def chatflow_update(
        self, flow_id: str, *, flow: Mapping[str, Any], api_config: Mapping[str, Any], api_key_id: str
    ) -> Chatflow:
        """Replaces graph, overrides and key; name and category stay. Raises Rejected (404) for one gone."""
        body = _flow_body(flow, api_config, api_key_id)
        return _chatflow(self._write("PUT", f"/chatflows/{flow_id}", body))

    def chatflow_delete(self, flow_id: str) -> None:
        """Removes an agentflow; its runs stay at the server."""
        self._write("DELETE", f"/chatflows/{flow_id}", None)

    # --- requests -------------------------------------------------------------------------------

    def _read(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        try:
            return self._request("GET", path, params=params).json
        except OutcomeUnknown as error:
            # A read changes nothing, so there is no outcome to resolve.
            raise RemoteFault("Flowise did not answer a read in time.") from error

    def _write(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        return self._request(method, path, json=body).json

    def _request(self, method: str, path: str, **kwargs: Any) -> Reply:
        reply = request(
            method, self._root + path, key=self._key, seconds=SECONDS, trusted=self._trusted, **kwargs
        )
        if reply.status == 403:
            raise CredentialRefused(
                "The Flowise key lacks a permission: it needs those of agentflows, chatflows, credentials,"
                " API keys and executions.",
                status=403,
            )
        raise_for_flowise(reply)
        return reply


def _flow_body(flow: Mapping[str, Any], api_config: Mapping[str, Any], api_key_id: str) -> dict[str, Any]:
    return {
        "flowData": json.dumps(flow, ensure_ascii=False),
        "apiConfig": json.dumps(api_config),
        "apikeyid": api_key_id,
    }


def _list(body: Any) -> list[Mapping[str, Any]]:
    if not isinstance(body, list) or not all(isinstance(item, Mapping) for item in body):
        raise MalformedReply("Flowise's list cannot be read.")
    return body


def _id(item: Any) -> str:
    found = item.get("id") if isinstance(item, Mapping) else None
    if not isinstance(found, str) or not found:
        raise MalformedReply("Flowise's answer names no id.")
    return found


def _api_key(item: Any) -> ApiKey:
    return ApiKey(_id(item), str(item.get("keyName") or ""), str(item.get("apiKey") or ""))


def _credential(item: Any) -> Credential:
    return Credential(_id(item), str(item.get("name") or ""), str(item.get("credentialName") or ""))


def _chatflow(item: Any) -> Chatflow:
    return Chatflow(
        id=_id(item),
        name=str(item.get("name") or ""),
        type=str(item.get("type") or ""),
        category=str(item.get("category") or ""),
        deployed=item.get("deployed") is True,
        is_public=item.get("isPublic") is True,
        api_key_id=str(item.get("apikeyid") or ""),
        flow=_object(item.get("flowData")),
        api_config=_object(item.get("apiConfig")),
    )


def _object(text: Any) -> Mapping[str, Any]:
    """A JSON string's object; {} when it holds none."""
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}
