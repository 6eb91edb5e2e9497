"""RSGI, granian's own interface: hooks are answered on the event loop, Django's pages in threads.

A hook holds no thread while it waits to be stored, and slow pages cannot hold hooks up (ADR 0019).
"""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arriwa.settings")
os.environ.setdefault("ARRIWA_PROCESS", "web")
_django = get_wsgi_application()

from arriwa.common.bridge import WsgiBridge  # noqa: E402  (needs the settings)
from integrations.receipts.answers import PREFIX, Answers, answer_headers  # noqa: E402

#: Seconds for which a page that computes may keep the interpreter from hooks; Python's own 5 ms double
#: what a hook takes then, and less than 1 ms costs hooks throughput.
_SWITCH = 0.001
#: Pages served at once by a process; as many as Django's pool has connections.
PAGES = 8
_HEADERS = {status: answer_headers(status) for status in (200, 401, 404, 405, 413, 503)}


class Web:
    """What granian serves."""

    def __init__(self) -> None:
        sys.setswitchinterval(_SWITCH)
        self._answers = Answers()
        self._pages = WsgiBridge(_django, threads=PAGES)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request."""
        path = scope.path
        if not path.startswith(PREFIX):
            await self._pages(scope, protocol)
            return
        # Asked once: granian copies them each time.
        headers = scope.headers
        status = await self._answers.answer(scope.method, path, headers, partial(_read, headers, protocol))
        protocol.response_empty(status, _HEADERS[status])

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The server stops: no request is under way any more."""
        loop.run_until_complete(self._answers.close())


async def _read(headers: Any, protocol: Any, limit: int) -> bytes | None:
    length = headers.get("content-length", "")
    if length.isdecimal():
        if int(length) > limit:
            return None
        whole: bytes = await protocol()
        return whole
    # Of unknown length: no more of it is taken in than may be.
    parts, size = [], 0
    async for part in protocol:
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


application = Web()
