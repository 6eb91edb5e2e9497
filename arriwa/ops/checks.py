"""All that must hold before a change goes in: lint, types, architecture, migrations, tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from arriwa.ops.folders import REPOSITORY
from arriwa.ops.instance import base_environment
from arriwa.ops.lifetime import tied
from arriwa.ops.postgres import DURABLE, FAST, Cluster, ensure_database, install_pgmq
from arriwa.ops.progress import headline, say, step

DATABASE = "arriwa"
PACKAGES = ("arriwa", "tenants", "subscribers", "analytics", "integrations", "sandbox")
PYTHON = sys.executable
BIN = Path(PYTHON).parent
#: Without arguments the long suites are left out; pyproject.toml knows the marker.
QUICK, ALL = "not long", ""
#: One more than cores: tests wait for sandboxes, servers and each other a good deal.
PROCESSES = str((os.cpu_count() or 1) + 1)


def run_checks(arguments: Sequence[str], *, long: bool) -> int:
    """Run everything, or pytest alone when it is given arguments; `long` adds the tests marked long.

    Returns 0 when all have passed. Each step runs whatever became of those before it.
    """
    with scratch_database(FAST) as environment:
        tests = pytest_command(arguments, long=long)
        if arguments:
            return run(tests, environment)
        steps = [*static_steps(), ("tests", tests)]
        return run_steps(steps, environment)


def run_bench(arguments: Sequence[str]) -> int:
    """Run the benchmarks on a server of their own that loses nothing (fsync and synchronous_commit on)."""
    with scratch_database(DURABLE) as environment:
        return run([PYTHON, "manage.py", "bench", *arguments], environment)


def static_steps() -> list[tuple[str, list[str]]]:
    """The checks that run no tests, each with its title."""
    return [
        ("lint", [PYTHON, "-m", "ruff", "check", "."]),
        ("format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        ("types", [PYTHON, "-m", "mypy", *PACKAGES]),
        ("imports", [str(BIN / "lint-imports")]),
        ("migrations", [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"]),
    ]


def pytest_command(arguments: Sequence[str], *, long: bool) -> list[str]:
    """pytest with the arguments, or on two processes with all tests."""
    command = [PYTHON, "-m", "pytest"]
    if not arguments:
        # In pyproject.toml's order: xdist's own begins with the files of the most tests, not of the longest.
        command += ["-n", PROCESSES, "--dist", "loadfile", "--no-loadscope-reorder"]
    # An empty expression lifts the default of pyproject.toml.
    if long and "-m" not in arguments:
        command += ["-m", ALL]
    return [*command, *arguments]


def run_steps(steps: Sequence[tuple[str, list[str]]], environment: dict[str, str]) -> int:
    """Run all steps, say how each went; returns 0 when every one has passed.

    The last, the tests, runs on the terminal and waits a good deal; the others use that time and are
    shown after it.
    """
    outcomes: list[tuple[str, int, float]] = []
    title, command = steps[-1]
    with ThreadPoolExecutor(1) as beside:
        others = [beside.submit(run_beside, other, environment) for _, other in steps[:-1]]
        headline(f"{title}; beside them {', '.join(name for name, _ in steps[:-1])}")
        begin = time.monotonic()
        status = run(command, environment)
        seconds = time.monotonic() - begin
        if status == 128 + signal.SIGINT:
            beside.shutdown(cancel_futures=True)
            return status
    for (name, _), other in zip(steps[:-1], others, strict=True):
        other_status, other_seconds, said = other.result()
        headline(name)
        say(said.rstrip())
        outcomes.append((name, other_status, other_seconds))
    outcomes.append((title, status, seconds))
    headline("result")
    for title, status, seconds in outcomes:
        say(f"{'ok    ' if status == 0 else 'FAILED'} {title:<12} {seconds:6.1f} s")
    return 0 if all(status == 0 for _, status, _ in outcomes) else 1


def run_beside(command: Sequence[str], environment: dict[str, str]) -> tuple[int, float, str]:
    """Run a program out of sight; returns its exit status, its seconds and what it said."""
    begin = time.monotonic()
    done = subprocess.run(
        command,
        env=environment,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, time.monotonic() - begin, done.stdout


def run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run a program on our terminal; returns its exit status (128 + n for signal n).

    Ctrl-C reaches it directly: we wait for its own end. It dies with us.
    """
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            tied(command),
            env=environment,
            cwd=REPOSITORY,
            # Ignored signals are inherited; Python would then not raise KeyboardInterrupt.
            preexec_fn=_default_interrupt,
        )
        status = process.wait()
    finally:
        signal.signal(signal.SIGINT, previous)
    # pytest reports an interruption by status 2 without a signal: its own summary tells.
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def scratch_database(settings: dict[str, str]) -> Iterator[dict[str, str]]:
    """Give an environment whose DATABASE_URL is a new, empty database; its server is gone after the block.

    ARRIWA_TEST_DATABASE_URL set by the caller is used as it is, and no server is started.
    """
    environment = base_environment()
    given = os.environ.get("ARRIWA_TEST_DATABASE_URL")
    if given:
        yield environment | {"DATABASE_URL": given}
        return
    root = Path(tempfile.mkdtemp(prefix="arriwa-test-"))
    # The server's account must be able to enter it; the data folder inside is closed.
    root.chmod(0o755)
    cluster = Cluster(root, settings, ephemeral=True)
    with step("PostgreSQL for this run"):
        cluster.start()
        ensure_database(cluster.dsn(), DATABASE)
        install_pgmq(cluster.dsn(DATABASE))
    try:
        url = cluster.dsn(DATABASE)
        yield environment | {"DATABASE_URL": url, "ARRIWA_TEST_DATABASE_URL": url}
    finally:
        cluster.stop()


def _default_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
