"""One Graph request: token in a header, proof in the query, answer or typed error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arriwa.common.http import HttpSession
from integrations.base.client import Reply, exchange
from integrations.base.errors import OutcomeUnknown, RemoteFault
from integrations.meta import GRAPH_VERSION
from integrations.meta.config import MetaSettings
from integrations.meta.errors import raise_for_graph

#: Seconds to connect and to read; Meta's insights and audiences may take a while.
TIMEOUT = (3.05, 30.0)


def graph_url(base_url: str, *path: str) -> str:
    """`base_url` such as https://graph.facebook.com, followed by the version and `path`."""
    return "/".join((base_url.rstrip("/"), GRAPH_VERSION, *path))


def graph_request(
    method: str,
    url: str,
    *,
    settings: MetaSettings,
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
