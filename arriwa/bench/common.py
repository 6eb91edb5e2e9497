"""What every part of the bench needs: real processes, two organizations, figures on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from arriwa.common.schema import enter_public
from arriwa.ops.demo import Addresses, product_processes, sandbox_process
from arriwa.ops.folders import REPOSITORY
from arriwa.ops.instance import Secrets, product_environment
from arriwa.ops.lifetime import tied
from arriwa.ops.ports import free_port
from arriwa.outbox.models import OutboxTask, Queue
from arriwa.provision import Provisioned, provision
from integrations.receipts.models import Receipt
from subscribers.playbook.load import default_document

#: Set in the environment of the process that measures; holds web's and the sandbox's port.
PORTS = "ARRIWA_BENCH_PORTS"
ACCOUNTS = REPOSITORY / "sandbox" / "accounts.json"
READY_SECONDS = 60.0
STOP_SECONDS = 5.0


def say(text: str) -> None:
    """Progress, for people."""
    print(f"· {text}", file=sys.stderr, flush=True)


def figure(name: str, value: float, unit: str) -> None:
    """One result line: `name value unit`."""
    print(f"{name} {value:.4g} {unit}" if value < 1000 else f"{name} {value:.0f} {unit}", flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of `values` do not exceed; NaN for none."""
    if not values:
        return float("nan")
    ranked = sorted(values)
    return ranked[max(0, min(len(ranked) - 1, round(share * len(ranked) + 0.5) - 1))]


def environment() -> dict[str, str]:
    """The environment in which the bench and all processes it starts agree on ports and keys."""
    web = free_port()
    addresses = Addresses(web, free_port(avoid=frozenset({web})))
    kept = Secrets("only-for-benchmarks", "Ym91bmQgdG8gYmVuY2htYXJrcywgMzIgYnl0ZXMhISE=", "bench-token")
    overrides = {
        PORTS: f"{addresses.web_port} {addresses.sandbox_port}",
        "ARRIWA_LOG_LEVEL": "WARNING",
        # The limits of WhatsApp, not ours, would be measured otherwise.
        "ARRIWA_GUPSHUP_RATE": "100000",
    }
    return product_environment(
        kept,
        database_url=os.environ["DATABASE_URL"],
        web_url=addresses.web,
        sandbox_url=addresses.sandbox,
        overrides=overrides,
    )


class Stage:
    """The processes of Arriwa, started and stopped by name: sandbox, web, relay, worker."""

    def __init__(self) -> None:
        web, sandbox = map(int, os.environ[PORTS].split())
        self.addresses = Addresses(web, sandbox)
        self.log_folder = Path(tempfile.mkdtemp(prefix="arriwa-bench-"))
        planned = [
            sandbox_process(self.addresses, Secrets("", "", "bench-token")),
            *product_processes(self.addresses, dict(os.environ)),
        ]
        self._planned = {process.name: process for process in planned}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.organizations: list[Provisioned] = []
        self._registered = 0

    def start(self, *names: str) -> None:
        """Starts processes that do not run yet and waits until they can serve.

        Raises CommandError with the end of the log when one does not come up.
        """
        for name in names:
            if name not in self._running:
                self._start(name)

    def _start(self, name: str) -> None:
        planned = self._planned[name]
        with (self.log_folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                tied(planned.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**planned.env, "PYTHONUNBUFFERED": "1"},
                cwd=REPOSITORY,
                start_new_session=True,
            )
        self._running[name] = process
        begin = time.monotonic()
        # Processes without a check of their own are given time to import and connect.
        ready: Callable[[], bool] = planned.ready or (lambda: time.monotonic() - begin > 4.0)
        while not ready():
            if process.poll() is not None or time.monotonic() - begin > READY_SECONDS:
                tail = (self.log_folder / f"{name}.log").read_text(errors="replace")[-2000:]
                raise CommandError(f"{name} does not come up:\n{tail}")
            time.sleep(0.05)

    def stop(self, *names: str) -> None:
        """Ends processes that run, at the latest by force after five seconds."""
        for name in names:
            process = self._running.pop(name, None)
            if process is None:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            # Its own workers must not outlive it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self) -> None:
        """Ends everything."""
        self.stop("relay", "worker", "web", "sandbox")

    def ask(self, path: str, body: Any = None) -> Any:
        """GET, or POST of a JSON body, at the sandbox; its JSON answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.addresses.sandbox}{path}", data=data)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=120) as answer:
            return json.load(answer)

    def clear_faults(self) -> None:
        """The fault dial back to zero."""
        request = urllib.request.Request(f"{self.addresses.sandbox}/_faults", method="DELETE")
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()

    def provision(self) -> None:
        """Makes both organizations and registers their hooks at the running sandbox, once for each."""
        if self._registered == self._running["sandbox"].pid:
            return
        self._registered = self._running["sandbox"].pid
        self.organizations.clear()
        accounts = json.loads(ACCOUNTS.read_text())
        playbook = {"questions": _questions_by_tap()}
        for name in ("demo", "other"):
            made = provision(name=name, page_id=f"page-{name}", accounts=accounts[name], playbook=playbook)
            self.organizations.append(made)

    def statuses(self, statuses: Sequence[str]) -> None:
        """Which statuses WhatsApp tells of each message, in both accounts."""
        for account in json.loads(ACCOUNTS.read_text()).values():
            app_id = account["gupshup"]["app_id"]
            self.ask("/gupshup/_settings", {"app_id": app_id, "statuses": list(statuses)})


def _questions_by_tap() -> list[dict[str, Any]]:
    """The default questions, each asked with buttons or a list."""
    questions = default_document()["questions"]
    for question in questions:
        if question["form"] == "text":
            question["form"] = "list"
            question["menu_button"] = {"ru": "Выбрать", "en": "Choose"}
    return list(questions)


def interactive_left() -> int:
    """Hooks and messages that are still to be worked off."""
    enter_public()
    tasks = OutboxTask.objects.filter(queue=Queue.INTERACTIVE)
    return Receipt.objects.count() + tasks.count()


def wait_until(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Looks every 50 ms. Raises CommandError after `seconds`."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise CommandError(f"{what} did not happen within {seconds:.0f} s.")
        time.sleep(0.05)


def execute(statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
    """Runs one statement in the public schema; its rows, none for a statement without."""
    enter_public()
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall()) if cursor.description else []


def empty_queues() -> None:
    """Empties the transient tables and lets the server write what it has in hand."""
    execute("TRUNCATE public.receipts_receipt, public.outbox_outboxtask, public.outbox_timer")
    execute("CHECKPOINT")


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """A stage whose processes end with the block."""
    made = Stage()
    try:
        yield made
    finally:
        made.close()
