"""One Graph request: token in a header, proof in the query, answer or typed error."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from arriwa.common.http import HttpSession
from integrations.base.client import Reply, exchange
from integrations.base.errors import OutcomeUnknown, RemoteFault
from integrations.meta import GRAPH_VERSION
from integrations.meta.errors import raise_for_graph

#: Seconds to connect and to read; Meta's insights and audiences may take a while.
TIMEOUT = (3.05, 30.0)


def secret_proof(token: str, app_secret: str) -> str:
    """Hex HMAC-SHA256 of the token under the app secret, "" without one (DOCS["app_secret_proof"])."""
    if not app_secret:
        return ""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


class Credential(Protocol):
    """Who calls: a connection's settings or a bare token."""

    @property
    def token(self) -> str:
        """Goes into the Authorization header."""

    @property
    def app_secret_proof(self) -> str:
        """See `secret_proof`."""


@dataclass(frozen=True, slots=True)
class GraphToken:
    """A token of a person or of the app, which no repr shows."""

    token: str = field(repr=False)
    app_secret: str = field(default="", repr=False)

    @property
    def app_secret_proof(self) -> str:
        """See `secret_proof`."""
        return secret_proof(self.token, self.app_secret)


def graph_url(base_url: str, *path: str) -> str:
    """`base_url` such as https://graph.facebook.com, followed by the version and `path`."""
    return "/".join((base_url.rstrip("/"), GRAPH_VERSION, *path))


def graph_request(
    method: str,
    url: str,
    *,
    settings: Credential,
    session: HttpSession | None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    **body: Any,
) -> Reply:
    """Meta's successful answer. The token never enters a URL, so no log or proxy sees it.

    Raises Unreachable, OutcomeUnknown (writes only) and everything that `raise_for_graph` raises.
    """
    query = dict(params or {})
    if settings.app_secret_proof:
        query["appsecret_proof"] = settings.app_secret_proof
    sent_headers = {**(headers or {}), "Authorization": f"Bearer {settings.token}"}
    try:
        reply = exchange(
            method, url, session=session, timeout=TIMEOUT, params=query, headers=sent_headers, **body
        )
    except OutcomeUnknown as error:
        if method == "GET":
            # A read changes nothing, so there is no outcome to resolve.
            raise RemoteFault("Meta did not answer a read in time.") from error
        raise
    raise_for_graph(reply)
    return reply
