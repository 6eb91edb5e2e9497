"""How the fake Gupshup refuses, reads forms and counts its limits (gupshup_whatsapp.md 1.5)."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

#: What is limited -> (calls, seconds); partner-docs "rate limits" and the pages of the token calls.
LIMITS = {
    "login": (10, 60),
    "ut": (3, 60),
    "ut_list": (30, 60),
    "uat": (10, 60),
    "app_token": (10, 60),
    "app": (10, 60),
    "subscription": (5, 60),
    "health": (10, 60),
    "templates": (10, 60),
    "bsuid": (10, 60),
    "send": (80, 1),
}
#: Everything else.
OTHERS = (10, 1)


class Denied(Exception):
    """An answer in Gupshup's error shape."""

    def __init__(self, status: int, message: Any) -> None:
        super().__init__(str(message))
        self.answer = web.json_response({"status": "error", "message": message}, status=status)


@web.middleware
async def errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Turns Denied into its answer."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except Denied as denied:
        return denied.answer


def success(**fields: Any) -> web.Response:
    """200 in Gupshup's shape."""
    return web.json_response({"status": "success", **fields})


async def form_of(request: web.Request) -> dict[str, str]:
    """The form fields of the body."""
    return dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))


class Limits:
    """Sliding windows, in real time. They count only while `on`."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self.on = True

    def count(self, what: str, whose: str) -> None:
        """One more call; 429 when its window is full."""
        if not self.on:
            return
        most, seconds = LIMITS.get(what, OTHERS)
        window, now = self._seen[what, whose], time.monotonic()
        while window and window[0] <= now - seconds:
            window.popleft()
        if len(window) >= most:
            raise Denied(429, "Too Many Requests")
        window.append(now)

    def set(self, on: bool) -> None:
        """Counts from now on, or not at all."""
        self.on = on
        self._seen.clear()
