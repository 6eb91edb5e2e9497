"""The hook receiver in the test process, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.db import connections


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

    def process_request_thread(self, *given: Any) -> None:
        """Each request has a thread of its own: what that one has opened ends with it."""
        try:
            super().process_request_thread(*given)
        finally:
            connections.close_all()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read results, not access logs."""


def nothing_else(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Stands for Django behind the receiver."""
    start_response("404 Not Found", [("Content-Length", "0")])
    return [b""]


class Behind:
    """What stands behind the receiver: nothing, or Django for tests that want the whole origin."""

    def __init__(self) -> None:
        self.application: Any = nothing_else

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        found: Iterable[bytes] = self.application(environ, start_response)
        return found


#: Of this process's receiver, at tests.environment.HOOK_URL.
behind = Behind()


def serve(application: Any, port: int) -> _Server:
    """Serves `application` on loopback in threads until `shutdown`."""
    server = _Server(("127.0.0.1", port), _Quiet)
    server.set_app(application)
    threading.Thread(target=server.serve_forever, name="hooks", daemon=True).start()
    return server
