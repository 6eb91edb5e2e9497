"""The hook receiver for WSGI servers: a thread waits for each hook, `Answers` has a loop beside them.

Under granian hooks come without a thread (`arriwa.rsgi`); this is for other servers and for tests.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from django.conf import settings

from integrations.receipts.answers import PREFIX, Answers, answer_headers, counters, hook_handler

__all__ = ["Receiver", "counters", "hook_handler"]

StartResponse = Callable[..., Any]
Environ = dict[str, Any]
_REASONS = {
    200: "200 OK",
    401: "401 Unauthorized",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    413: "413 Content Too Large",
    503: "503 Service Unavailable",
}


class Receiver:
    """Serves /hooks/; everything else goes to the wrapped WSGI application."""

    def __init__(
        self,
        application: Callable[[Environ, StartResponse], Iterable[bytes]],
        **options: Any,
    ) -> None:
        """`options` are those of Answers."""
        self.answers = Answers(**options)
        self._application = application
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self._application(environ, start_response)
        raw = _read_body(environ)

        async def read(limit: int) -> bytes | None:
            return raw

        answer = self.answers.answer(environ["REQUEST_METHOD"], path, _Headers(environ), read)
        status = asyncio.run_coroutine_threadsafe(answer, self.loop()).result()
        start_response(_REASONS[status], answer_headers(status))
        return [b""]

    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop on which hooks are answered, in a thread of its own."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.SelectorEventLoop()
                threading.Thread(target=self._loop.run_forever, name="hooks", daemon=True).start()
            return self._loop

    def close(self) -> None:
        """Ends the connections once hooks under way are stored; the next hook makes new ones."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self.answers.close(), self._loop).result()


def _read_body(environ: Environ) -> bytes | None:
    """The raw body, None when it is larger than the limit."""
    limit = settings.HOOK_BODY_LIMIT
    try:
        length = int(environ.get("CONTENT_LENGTH") or -1)
    except ValueError:
        length = -1
    if length > limit:
        return None
    raw: bytes = environ["wsgi.input"].read(length if length >= 0 else limit + 1)
    return None if len(raw) > limit else raw


class _Headers(Mapping[str, str]):
    """The request's headers by lower-case name, looked up where the server put them."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        value: str = self._environ[_variable(name)]
        return value

    def __iter__(self) -> Iterator[str]:
        return (name[5:].replace("_", "-").lower() for name in self._environ if name.startswith("HTTP_"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@cache
def _variable(header: str) -> str:
    """Where WSGI keeps a header; asked by adapters alone, so that the names are few."""
    return f"HTTP_{header.replace('-', '_').upper()}"
