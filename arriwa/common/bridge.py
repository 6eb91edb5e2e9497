"""A WSGI application on an RSGI server: granian's event loop takes the request, a thread serves it.

RSGI: github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import IO, Any

#: Bytes of a request's body that are kept in memory; the rest goes to a file.
_IN_MEMORY = 1 << 20
#: Bytes of an answer that are gathered before they are sent on.
_CHUNK = 1 << 16

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class WsgiBridge:
    """Serves requests by a WSGI application, so many of them at once."""

    def __init__(self, application: Application, *, threads: int) -> None:
        """More than `threads` requests at once wait; whatever else runs on the loop does not."""
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pages")

    async def __call__(self, scope: Any, protocol: Any) -> None:
        """One request."""
        loop = asyncio.get_running_loop()
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
            async for chunk in protocol:
                body.write(chunk)
            length = body.tell()
            body.seek(0)
            environ = environ_of(scope, body, length)
            whole = await loop.run_in_executor(self._threads, self._serve, environ, protocol, loop)
        if whole is not None:
            protocol.response_bytes(*whole)

    def _serve(
        self, environ: Environ, protocol: Any, loop: asyncio.AbstractEventLoop
    ) -> tuple[int, list[tuple[str, str]], bytes] | None:
        """The answer when it is short, None when it was streamed. In one thread, as Django needs it."""
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            started[:] = [int(status.split(" ", 1)[0]), headers]

        parts = self._application(environ, start_response)
        try:
            chunks = _gathered(parts)
            first, second = next(chunks, b""), next(chunks, None)
            if second is None:
                return started[0], started[1], first

            async def begin() -> Any:
                return protocol.response_stream(*started)

            transport = asyncio.run_coroutine_threadsafe(begin(), loop).result()

            async def send(chunk: bytes) -> None:
                await transport.send_bytes(chunk)

            for chunk in chain((first, second), chunks):
                asyncio.run_coroutine_threadsafe(send(chunk), loop).result()
            return None
        finally:
            if hasattr(parts, "close"):
                parts.close()


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at least _CHUNK, but for the last."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= _CHUNK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def environ_of(scope: Any, body: IO[bytes], length: int) -> Environ:
    """PEP 3333's environ for an RSGI scope."""
    host, port = _address(scope.server)
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": _address(scope.client)[0],
        "CONTENT_LENGTH": str(length) if length else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    headers = scope.headers
    for name in headers.keys():  # noqa: SIM118  (granian's headers are no mapping)
        if name not in ("content-length", "content-type"):
            variable = f"HTTP_{name.upper().replace('-', '_')}"
            environ[variable] = (";" if name == "cookie" else ",").join(headers.get_all(name))
    environ["CONTENT_TYPE"] = headers.get("content-type", "")
    if "HTTP_HOST" not in environ and scope.authority:
        environ["HTTP_HOST"] = scope.authority
    return environ


def _address(text: str) -> tuple[str, str]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), port
