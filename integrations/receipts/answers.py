"""Answers to hooks, before Django and without it (design 3; stack: one statement, no ORM).

POST /hooks/<platform>/<route key>/ → route → verify the raw bytes → store, sealed → 2xx, empty body.
Answers: unknown route 404; wrong or missing signature 401; over 4 MiB 413; database away 503.

It works on an event loop: a hook holds no thread while it waits to be stored (ADR 0019).
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from threading import Lock
from typing import Any
from uuid import uuid4

import psycopg
from django.conf import settings
from psycopg_pool import ConnectionPool, PoolTimeout

from arriwa.common import clock, sealing
from arriwa.outbox.session import connection_parameters
from integrations.base.hooks import HookHandler
from integrations.receipts.store import Store, StoreBusy

logger = logging.getLogger(__name__)

PREFIX = "/hooks/"
ROUTE_SECONDS = 30.0
UNKNOWN_SECONDS = 5.0
#: Unknown keys remembered at most, so that guessing does not fill the memory.
UNKNOWN_LIMIT = 10_000
#: Seconds to wait for a connection before the sender is asked to come back.
PATIENCE = 5.0
#: What a route key looks like; nothing else reaches memory or database.
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

_ROUTE = """
SELECT r.id, r.organization_id, o.schema_name, r.workspace_uuid, r.connection_uuid, r.secrets_sealed
FROM public.tenants_hookroute r JOIN public.tenants_organization o ON o.id = r.organization_id
WHERE r.platform = %s AND r.key = %s AND r.active
"""

#: Reads a hook's raw body; None when it is longer than so many bytes.
Read = Callable[[int], Awaitable[bytes | None]]


@dataclass(frozen=True, slots=True)
class Route:
    """A hook route as the receiver keeps it."""

    secrets: tuple[str, ...]
    sealer: sealing.Sealer
    #: What every receipt of the route holds: platform, schema, workspace, connection.
    columns: tuple[bytes, bytes, bytes, bytes]


class Counters:
    """How hooks were answered since the process began; read by /metrics."""

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}
        self._lock = Lock()

    def count(self, status: int) -> None:
        """One more answer with `status`."""
        with self._lock:
            self.by_status[status] = self.by_status.get(status, 0) + 1


counters = Counters()


def hook_handler(platform: str) -> HookHandler | None:
    """The adapter's `webhooks` module, None for a platform that sends us none."""
    if f"integrations.{platform}" not in settings.PLATFORMS:
        return None
    try:
        module: Any = import_module(f"integrations.{platform}.webhooks")
    except ModuleNotFoundError:
        return None
    return module if hasattr(module, "verify") else None


def answer_headers(status: int) -> list[tuple[str, str]]:
    """The headers of an answer, whose body is empty: Gupshup relays any other to the person (3.1)."""
    headers = [("Content-Length", "0")]
    if status == 503:
        headers.append(("Retry-After", "5"))
    return headers


class Answers:
    """What one process keeps to answer hooks, on one event loop."""

    def __init__(self, *, database: Mapping[str, Any] | None = None, patience: float = PATIENCE) -> None:
        """`database`: libpq's parameters, those of the settings by default; `patience` in seconds."""
        self._database = database
        self._patience = patience
        self._routes: dict[tuple[str, str], tuple[float, Route]] = {}
        self._unknown: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._handlers = {
            name.rpartition(".")[2]: hook_handler(name.rpartition(".")[2]) for name in settings.PLATFORMS
        }
        self._limit: int = settings.HOOK_BODY_LIMIT
        self._pool: ConnectionPool[Any] | None = None
        self._store: Store | None = None
        self._lock = Lock()

    async def answer(self, method: str, path: str, headers: Mapping[str, str], read: Read) -> int:
        """The status for a hook. `path` begins with PREFIX; `headers` have lower-case names."""
        status = await self._serve(method, path, headers, read)
        counters.count(status)
        return status

    async def close(self) -> None:
        """Ends the connections once hooks under way are stored; for tests and orderly stops."""
        store, self._store = self._store, None
        if store is not None:
            await store.close()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.close)

    async def _serve(self, method: str, path: str, headers: Mapping[str, str], read: Read) -> int:
        platform, _, key = path[len(PREFIX) :].strip("/").partition("/")
        handler = self._handlers.get(platform)
        if handler is None or not _KEY.fullmatch(key):
            return 404
        if method != "POST":
            return 405
        try:
            route = self._cached(platform, key) or await self._look_up(platform, key)
            if route is None:
                return 404
            raw = await read(self._limit)
            if raw is None:
                return 413
            if not handler.verify(raw, headers, route.secrets, time.time()):
                route = await self._look_up(platform, key)
                if route is None:
                    return 404
                if not handler.verify(raw, headers, route.secrets, time.time()):
                    return 401
            await self._put(route, raw)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, StoreBusy) as error:
            logger.warning("hooks: the database is away (%s)", type(error).__name__)
            return 503
        except Exception:
            # A fault of ours, such as a master key that is gone: the sender keeps the hook and repeats it.
            logger.exception("a hook of %s could not be stored; its sender is asked to repeat it", platform)
            return 503
        return 200

    def _put(self, route: Route, raw: bytes) -> asyncio.Future[None]:
        if self._store is None:
            self._store = Store(self._database or connection_parameters(), patience=self._patience)
        uid = str(uuid4())
        real = datetime.now(UTC)
        available = real.isoformat().encode()
        offset = clock.offset()
        received = (real + offset).isoformat().encode() if offset else available
        sealed = route.sealer.seal(raw, row=f"receipt:{uid}")
        return self._store.put((uid.encode(), *route.columns, received, available, sealed))

    def _cached(self, platform: str, key: str) -> Route | None:
        cached = self._routes.get((platform, key))
        if cached is not None and time.monotonic() - cached[0] < ROUTE_SECONDS:
            return cached[1]
        return None

    async def _look_up(self, platform: str, key: str) -> Route | None:
        now = time.monotonic()
        if now - self._unknown.get((platform, key), -UNKNOWN_SECONDS) < UNKNOWN_SECONDS:
            return None
        row = await asyncio.to_thread(self._read_route, platform, key)
        if row is None:
            self._routes.pop((platform, key), None)
            self._unknown[platform, key] = now
            while len(self._unknown) > UNKNOWN_LIMIT:
                self._unknown.popitem(last=False)
            return None
        identity, organization, schema_name, *uuids, sealed = row
        opened = sealing.unseal_json(sealed, organization=organization, row=f"hook_route:{identity}")
        workspace, connection = (str(one).encode() for one in uuids)
        columns = platform.encode(), schema_name.encode(), workspace, connection
        route = Route(tuple(opened), sealing.Sealer(organization), columns)
        self._routes[platform, key] = (now, route)
        return route

    def _read_route(self, platform: str, key: str) -> tuple[Any, ...] | None:
        with self._lock:
            if self._pool is None:
                self._pool = ConnectionPool(
                    kwargs={
                        **(self._database or connection_parameters()),
                        "autocommit": True,
                        "prepare_threshold": 1,
                    },
                    min_size=1,
                    max_size=8,
                    timeout=self._patience,
                    max_lifetime=600,
                    check=None,
                    open=True,
                    name="hooks",
                )
            pool = self._pool
        with pool.connection() as connection:
            row: tuple[Any, ...] | None = connection.execute(_ROUTE, (platform, key)).fetchone()
            return row
