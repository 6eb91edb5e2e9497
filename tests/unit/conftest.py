"""A tiny HTTP server on loopback, so that clients are tested over real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest


@dataclass
class PeerRequest:
    """A request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class PeerReply:
    """What the peer answers, after `delay` seconds; status 0 hangs up without a word."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


class Peer:
    """Answers from `respond` if set, else from the queue filled by `answer`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[PeerRequest] = []
        self.connections = 0
        self.respond: Callable[[PeerRequest], tuple[int, Any]] | None = None
        self._queue: list[PeerReply] = []

    def answer(
        self, status: int = 200, body: Any = None, headers: dict[str, str] | None = None, delay: float = 0.0
    ) -> None:
        self._queue.append(PeerReply(status, body, headers or {}, delay))

    def reply_to(self, request: PeerRequest) -> PeerReply:
        self.requests.append(request)
        if self.respond is not None:
            return PeerReply(*self.respond(request))
        return self._queue.pop(0) if self._queue else PeerReply(599, {"unexpected": request.target})

    @property
    def last(self) -> PeerRequest:
        return self.requests[-1]


def _handler(peer_of: Callable[[], Peer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else header and body wait for each other's acknowledgement.
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            peer_of().connections += 1

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = PeerRequest(self.command, self.path, headers, self.rfile.read(length))
            reply = peer_of().reply_to(request)
            time.sleep(reply.delay)
            if reply.status == 0:
                self.close_connection = True
                return
            raw = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            data = b"" if reply.body is None else raw.encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                # The client gave up on us, which some tests want.
                self.close_connection = True

    return Handler


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A server with its own port and an empty record."""
    found: list[Peer] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: found[0]))
    server.daemon_threads = True
    found.append(Peer(f"http://127.0.0.1:{server.server_address[1]}"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found[0]
    server.shutdown()
    server.server_close()
    thread.join()
