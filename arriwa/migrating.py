"""Migrates organizations' schemas in processes of their own (design, decision 10).

django-tenants' executors migrate what is up to date too, wait for ever for a lock, and stop at the first
failure. Here each worker is a process that is given one schema after another; one that takes too long is
killed, what fails is reported, the others go on. Running it again does what is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from django.core.management import call_command
from django.db import OperationalError, connection

from arriwa.common.schema import enter_public, leave_connection
from arriwa.ops.lifetime import tied

#: How often a worker comes back to a schema whose tables were locked.
LOCK_TRIES = 3
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: how long a statement waits for a lock, how long one organization may take."""

    lock: float = 5.0
    organization: float = 300.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one schema; `error` is "" when it is migrated."""

    schema_name: str
    seconds: float
    error: str = ""


def organizations_migrate(
    schema_names: Sequence[str], *, jobs: int, limits: Limits, command: Sequence[str]
) -> Iterator[Outcome]:
    """Migrates the schemas by at most `jobs` processes at once; yields each as it is done, failed ones too.

    `command` starts a worker: `serve` on its standard input and output.
    """
    fleet = Fleet(schema_names, jobs=jobs, limits=limits, command=command)
    try:
        yield from fleet.run()
    finally:
        fleet.close()


class Worker:
    """A process that migrates one schema at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            tied(command, at_death=signal.SIGKILL), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.schema_name = ""
        self.began = 0.0
        self._partial = b""

    def give(self, schema_name: str) -> None:
        """Hands it a schema; one that has died already tells so by its closed output."""
        self.schema_name, self.began = schema_name, time.monotonic()
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{schema_name}\n".encode())
            self.process.stdin.flush()

    def read(self) -> str | None:
        """Its answer: an error or "" for success; None while it has said only half. Raises EOFError."""
        assert self.process.stdout is not None
        read = os.read(self.process.stdout.fileno(), 65536)
        if not read:
            raise EOFError
        self._partial += read
        if not self._partial.endswith(b"\n"):
            return None
        said, self._partial = json.loads(self._partial), b""
        return str(said["error"])

    def outcome(self, error: str) -> Outcome:
        """What is to be said of its schema."""
        return Outcome(self.schema_name, time.monotonic() - self.began, error)

    def kill(self) -> None:
        """Ends it at once; the server undoes the migration that it was at."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """Lets it end by itself; by force after five seconds."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Fleet:
    """Workers and what they have to do. Used from one thread, the one whose death they follow."""

    def __init__(
        self, schema_names: Sequence[str], *, jobs: int, limits: Limits, command: Sequence[str]
    ) -> None:
        self._left = deque(schema_names)
        self._jobs, self._limits, self._command = jobs, limits, command
        self._selector = selectors.DefaultSelector()
        self._workers: set[Worker] = set()

    def run(self) -> Iterator[Outcome]:
        """Gives every schema to a worker and yields what became of it."""
        while self._left and len(self._workers) < self._jobs:
            self._hire()
        while self._workers:
            now = time.monotonic()
            patience = min(worker.began for worker in self._workers) + self._limits.organization - now
            for key, _ in self._selector.select(max(0.0, patience)):
                yield from self._answer(cast(Worker, key.data))
            for worker in list(self._workers):
                if time.monotonic() - worker.began >= self._limits.organization:
                    yield worker.outcome(f"took longer than {self._limits.organization:g} s")
                    self._dismiss(worker, by_force=True)

    def close(self) -> None:
        """Ends whoever is still at work."""
        for worker in list(self._workers):
            self._forget(worker)
            worker.kill()
        self._selector.close()

    def _answer(self, worker: Worker) -> Iterator[Outcome]:
        try:
            error = worker.read()
        except EOFError:
            yield worker.outcome("its process died; see the output above")
            self._dismiss(worker, by_force=True)
            return
        if error is None:
            return
        yield worker.outcome(error)
        if self._left:
            worker.give(self._left.popleft())
        else:
            self._dismiss(worker)

    def _hire(self) -> None:
        worker = Worker(self._command)
        worker.give(self._left.popleft())
        self._workers.add(worker)
        self._selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]

    def _dismiss(self, worker: Worker, *, by_force: bool = False) -> None:
        """Ends a worker; one that ends by force is replaced while there is something left."""
        self._forget(worker)
        if by_force:
            worker.kill()
            if self._left:
                self._hire()
        else:
            worker.close()

    def _forget(self, worker: Worker) -> None:
        self._workers.discard(worker)
        self._selector.unregister(worker.process.stdout)  # type: ignore[arg-type]


# --- in the worker ----------------------------------------------------------------------------------


def serve(limits: Limits) -> None:
    """A worker: reads names of schemas line by line, migrates each and answers with a line of JSON."""
    # What migrations print is for people.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    # The server gives up by itself where this process is killed, and before it waits too long for a lock.
    options = cast(dict[str, Any], connection.settings_dict["OPTIONS"])
    options["options"] = (
        f"{options.get('options', '')} -c lock_timeout={int(limits.lock * 1000)}"
        f" -c statement_timeout={int(limits.organization * 1000)}"
    )
    connection.close()
    for line in sys.stdin:
        answers.write(json.dumps({"error": _migrate(line.strip())}) + "\n")


def _migrate(schema_name: str) -> str:
    """Migrates one schema; the error in one line, "" for none."""
    for left in reversed(range(LOCK_TRIES)):
        try:
            call_command("migrate_schemas", schema_name=schema_name, interactive=False, verbosity=0)
            return ""
        except OperationalError as error:
            leave_connection()
            if not (left and isinstance(error.__cause__, psycopg.errors.LockNotAvailable)):
                return _line(error)
        except Exception as error:
            # Any: the other organizations are still to be migrated, and this one is reported.
            leave_connection()
            return _line(error)
        finally:
            enter_public()
    return ""


def _line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {text}"
