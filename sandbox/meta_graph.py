"""The Graph API's manners: tokens, parameters, error shape, field selection, paging.

Source: reference/meta.md 1.7, 5.4, 7.3; error texts follow the Graph's, callers must branch on codes only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode

from aiohttp import web

from sandbox.core import World

JSON_PARAMS = ("data", "payload", "session", "lookalike_spec", "filtering", "audience_labels")
NO_SUCH_OBJECT = (
    "Unsupported {verb} request. Object with ID '{id}' does not exist, cannot be loaded due to missing "
    "permissions, or does not support this operation. Please read the Graph API documentation at "
    "https://developers.facebook.com/docs/graph-api"
)


class GraphError(Exception):
    """An answer in the Graph's error shape. `code` and `subcode` are Meta's; `status` is HTTP's."""

    def __init__(
        self,
        message: str,
        code: int = 100,
        subcode: int | None = None,
        status: int = 400,
        kind: str = "OAuthException",
        title: str = "",
    ) -> None:
        super().__init__(message)
        self.message, self.code, self.subcode = message, code, subcode
        self.status, self.kind, self.title = status, kind, title

    def body(self, trace: str) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        error["is_transient"] = False
        if self.title:
            error |= {"error_user_title": self.title, "error_user_msg": self.message}
        return {"error": error | {"fbtrace_id": trace}}


@dataclass
class Audience:
    """A customer-file audience or a lookalike of one ad account."""

    id: str
    account: str
    ad_account_id: str
    settings: dict[str, Any]
    created: int
    #: member key -> the identifiers it was last added with
    members: dict[str, dict[str, str]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    updated: int = 0


@dataclass
class Held:
    """All that the fake Graph keeps."""

    #: (dataset id, event name, event id) -> what was received under that key
    events: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    audiences: dict[str, Audience] = field(default_factory=dict)
    #: (ad account, session id) -> the schema that the session began with
    sessions: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    #: removals by usersofanyaudience
    erasures: list[dict[str, Any]] = field(default_factory=list)
    #: WABA id -> dataset id, once create-or-get was called
    datasets: dict[str, str] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    #: Meta's ids grow, also from one reset to the next.
    last_id: int = field(default_factory=lambda: time.time_ns() // 1_000_000)


@dataclass
class Call:
    """One authenticated request to the Graph."""

    world: World
    held: Held
    method: str
    #: path after the version, split at slashes
    path: list[str]
    params: dict[str, Any]
    account: str
    settings: dict[str, Any]
    base: str
    trace: str
    headers: dict[str, str] = field(default_factory=dict)

    def missing(self, node: str) -> NoReturn:
        """The answer to an id that is not there or not this token's: the Graph does not tell which."""
        verb = self.method.lower()
        raise GraphError(NO_SUCH_OBJECT.format(verb=verb, id=node), 100, 33, kind="GraphMethodException")

    def text(self, name: str, *, required: bool = False) -> str:
        """A parameter as text. Raises GraphError 100 when it is required and absent."""
        value = self.params.get(name)
        if value in (None, ""):
            if required:
                raise GraphError(f"(#100) The parameter {name} is required")
            return ""
        return value if isinstance(value, str) else json.dumps(value)


def trace_id() -> str:
    """An fbtrace_id: 23 characters, the first is A."""
    return "A" + base64.urlsafe_b64encode(secrets.token_bytes(17)).decode().rstrip("=")[:22]


async def read_params(request: web.Request) -> dict[str, Any]:
    """Query, then form or JSON body on top. JSON given as text in a known parameter is decoded.

    Raises GraphError 100 when such text, or a JSON body, cannot be decoded.
    """
    params: dict[str, Any] = dict(request.query)
    raw = await request.read()
    if raw and request.content_type == "application/json":
        body = _json(raw, "body")
        if not isinstance(body, dict):
            raise GraphError("(#100) The body must be a JSON object")
        params.update(body)
    elif raw:
        params.update({key: value for key, value in (await request.post()).items() if isinstance(value, str)})
    for name in JSON_PARAMS:
        if isinstance(params.get(name), str):
            params[name] = _json(params[name], name)
    return params


def _json(text: str | bytes, name: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise GraphError(f"(#100) Param {name} must be valid JSON") from None


def token_of(request: web.Request, params: dict[str, Any]) -> str:
    """The token in header, query or form, "" without one."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() in ("bearer", "oauth") else str(params.get("access_token") or "")


def authenticate(world: World, token: str, proof: Any) -> tuple[str, dict[str, Any]]:
    """(account name, its Meta settings) of an account's token; checks appsecret_proof.

    Raises GraphError 104 without a token, 190 for a token that nobody holds, 100 for a wrong proof.
    """
    if not token:
        raise GraphError("An access token is required to request this resource.", 104, status=401)
    found = world.account_by("meta", token=token)
    if found is None:
        raise GraphError("Invalid OAuth access token - Cannot parse access token", 190, status=401)
    name, settings = found
    if proof is not None:
        right = hmac.new(settings["app_secret"].encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, str(proof)):
            raise GraphError(
                "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException"
            )
    return name, settings


# --- fields -------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[{},])\s*")


def parse_fields(text: str) -> dict[str, Any]:
    """`id,campaign{id}` -> {"id": None, "campaign": {"id": None}}. Raises GraphError 2500."""
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise GraphError(f"Syntax error at character {position}", 2500)
        tokens.append(match.group(1))
        position = match.end()
    stream = iter(tokens)
    fields, closed = _fields(stream)
    if closed:
        raise GraphError("Syntax error: unexpected closing brace", 2500)
    return fields


def _fields(stream: Iterator[str]) -> tuple[dict[str, Any], bool]:
    found: dict[str, Any] = {}
    last = ""
    for token in stream:
        if token == "{":
            if not last:
                raise GraphError("Syntax error: brace without a field", 2500)
            found[last], closed = _fields(stream)
            if not closed:
                raise GraphError("Syntax error: closing brace expected", 2500)
        elif token == "}":
            return found, True
        elif token != ",":
            last = token
            found[token] = None
    return found, False


def select(node: dict[str, Any], fields: dict[str, Any], kind: str) -> dict[str, Any]:
    """The asked fields of a node, and always its id. Raises GraphError 100 for a field it does not have."""
    chosen: dict[str, Any] = {}
    for name, inner in fields.items():
        if name not in node:
            raise GraphError(f"(#100) Tried accessing nonexisting field ({name}) on node type ({kind})")
        value = node[name]
        if isinstance(value, dict) and "id" in value:
            # A linked node without braces shows its id only.
            value = select(value, inner or {"id": None}, name.title())
        if value is not None:
            chosen[name] = value
    return {**chosen, "id": node["id"]}


def page(call: Call, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of `rows` by the parameters limit (25, at most 500) and after. Raises GraphError 100."""
    try:
        limit = int(call.params.get("limit", 25))
        after = call.params.get("after")
        start = int(base64.b64decode(after, validate=True)) + 1 if after else 0
    except ValueError:
        raise GraphError("(#100) Invalid cursor or limit") from None
    if not 1 <= limit <= 500:
        raise GraphError("(#100) Param limit must be between 1 and 500")
    part = rows[start : start + limit]
    if not part:
        return {"data": []}
    paging: dict[str, Any] = {"cursors": {"before": _cursor(start), "after": _cursor(start + len(part) - 1)}}
    if start + limit < len(rows):
        kept = {key: value for key, value in call.params.items() if isinstance(value, str)}
        paging["next"] = f"{call.base}?{urlencode(kept | {'after': paging['cursors']['after']})}"
    return {"data": part, "paging": paging}


def _cursor(position: int) -> str:
    return base64.b64encode(str(position).encode()).decode()
