"""One hardened HTTP session for every platform (design 2, "Clients").

No redirects, always a time-out, never a retry of its own, and for URLs that come from a tenant or a
platform a guard against server-side request forgery: the address that was really connected to is
checked before a byte is sent, so a name that resolves anew between check and use gains nothing.
Base URLs that the operator sets are trusted and may be loopback.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from arriwa.common.errors import ArriwaError

#: Seconds to connect and to read. A platform call may name others, never none.
DEFAULT_TIMEOUT = (3.05, 20.0)
#: Connections kept to one origin, and origins.
POOL_SIZE = 32
MOST_POOLS = 256


class ForbiddenAddress(ArriwaError):
    """The URL leads to an address inside our own network; give a public https address."""


def _check_peer(sock: socket.socket) -> None:
    address = ipaddress.ip_address(sock.getpeername()[0].split("%")[0])
    if not address.is_global or address.is_multicast:
        sock.close()
        raise ForbiddenAddress()


class _GuardedHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()
        _check_peer(sock)
        return sock


class _GuardedHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()
        _check_peer(sock)
        return sock


class _GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _GuardedHTTPConnection


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPSConnection


class LeanAdapter(HTTPAdapter):
    """`requests`' adapter without what we never use: proxies and a cookie jar for each answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As HTTPAdapter."""
        super().__init__(*args, **kwargs)
        self._pools: dict[tuple[str, object], Any] = {}

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """The pool of the request's origin, looked up once; a pool that was closed is made anew."""
        assert request.url is not None
        end = request.url.find("/", request.url.find("//") + 2)
        key = (request.url[:end] if end > 0 else request.url, verify)
        pool = self._pools.get(key)
        if proxies or cert or pool is None or pool.pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
            if not (proxies or cert):
                if len(self._pools) >= MOST_POOLS:
                    self._pools.clear()
                self._pools[key] = pool
        return pool

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        """Path and query; the whole URL for a proxy."""
        return str(super().request_url(request, proxies)) if proxies else request.path_url

    def build_response(self, req: PreparedRequest, resp: Any) -> requests.Response:
        """The answer. Its cookies are left alone: no platform's API has a use for them."""
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = resp
        response.reason = resp.reason
        response.url = req.url or ""
        response.request = req
        response.connection = self
        return response


class GuardedAdapter(LeanAdapter):
    """Refuses private, loopback and otherwise non-global addresses. Raises ForbiddenAddress."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """urllib3's pools with connections that check who answered."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _GuardedHTTPPool,
            "https": _GuardedHTTPSPool,
        }


class HttpSession(requests.Session):
    """`requests.Session` that cannot hang, follow a redirect or read proxies from the environment.

    It keeps no cookies: one session serves all organizations.
    """

    def __init__(self, *, trusted: bool) -> None:
        """`trusted`: the base URL is the operator's own setting; else the SSRF guard applies."""
        super().__init__()
        self.trust_env = False
        self.max_redirects = 0
        adapter_class = LeanAdapter if trusted else GuardedAdapter
        adapter = adapter_class(pool_connections=MOST_POOLS, pool_maxsize=POOL_SIZE, max_retries=0)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self.trusted = trusted

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Always with a time-out, no redirect followed. Raises ForbiddenAddress for http where untrusted."""
        kwargs.setdefault("timeout", DEFAULT_TIMEOUT)
        kwargs["allow_redirects"] = False
        text = url.decode() if isinstance(url, bytes) else url
        if not self.trusted and urlsplit(text).scheme != "https":
            raise ForbiddenAddress("Only https addresses may be called.")
        return super().request(method, text, *args, **kwargs)

    def prepare_request(self, request: requests.Request) -> PreparedRequest:
        """`requests`' own steps for what our clients give, URLs taken apart once; the rest is left to it."""
        headers = {**self.headers, **(request.headers or {})}
        url = str(request.url)
        plain = not (request.cookies or request.auth or self.auth or request.params or self.params)
        if not plain or "@" in url or request.hooks.get("response") or None in headers.values():
            return super().prepare_request(request)
        prepared = PreparedRequest()
        prepared.prepare_method(request.method)
        prepared.url = _prepared_url(url)
        prepared.prepare_headers(headers)
        prepared.prepare_body(request.data, request.files, request.json)
        return prepared

    def send(self, request: PreparedRequest, **kwargs: Any) -> requests.Response:
        """One exchange. `requests`' own `send` looks for redirects, hooks and cookies besides."""
        if request.hooks.get("response"):
            return super().send(request, **kwargs)
        kwargs.pop("allow_redirects", None)
        kwargs.setdefault("verify", self.verify)
        assert request.url is not None
        adapter = self.get_adapter(url=request.url)
        response = adapter.send(request, **kwargs)
        if not kwargs.get("stream"):
            # Reads it, so that the connection goes back to its pool.
            _ = response.content
        return response


@lru_cache(maxsize=1024)
def _prepared_url(url: str) -> str:
    """The URL as `requests` would send it. Raises its InvalidURL and MissingSchema."""
    prepared = PreparedRequest()
    prepared.prepare_url(url, None)
    assert prepared.url is not None
    return prepared.url


_shared: dict[bool, HttpSession] = {}
_lock = threading.Lock()


def shared_session(*, trusted: bool) -> HttpSession:
    """The process-wide session; its pool of kept-alive connections is safe across threads."""
    with _lock:
        if trusted not in _shared:
            _shared[trusted] = HttpSession(trusted=trusted)
        return _shared[trusted]
