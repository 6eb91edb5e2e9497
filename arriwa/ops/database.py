"""What a database needs before Django can migrate it."""

from __future__ import annotations

import psycopg
from psycopg import sql

from arriwa.ops.errors import OpsError

#: Any constant of ours: two set-ups at once must not both install.
INSTALL_LOCK = 7_366_104


def ensure_database(dsn: str, name: str) -> bool:
    """Create the database `name` (UTF-8) on the server of `dsn` unless it exists; True when it was created.

    Raises OpsError when the server cannot be reached or refuses.
    """
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                return False
            try:
                connection.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8'").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return False  # Another set-up was quicker.
            return True
    except psycopg.Error as error:
        raise OpsError(f"The database {name} could not be made: {_first_line(error)}.") from error


def install_pgmq(dsn: str) -> bool:
    """Install pgmq (Celery's broker) into the database of `dsn`; False when it is there.

    The SQL comes with the package pgmq and needs no server extension (stack.md 3).
    Raises OpsError when it fails.
    """
    from pgmq.install import PGMQInstallError, install_pgmq_from_sql

    try:
        with psycopg.connect(dsn) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [INSTALL_LOCK])
            if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'pgmq'").fetchone():
                return False
            install_pgmq_from_sql(conn=connection)
            return True
    except (psycopg.Error, PGMQInstallError) as error:
        raise OpsError(f"The task broker pgmq could not be installed: {_first_line(error)}.") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
