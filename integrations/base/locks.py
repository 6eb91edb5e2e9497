"""One process at a time, across a platform call: no transaction and no row lock is held meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from arriwa.outbox.session import direct_connection
from integrations.base.errors import RemoteFault

#: First key of these advisory locks; the second is made of what is locked.
PLATFORM_LOCK = 0x4157_0010
#: Seconds for which another process is waited for: longer than its calls may take.
SECONDS = 60


@contextmanager
def platform_lock(subject: UUID, *, seconds: int = SECONDS) -> Iterator[psycopg.Connection[Any]]:
    """Only one holder per `subject` (a connection, a workspace); it ends with the process.

    Yields the direct connection that holds it, in autocommit. Raises RemoteFault when another process
    holds it for too long.
    """
    with direct_connection(application_name="arriwa platform lock") as db:
        db.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(f"{seconds}s")))
        key = int.from_bytes(subject.bytes[:4], signed=True)
        try:
            db.execute("SELECT pg_advisory_lock(%s, %s)", [PLATFORM_LOCK, key])
        except psycopg.errors.LockNotAvailable as error:
            raise RemoteFault("Another process has been at this for too long: try again.") from error
        yield db
