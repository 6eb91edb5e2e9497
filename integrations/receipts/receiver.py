"""The hook receiver: a small WSGI callable before Django (design 3; stack: one statement, no ORM).

POST /hooks/<platform>/<route key>/ → route → verify the raw bytes → store, sealed → 2xx, empty body.
Answers: unknown route 404; wrong or missing signature 401; over 4 MiB 413; database away 503.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import psycopg
from django.conf import settings
from psycopg_pool import ConnectionPool, PoolTimeout

from arriwa.common import clock, sealing
from arriwa.outbox import wakeup
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

StartResponse = Callable[..., Any]
Environ = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """A hook route as the receiver keeps it."""

    organization: UUID
    schema_name: str
    workspace: UUID
    connection: UUID
    secrets: tuple[str, ...]
    #: What every receipt of the route holds, encoded for the store.
    columns: tuple[bytes, ...]


class Counters:
    """How hooks were answered since the process began; read by /metrics."""

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}
        self._lock = threading.Lock()

    def count(self, status: int) -> None:
        """One more answer with `status`."""
        with self._lock:
            self.by_status[status] = self.by_status.get(status, 0) + 1


counters = Counters()
_REASONS = {
    200: "200 OK",
    401: "401 Unauthorized",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    411: "411 Length Required",
    413: "413 Content Too Large",
    503: "503 Service Unavailable",
}


def hook_handler(platform: str) -> HookHandler | None:
    """The adapter's `webhooks` module, None for a platform that sends us none."""
    if f"integrations.{platform}" not in settings.PLATFORMS:
        return None
    try:
        module: Any = import_module(f"integrations.{platform}.webhooks")
    except ModuleNotFoundError:
        return None
    return module if hasattr(module, "verify") else None


class Receiver:
    """Serves /hooks/; everything else goes to the wrapped WSGI application."""

    def __init__(
        self,
        application: Callable[[Environ, StartResponse], Iterable[bytes]],
        *,
        database: Mapping[str, Any] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """`database`: libpq's parameters, those of the settings by default; `patience` in seconds."""
        self._application = application
        self._database = database
        self._patience = patience
        self._routes: dict[tuple[str, str], tuple[float, Route]] = {}
        self._unknown: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._handlers = {
            name.rpartition(".")[2]: hook_handler(name.rpartition(".")[2]) for name in settings.PLATFORMS
        }
        self._pool: ConnectionPool[Any] | None = None
        self._writer: Store | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self._application(environ, start_response)
        status = self._serve(environ, path)
        counters.count(status)
        # An empty body: Gupshup relays any other to the person (reference gupshup 3.1).
        headers = [("Content-Length", "0")]
        if status == 503:
            headers.append(("Retry-After", "5"))
        start_response(_REASONS[status], headers)
        return [b""]

    def _serve(self, environ: Environ, path: str) -> int:
        platform, _, key = path.removeprefix(PREFIX).strip("/").partition("/")
        handler = self._handlers.get(platform)
        if handler is None or not _KEY.fullmatch(key):
            return 404
        if environ["REQUEST_METHOD"] != "POST":
            return 405
        try:
            route = self._route(platform, key)
            if route is None:
                return 404
            raw = _read_body(environ)
            if raw is None:
                return 413
            headers = _Headers(environ)
            if not handler.verify(raw, headers, route.secrets, time.time()):
                route = self._route(platform, key, fresh=True)
                if route is None:
                    return 404
                if not handler.verify(raw, headers, route.secrets, time.time()):
                    return 401
            leads = self._store(route, raw)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, StoreBusy) as error:
            logger.warning("hooks: the database is away (%s)", type(error).__name__)
            return 503
        except Exception:
            # A fault of ours, such as a master key that is gone: the sender keeps the hook and repeats it.
            logger.exception("a hook of %s could not be stored; its sender is asked to repeat it", platform)
            return 503
        if leads:
            wakeup.poke(wakeup.RECEIPTS)
        return 200

    def close(self) -> None:
        """Ends the connections once hooks under way are stored; for tests and orderly stops."""
        with self._lock:
            pool, self._pool = self._pool, None
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        if pool is not None:
            pool.close()

    def _connections(self) -> ConnectionPool[Any]:
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
            return self._pool

    def _route(self, platform: str, key: str, *, fresh: bool = False) -> Route | None:
        now = time.monotonic()
        cached = self._routes.get((platform, key))
        if cached is not None and not fresh and now - cached[0] < ROUTE_SECONDS:
            return cached[1]
        if now - self._unknown.get((platform, key), -UNKNOWN_SECONDS) < UNKNOWN_SECONDS:
            return None
        with self._connections().connection() as connection:
            row = connection.execute(_ROUTE, (platform, key)).fetchone()
        if row is None:
            self._routes.pop((platform, key), None)
            self._unknown[platform, key] = now
            while len(self._unknown) > UNKNOWN_LIMIT:
                self._unknown.popitem(last=False)
            return None
        identity, organization, schema_name, workspace, connection_uuid, sealed = row
        opened = sealing.unseal_json(sealed, organization=organization, row=f"hook_route:{identity}")
        columns = (platform, schema_name, str(workspace), str(connection_uuid))
        route = Route(
            organization,
            schema_name,
            workspace,
            connection_uuid,
            tuple(opened),
            tuple(text.encode() for text in columns),
        )
        self._routes[platform, key] = (now, route)
        return route

    def _store(self, route: Route, raw: bytes) -> bool:
        """Returns once the hook is committed; whether this thread shall wake the relay."""
        uid = str(uuid4())
        sealed = sealing.seal(raw, organization=route.organization, row=f"receipt:{uid}")
        real = datetime.now(UTC)
        received = (real + clock.offset()).isoformat().encode()
        return self._store_of().put(
            (uid.encode(), *route.columns, received, real.isoformat().encode(), sealed)
        )

    def _store_of(self) -> Store:
        if self._writer is None:
            with self._lock:
                if self._writer is None:
                    parameters = self._database or connection_parameters()
                    self._writer = Store(
                        {**parameters, "application_name": "arriwa hooks"}, patience=self._patience
                    )
        return self._writer


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
