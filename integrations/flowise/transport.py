"""One request to a Flowise server."""

from __future__ import annotations

from typing import Any

from urllib3.util import Timeout

from arriwa.common.http import HttpSession
from integrations.base.client import Reply, exchange
from integrations.flowise import API_PATH

CONNECT_TIMEOUT = 2.0


def api_root(base_url: str) -> str:
    """The server's API, whether or not the address names it."""
    return base_url.rstrip("/").removesuffix(API_PATH) + API_PATH


def request(method: str, url: str, *, key: str, seconds: float, trusted: bool, **kwargs: Any) -> Reply:
    """One exchange within `seconds`, on a connection of its own. Raises as `exchange`, and ForbiddenAddress.

    `trusted`: the operator's own server; else the SSRF guard applies.
    """
    headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
    # With a total, connecting takes its time off the reading.
    kwargs["timeout"] = Timeout(total=seconds, connect=min(CONNECT_TIMEOUT, seconds))
    # The server drops idle connections after 5 s, and a request on such a one would look sent and lost.
    # The header alone does not keep a connection out of a pool, so each call has its own.
    with HttpSession(trusted=trusted) as session:
        return exchange(method, url, session=session, headers=headers, **kwargs)
