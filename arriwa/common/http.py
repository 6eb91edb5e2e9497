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
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from arriwa.common.errors import ArriwaError

#: Seconds to connect and to read. A platform call may name others, never none.
DEFAULT_TIMEOUT = (3.05, 20.0)
POOL_SIZE = 32


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


class GuardedAdapter(HTTPAdapter):
    """Refuses private, loopback and otherwise non-global addresses. Raises ForbiddenAddress."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """urllib3's pools with connections that check who answered."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _GuardedHTTPPool,
            "https": _GuardedHTTPSPool,
        }


class HttpSession(requests.Session):
    """`requests.Session` that cannot hang, follow a redirect or read proxies from the environment."""

    def __init__(self, *, trusted: bool) -> None:
        """`trusted`: the base URL is the operator's own setting; else the SSRF guard applies."""
        super().__init__()
        self.trust_env = False
        self.max_redirects = 0
        adapter_class = HTTPAdapter if trusted else GuardedAdapter
        adapter = adapter_class(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE, max_retries=0)
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
        return super().request(method, url, *args, **kwargs)


_shared: dict[bool, HttpSession] = {}
_lock = threading.Lock()


def shared_session(*, trusted: bool) -> HttpSession:
    """The process-wide session; its pool of kept-alive connections is safe across threads."""
    with _lock:
        if trusted not in _shared:
            _shared[trusted] = HttpSession(trusted=trusted)
        return _shared[trusted]
