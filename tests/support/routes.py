"""Hook routes as a platform knows them, and the receiver called as a WSGI server calls it."""

from __future__ import annotations

import hashlib
import hmac
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.gupshup import HOOK_HEADER
from integrations.receipts.receiver import Receiver
from tenants.models import HookRoute
from tenants.services import hook_route_secrets

#: Platforms that call us, one row of each test per platform.
PLATFORMS = ("gupshup", "stripe")


@dataclass(frozen=True)
class Answer:
    """What the sender of a hook sees."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def proof(platform: str, body: bytes, secret: str, *, at: float | None = None) -> dict[str, str]:
    """The headers by which a platform shows that it knows `secret`."""
    if platform == "gupshup":
        return {HOOK_HEADER: secret}
    stamp = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={digest}"}


def route_of(provisioned: Any, platform: str) -> HookRoute:
    """The route of an organization's own connection."""
    return HookRoute.objects.get(platform=platform, connection_uuid=provisioned.connections[platform].id)


def knock(
    receiver: Receiver,
    route: HookRoute,
    body: bytes,
    *,
    headers: Mapping[str, str] | None = None,
    secret: str | None = None,
    method: str = "POST",
) -> Answer:
    """One hook; authenticated with the route's current secret unless told otherwise."""
    if headers is None:
        headers = proof(route.platform, body, secret or hook_route_secrets(route)[0])
    return call(receiver, f"/hooks/{route.platform}/{route.key}/", body, headers=headers, method=method)


def call(
    application: Any,
    path: str,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
) -> Answer:
    """Any request to a WSGI application."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in (headers or {}).items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    seen: list[Any] = []

    def start_response(status: str, pairs: list[tuple[str, str]], exc_info: Any = None) -> None:
        seen[:] = [int(status.split()[0]), dict(pairs)]

    answer = b"".join(application(environ, start_response))
    return Answer(seen[0], seen[1], answer)
