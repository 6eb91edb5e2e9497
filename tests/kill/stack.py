"""Arriwa as it runs in production, on a database and a sandbox of its own: processes that can be killed.

Nothing of it is shared with the other suites: real processes work on whatever they find in a database.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg

from arriwa.ops.child import Process
from arriwa.ops.database import install_pgmq
from arriwa.ops.demo import LOOPBACK, REPOSITORY, Addresses, answering, product_processes
from arriwa.ops.instance import Secrets, product_environment
from arriwa.ops.lifetime import tied
from sandbox.journey.api import Product
from tests.environment import free_port
from tests.support.database import PAGES, copied
from tests.support.isolation import fingerprint, holdings
from tests.support.sandbox import Sandbox

TOKEN = "only-for-kill-tests"
#: 32 bytes in base64, of no worth outside these tests.
MASTER_KEY = "b25seS1mb3Ita2lsbC10ZXN0cy1vbmx5LWZvci1raWw="
NAMES = ("web", "relay", "worker")
SETUP_SECONDS = 180.0
READY_SECONDS = 120.0


class Stack:
    """Web, relay and worker as bin/demo starts them, the sandbox, and a look into the database.

    Without beat, whose sweep would do another process's work in its stead.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.addresses = Addresses(free_port(), free_port())
        self._database = ExitStack()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._processes: dict[str, Process] = {}

    def start(self) -> None:
        """Makes the database, the organizations and the processes, and waits until web answers."""
        self.url = self._database.enter_context(copied(f"test_arriwa_kill_{os.getpid()}"))
        install_pgmq(self.url)
        self.sandbox = Sandbox(self.addresses.sandbox_port)
        self.sandbox.post("/kommo/_settings", {"lag": 0.1, "rate": 1000})
        environment = self._environment()
        self._processes = {p.name: p for p in product_processes(self.addresses, environment)}
        # The database is migrated already: they need not wait for the organizations' connections.
        for name in NAMES:
            self.restart(name)
        with self._log("setup") as log:
            subprocess.run(
                [sys.executable, "manage.py", "setup_demo"],
                env=environment,
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
                timeout=SETUP_SECONDS,
                check=True,
            )
        self.db = psycopg.connect(self.url, autocommit=True, application_name="kill test")
        self.schema = self._schema_of("demo")
        self.wait_web()

    def _schema_of(self, account: str) -> str:
        query = "SELECT schema_name FROM public.tenants_organization WHERE page_id = %s"
        row = self.db.execute(query, (PAGES[account],)).fetchone()
        assert row is not None
        return str(row[0])

    def stop(self) -> None:
        """Ends everything and drops the database."""
        for name in list(self._running):
            self.kill(name)
        if hasattr(self, "db"):
            self.db.close()
        if hasattr(self, "sandbox"):
            self.sandbox.stop()
            self.sandbox.process.stdout.close()  # type: ignore[union-attr]
            self.sandbox.http.close()
        self._database.close()

    def _environment(self) -> dict[str, str]:
        sandbox = self.addresses.sandbox
        return product_environment(
            Secrets(secret_key="only-for-tests", master_key=MASTER_KEY, api_token=TOKEN),
            database_url=self.url,
            web_url=self.addresses.web,
            sandbox_url=sandbox,
            overrides={
                "ARRIWA_GUPSHUP_URL": f"{sandbox}/gupshup",
                "ARRIWA_META_URL": f"{sandbox}/graph",
                "ARRIWA_KOMMO_URL": f"{sandbox}/kommo/{{subdomain}}",
                "ARRIWA_STRIPE_URL": f"{sandbox}/stripe",
                "ARRIWA_FLOWISE_URL": f"{sandbox}/flowise",
                # Longer than any stop of a test: the judge must not give up meanwhile.
                "ARRIWA_AGENT_DEADLINE_SECONDS": "60",
                "PYTHONUNBUFFERED": "1",
            },
        )

    def _log(self, name: str) -> Any:
        return (self.folder / f"{name}.log").open("ab")

    # --- processes ------------------------------------------------------------------------------

    def restart(self, name: str, **settings: str) -> None:
        """Starts a process that is down, with further environment variables."""
        process = self._processes[name]
        with self._log(name) as log:
            self._running[name] = subprocess.Popen(
                tied(_single(process.argv)),
                # The name tells in pg_stat_activity whose connection it is.
                env={**process.env, "PGAPPNAME": name, **settings},
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """SIGKILL to the process and all that it started, at once."""
        process = self._running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=5)

    def pids(self, name: str) -> list[int]:
        """The process and its children, oldest first."""
        leader = self._running[name].pid
        found = subprocess.run(["ps", "-o", "pid=", "-g", str(leader)], capture_output=True, text=True)
        return sorted(int(pid) for pid in found.stdout.split())

    def down(self, name: str) -> bool:
        """True when the process has ended by itself."""
        return self._running[name].poll() is not None

    def wait_web(self) -> None:
        """Fails when web does not become ready."""
        ready = answering(f"http://{LOOPBACK}:{self.addresses.web_port}/readyz")
        until(ready, READY_SECONDS, lambda: f"web is not ready: {self.tail('web')}")

    def tail(self, name: str) -> str:
        """The last lines of a process."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    # --- what there is ----------------------------------------------------------------------------

    def product(self, digits: str) -> Product:
        """The API's view of the person with the phone."""
        return Product(self.addresses.web, TOKEN, digits)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """A query on the database; `{schema}` stands for the demo organization's schema."""
        return self.db.execute(query.format(schema=f'"{self.schema}"'), values).fetchall()

    def others(self) -> tuple[str, dict[str, Any]]:
        """What the second organization has, in rows and at the platforms."""
        return fingerprint(self.db.cursor(), self._schema_of("other")), holdings(self.sandbox, "other")

    def left(self) -> list[str]:
        """What the queues still hold, apart from waits for a status."""
        return [
            " ".join(str(part) for part in row)
            for row in self.rows(
                "SELECT 'task', kind, state, attempts FROM public.outbox_outboxtask UNION ALL"
                " SELECT 'timer', kind, '', 0 FROM public.outbox_timer WHERE kind <> 'send_doubt' UNION ALL"
                " SELECT 'receipt', platform, '', attempts FROM public.receipts_receipt"
            )
        ]


def _single(argv: Sequence[str]) -> list[str]:
    """The command with one worker process where it names a number: it starts in half the time."""
    words = list(argv)
    if "--workers" in words:
        words[words.index("--workers") + 1] = "1"
    return words


def until(check: Any, seconds: float, explain: Any) -> Any:
    """Waits until `check()` is true and returns it. Fails with `explain()` after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, explain()
        time.sleep(0.05)
    return found
