"""The whole of Arriwa on this machine, every platform played by the sandbox."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from arriwa.ops.errors import OpsError
from arriwa.ops.folders import REPOSITORY, data_folder
from arriwa.ops.instance import (
    Instance,
    Secrets,
    base_environment,
    claim_instance,
    load_secrets,
    product_environment,
)
from arriwa.ops.ports import LOOPBACK, reserve_port
from arriwa.ops.postgres import DURABLE, Cluster, ensure_database, install_pgmq
from arriwa.ops.progress import say, step
from arriwa.ops.supervisor import Process, Supervisor

DATABASE = "arriwa"
WEB_PORT, SANDBOX_PORT = 8000, 8100
READY_SECONDS = 90.0
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Addresses:
    """Where the two servers listen, without a trailing slash."""

    web_port: int
    sandbox_port: int

    @property
    def web(self) -> str:
        """The product."""
        return f"http://{LOOPBACK}:{self.web_port}"

    @property
    def sandbox(self) -> str:
        """The platforms."""
        return f"http://{LOOPBACK}:{self.sandbox_port}"


def run_demo(*, once: bool, port: int | None, browser: bool) -> int:
    """Set everything up and run it until Ctrl-C; with `once` take one lead through and return its status.

    Raises OpsError when it cannot be set up, Interrupted when asked to stop meanwhile.
    """
    chosen = data_folder()
    if chosen.note:
        say(f"! {chosen.note}")
    instance = claim_instance(chosen.path)
    if instance.taken:
        say(f"! The instance {instance.taken} runs already: this one is {instance.name}.")
    addresses = Addresses(reserve_port(port or WEB_PORT), reserve_port(SANDBOX_PORT))
    external = os.environ.get("DATABASE_URL")
    kept = load_secrets(chosen.path, instance, external)
    with (
        database(instance, external) as url,
        Supervisor(log_folder=instance.folder / "log", echo=False) as supervisor,
    ):
        environment = product_environment(
            kept, database_url=url, web_url=addresses.web, sandbox_url=addresses.sandbox
        )
        set_up(supervisor, addresses, kept, environment)
        if once:
            return journey(supervisor, addresses, kept)
        show(addresses, kept, supervisor, browser=browser)
        supervisor.log.echo = True
        supervisor.serve()
        say("\n· stopping …")
    return 0


@contextlib.contextmanager
def database(instance: Instance, external: str | None) -> Iterator[str]:
    """Give the URL of a database with Celery's broker; our server lives as long as the `with` block."""
    if external:
        with step("task broker in the database of DATABASE_URL"):
            install_pgmq(external)
        yield external
        return
    cluster = Cluster(instance.folder / "postgres", DURABLE)
    with step("PostgreSQL"):
        cluster.start()
    try:
        with step("database and task broker"):
            ensure_database(cluster.dsn(), DATABASE)
            install_pgmq(cluster.dsn(DATABASE))
        yield cluster.dsn(DATABASE)
    finally:
        cluster.stop()


def set_up(supervisor: Supervisor, addresses: Addresses, kept: Secrets, environment: dict[str, str]) -> None:
    """Start the sandbox, seed the demo organization (it registers its hooks there), start the product."""
    supervisor.add(sandbox_process(addresses, kept))
    wait(supervisor, "sandbox")
    seed = [sys.executable, "manage.py", "setup_demo"]
    seed += ["--sandbox-url", addresses.sandbox, "--web-url", addresses.web]
    with step("migrations and the demo organization"):
        status, lines = supervisor.run_command(Process("setup", seed, environment, cwd=REPOSITORY))
        if status != 0:
            said = "\n".join(f"    {line}" for line in lines)
            raise OpsError(f"The demo organization could not be set up (log: {supervisor.log.path}):\n{said}")
    for process in product_processes(addresses, environment):
        supervisor.add(process)
    wait(supervisor, "web, relay, worker, beat")


def wait(supervisor: Supervisor, title: str) -> None:
    """Show a step that lasts until all processes are ready."""
    with step(title):
        supervisor.wait_ready(READY_SECONDS)


def sandbox_process(addresses: Addresses, kept: Secrets) -> Process:
    """The fakes of all platforms and the lead's phone."""
    argv = [sys.executable, "-m", "sandbox", "--host", LOOPBACK, "--port", str(addresses.sandbox_port)]
    argv += ["--product-url", addresses.web]
    # Not as an argument: every account of the machine can list those.
    environment = base_environment() | {
        "SANDBOX_PRODUCT_TOKEN": kept.api_token,
        "SANDBOX_KOMMO_REDIRECT_URI": f"{addresses.web}/credentials/kommo/callback",
    }
    return Process("sandbox", argv, environment, listening(f"{addresses.sandbox}/"), REPOSITORY)


def product_processes(addresses: Addresses, environment: dict[str, str]) -> list[Process]:
    """Web, relay, worker and beat."""
    celery = [str(BIN / "celery"), "--quiet", "-A", "arriwa"]
    # One process: several share fewer hooks of a moment each, and two cores have the server to run as well.
    web = [str(BIN / "granian"), "--interface", "rsgi", "arriwa.rsgi:application", "--host", LOOPBACK]
    web += ["--port", str(addresses.web_port), "--workers", "1", "--no-ws"]
    web += ["--log-level", "warning"]
    worker = [*celery, "worker", "--queues=agents,events,bulk", "--loglevel=WARNING"]
    worker += ["--pool=threads", "--concurrency=8"]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    # An empty pid file name: beat would leave one behind in the current folder.
    beat = [*celery, "beat", "--scheduler", "django_celery_beat.schedulers:DatabaseScheduler", "--pidfile="]
    beat += ["--loglevel=WARNING"]
    relay = [sys.executable, "manage.py", "relay"]
    return [
        Process("web", web, environment, answering(f"{addresses.web}/readyz"), REPOSITORY),
        Process("relay", relay, environment, cwd=REPOSITORY),
        Process("worker", worker, environment, cwd=REPOSITORY),
        Process("beat", beat, environment, cwd=REPOSITORY),
    ]


def answering(url: str) -> Callable[[], bool]:
    """A check that the URL answers 200 within 1 s."""

    def check() -> bool:
        return _status(url) == 200

    return check


def listening(url: str) -> Callable[[], bool]:
    """A check that an HTTP server answers the URL at all, whatever the status."""

    def check() -> bool:
        return _status(url) is not None

    return check


def _status(url: str) -> int | None:
    # A proxy set for the outer world must not get the loopback's requests.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=1.0) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def journey(supervisor: Supervisor, addresses: Addresses, kept: Secrets) -> int:
    """Take one lead from the ad to the payment, its ledger on the terminal; returns the exit status."""
    argv = [sys.executable, "-m", "sandbox.journey", "--sandbox-url", addresses.sandbox]
    argv += ["--product-url", addresses.web, "--product-token", kept.api_token]
    say()
    begin = time.monotonic()
    process = Process("journey", argv, base_environment(), cwd=REPOSITORY)
    status, _ = supervisor.run_command(process, show=True)
    say(f"\n· the lead's journey … {time.monotonic() - begin:.1f} s (log: {supervisor.log.path})")
    return status if status >= 0 else 128 - status


def show(addresses: Addresses, kept: Secrets, supervisor: Supervisor, *, browser: bool) -> None:
    """Tell where to look."""
    say()
    say(f"  Tap the ad, be the lead   {addresses.sandbox}/")
    say(f"  Become a tenant           {addresses.web}/")
    say(f"  Arriwa's API              {addresses.web}/api/docs/")
    say(f"  Support: staff            {addresses.web}/admin/  (password {kept.staff_password})")
    say(f"  Log                       {supervisor.log.path}")
    say("  Stop with Ctrl-C.")
    say()
    if browser and sys.stdout.isatty() and (os.environ.get("DISPLAY") or sys.platform == "darwin"):
        webbrowser.open(f"{addresses.sandbox}/")
