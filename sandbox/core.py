"""What every fake shares: the world, its record of what arrived, the fault dial, outgoing hooks.

The sandbox imports nothing of the product and the product imports nothing of it (design 2).
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

RECORD_LIMIT = 200_000
PLATFORMS = ("gupshup", "meta", "kommo", "stripe", "flowise")


@dataclass
class Fault:
    """One setting of the dial (design 6). Applies to requests whose path contains `path`."""

    platform: str
    path: str = ""
    method: str = ""
    #: Answer with this status instead of serving (the request is not accepted).
    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    #: Seconds before the request is served, or until the dial is cleared.
    delay: float = 0.0
    #: Serve the request, then close the connection without an answer.
    drop_after_accept: bool = False
    #: Serve the request, then keep the answer back this long, or until the dial is cleared.
    answer_delay: float = 0.0
    #: Refuse the connection's request before serving it (closes without an answer).
    drop_before_accept: bool = False
    #: Send each outgoing hook this many times more.
    duplicate: int = 0
    #: Hold outgoing hooks and send them in reverse order in groups of this many.
    reorder: int = 0
    #: Do not send outgoing hooks at all.
    mute: bool = False
    #: `duplicate`, `reorder` and `mute` hit only hooks of this kind ("status", "message", a Stripe event
    #: type ...); empty hits all. {"platform": "gupshup", "mute": true, "hook": "status"} is "statuses off".
    hook: str = ""
    #: Requests per second above which 429 is answered.
    rate: float = 0.0
    #: How many requests this fault still hits; None is without end.
    times: int | None = None


@dataclass
class Received:
    """A request as it arrived, with what was answered."""

    id: int
    platform: str
    at: float
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str
    status: int = 0
    answer: Any = None


class World:
    """All state of one sandbox process. Lives in memory; `reset` empties it, accounts stay."""

    def __init__(self, accounts: dict[str, Any]) -> None:
        #: account name -> platform -> settings; see accounts.json
        self.accounts = accounts
        self.client: aiohttp.ClientSession | None = None
        self.tasks: set[asyncio.Task[Any]] = set()
        #: platform -> how its held effects are told as JSON; see `on_state`
        self.states: dict[str, Callable[[], Any]] = {}
        #: platform -> how a hook's headers are made anew when it is sent again (signatures with a time)
        self.resigners: dict[str, Callable[[dict[str, Any]], dict[str, str]]] = {}
        #: what `meta_of` says of an account without Meta settings; the fake Facebook sets it
        self.business_side: Callable[[str], dict[str, Any]] = lambda account: {}
        #: business id -> name of everything that could own a WhatsApp account
        self.business_names: Callable[[], dict[str, str]] = dict
        self._resetters: list[Callable[[], None]] = []
        self.reset()

    def on_reset(self, function: Callable[[], None]) -> None:
        """A fake registers how it empties its own state; it is called at once and at each reset."""
        self._resetters.append(function)
        function()

    def on_state(self, platform: str, function: Callable[[], Any]) -> None:
        """A fake registers what `GET /_state?platform=` answers: the effects that it holds."""
        self.states[platform] = function

    def merge_accounts(self, accounts: dict[str, Any]) -> None:
        """Adds accounts (or platforms of known accounts) while running; same shape as accounts.json."""
        for name, platforms in accounts.items():
            self.accounts.setdefault(name, {}).update(platforms)

    def account_by(self, platform: str, **wanted: str) -> tuple[str, dict[str, Any]] | None:
        """(account name, its settings on `platform`) of the first account whose settings match, or None."""
        for name, platforms in self.accounts.items():
            settings = platforms.get(platform)
            if settings and all(str(settings.get(key)) == value for key, value in wanted.items()):
                return name, settings
        return None

    def meta_of(self, account: str) -> dict[str, Any]:
        """The Meta side of an account: as in accounts.json, else that of its WhatsApp account's business.

        {"business_id", "waba_id", "ads", "catalog_id", "products" ...}; {} when nothing is known.
        """
        return {**self.business_side(account), **self.accounts[account].get("meta", {})}

    def now(self) -> float:
        """The sandbox's clock, in seconds since the epoch: real time plus `clock_offset` (POST /_clock)."""
        return time.time() + self.clock_offset

    def reset(self) -> None:
        """Empties the record, the faults and every fake's state; running hooks are cancelled."""
        for task in self.tasks:
            task.cancel()
        self.received: deque[Received] = deque(maxlen=RECORD_LIMIT)
        self.faults: list[Fault] = []
        self.cleared = asyncio.Event()
        self.sequence = 0
        self.clock_offset = 0.0
        #: click id of a click-to-WhatsApp ad -> {"account", "ad_id", "at"}; minted by the lead's phone
        self.clicks: dict[str, dict[str, Any]] = {}
        #: WhatsApp Business accounts made while running: WABA id -> {"business_id", "name",
        #: "numbers": [{"number", "number_id"}], "shared_with"?: [business id]}; an embedded signup adds them
        self.wabas: dict[str, dict[str, Any]] = {}
        self.hooks: list[dict[str, Any]] = []
        self.held: dict[str, list[tuple[str, bytes, dict[str, str]]]] = defaultdict(list)
        self._windows: dict[int, deque[float]] = defaultdict(deque)
        for function in self._resetters:
            function()

    # --- faults ---------------------------------------------------------------------------------

    def faults_for(self, platform: str, method: str, path: str) -> list[Fault]:
        """Faults that hit this request; counts down `times`."""
        hit = []
        for fault in list(self.faults):
            if fault.platform not in (platform, "*") or (fault.path and fault.path not in path):
                continue
            if fault.method and fault.method != method:
                continue
            if fault.times is not None:
                if fault.times <= 0:
                    continue
                fault.times -= 1
            hit.append(fault)
        return hit

    def over_rate(self, fault: Fault) -> bool:
        """True when this request exceeds the fault's `rate` within the last second."""
        window = self._windows[id(fault)]
        now = time.monotonic()
        while window and window[0] < now - 1:
            window.popleft()
        if len(window) >= fault.rate:
            return True
        window.append(now)
        return False

    # --- outgoing hooks -------------------------------------------------------------------------

    def spawn(self, work: Awaitable[Any]) -> None:
        """Runs `work` in the background and keeps hold of it."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def send_hook(
        self,
        platform: str,
        url: str,
        body: bytes,
        headers: dict[str, str],
        *,
        delay: float = 0.0,
        kind: str = "",
    ) -> None:
        """Posts a hook as the platform would, with retries on non-2xx, under the platform's faults.

        `kind` says what the hook carries, for faults that name one (`Fault.hook`).
        """
        if delay:
            await asyncio.sleep(delay)
        copies, group = 1, 0
        for fault in self.faults:
            if fault.platform in (platform, "*") and fault.hook in ("", kind):
                if fault.mute:
                    return
                copies += fault.duplicate
                group = max(group, fault.reorder)
        if group:
            held = self.held[platform]
            held.append((url, body, headers))
            if len(held) < group:
                return
            batch, self.held[platform] = list(reversed(held)), []
        else:
            batch = [(url, body, headers)]
        for item in batch:
            for _ in range(copies):
                await self._post(platform, *item)

    async def keep_back(self, seconds: float) -> None:
        """Waits `seconds`, or until the dial is cleared."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.cleared.wait(), seconds)

    def release_held(self) -> None:
        """Lets go what `delay`, `answer_delay` and `reorder` still hold, as after their end."""
        self.cleared.set()
        self.cleared = asyncio.Event()
        held, self.held = self.held, defaultdict(list)
        for platform, items in held.items():
            for item in items:
                self.spawn(self._post(platform, *item))

    async def _post(self, platform: str, url: str, body: bytes, headers: dict[str, str]) -> None:
        pauses = [0.2, 0.5, 1.0, 2.0, 2.0, 2.0, 4.0, 8.0, 15.0, 30.0]
        answers: list[dict[str, Any]] = []
        entry = {
            "platform": platform,
            "at": time.time(),
            "url": url,
            "body": body.decode(),
            "headers": headers,
            "answers": answers,
        }
        self.hooks.append(entry)
        for pause in [*pauses, None]:
            try:
                assert self.client is not None
                async with self.client.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                    text = await answer.text()
                    answers.append({"status": answer.status, "body": text})
                    if answer.status < 300 or answer.status in (401, 404, 413):
                        return
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                answers.append({"status": 0, "body": type(error).__name__})
            if pause is None:
                return
            await asyncio.sleep(pause)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def platform_middleware(world: World, platform: str) -> Any:
    """Records every request of a platform and applies its faults."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        raw = await request.read()
        world.sequence += 1
        entry = Received(
            id=world.sequence,
            platform=platform,
            at=time.time(),
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=dict(request.headers),
            body=raw.decode("utf-8", "replace"),
        )
        world.received.append(entry)
        faults = world.faults_for(platform, request.method, request.path)
        for fault in faults:
            if fault.delay:
                await world.keep_back(fault.delay)
            if fault.drop_before_accept:
                return _close(request)
            if fault.status or (fault.rate and world.over_rate(fault)):
                entry.status = fault.status or 429
                body = fault.body if fault.body is not None else {"error": "fault dial"}
                return web.json_response(body, status=entry.status, headers=fault.headers)
        response = await handler(request)
        entry.status = response.status
        if isinstance(response, web.Response) and isinstance(response.body, bytes):
            try:
                entry.answer = json.loads(response.body) if response.body else None
            except ValueError:
                entry.answer = None
        for fault in faults:
            if fault.answer_delay:
                await world.keep_back(fault.answer_delay)
            if fault.drop_after_accept:
                return _close(request)
        return response

    return middleware


def _close(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=500)


def received_json(world: World, platform: str | None) -> list[dict[str, Any]]:
    """What `GET /_received` answers, oldest first."""
    return [asdict(entry) for entry in world.received if platform in (None, "", entry.platform)]


def token_id(prefix: str = "", size: int = 8) -> str:
    """A random id in the manner of the platforms."""
    return prefix + secrets.token_hex(size)
