"""Keeps one PostgreSQL server alive for exactly as long as somebody uses it.

The shepherd is a process of its own, started by `Cluster.start`. It runs the server as its child, starts it
again when it dies, and stops it when the last lease is gone (a lease is a shared lock that the kernel frees
at its holder's death). When the shepherd itself is killed, the kernel gives the server SIGINT, PostgreSQL's
fast shutdown.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from arriwa.ops.leases import FileLock
from arriwa.ops.lifetime import tied
from arriwa.ops.ports import free_port

READY = "ready"
POLL_SECONDS = 0.1
START_SECONDS = 60.0
STOP_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
START_ATTEMPTS = 5


@dataclasses.dataclass(frozen=True)
class Flock:
    """What the shepherd is to run. Paths are text, because it travels as JSON."""

    root: str
    data: str
    sockets: str
    binaries: str
    port: int
    settings: dict[str, str]
    uid: int | None
    gid: int | None
    #: Remove the whole root folder after the server has stopped.
    ephemeral: bool


class ServerFailed(Exception):
    """PostgreSQL ended while it was starting; the text is the end of its log."""


def server_environment(root: str) -> dict[str, str]:
    """Return the caller's environment without libpq's variables, in a locale that every system has."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return environment | {"LC_ALL": "C.UTF-8", "HOME": root, "TZ": "UTC"}


def postmaster_lines(data: Path) -> list[str]:
    """Return the lines of postmaster.pid (pid, data, start, port, sockets, address, key, status), or none."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


class Shepherd:
    """One server and its leases."""

    def __init__(self, flock: Flock) -> None:
        self.flock = flock
        self.root = Path(flock.root)
        self.data = Path(flock.data)
        self.port = flock.port
        self.server: subprocess.Popen[bytes] | None = None
        self.leases = FileLock(self.root / "lease")
        self.stopping = False

    def run(self) -> int:
        """Serve until the last lease is gone or a signal comes; returns the exit status."""
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._ask_to_stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        alive = FileLock(self.root / "shepherd")
        if not alive.acquire(timeout=STOP_SECONDS):
            _announce("another server of this data folder does not end")
            return 1
        (self.root / "shepherd").write_text(str(os.getpid()))
        try:
            self._start_first()
        except ServerFailed as failure:
            self._stop()
            _announce(str(failure))
            return 1
        _announce(READY)
        try:
            self._watch()
        finally:
            self._stop()
            if self.flock.ephemeral:
                shutil.rmtree(self.root, ignore_errors=True)
        return 0

    def _start_first(self) -> None:
        for attempt in range(START_ATTEMPTS):
            try:
                return self._start()
            except ServerFailed as failure:
                # Two passing troubles: the port was taken meanwhile, or a killed server's children end.
                port_taken = "could not bind" in str(failure) or "could not create any TCP" in str(failure)
                leftovers = "still in use" in str(failure) or "already exists" in str(failure)
                if attempt == START_ATTEMPTS - 1 or self.stopping or not (port_taken or leftovers):
                    raise
                if port_taken:
                    self.port = free_port(avoid=frozenset({self.port}))
                time.sleep(FIRST_PAUSE * 2**attempt)

    def _start(self) -> None:
        log = self.root / "server.log"
        flock = self.flock
        argv = [f"{flock.binaries}/postgres", "-D", flock.data, "-k", flock.sockets, "-h", "127.0.0.1"]
        argv += ["-p", str(self.port)]
        for name, value in flock.settings.items():
            argv += ["-c", f"{name}={value}"]
        with log.open("ab") as sink:
            begin = sink.tell()
            self.server = subprocess.Popen(
                tied(argv, at_death=signal.SIGINT, uid=flock.uid, gid=flock.gid),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                cwd=self.root,
                env=server_environment(flock.root),
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self.server.poll() is not None or time.monotonic() > deadline or self.stopping:
                with log.open("rb") as source:
                    source.seek(begin)
                    raise ServerFailed(source.read()[-2000:].decode(errors="replace").strip())
            time.sleep(0.01)

    def _ready(self) -> bool:
        lines = postmaster_lines(self.data)
        # The wrapper becomes the server, so the pid is our child's: an old file cannot deceive.
        ours = self.server is not None and lines[:1] == [str(self.server.pid)]
        return ours and len(lines) > 7 and lines[7].strip() == "ready"

    def _watch(self) -> None:
        pause, next_start, started = FIRST_PAUSE, 0.0, time.monotonic()
        while not self.stopping and self.data.is_dir() and not self._unused():
            time.sleep(POLL_SECONDS)
            now = time.monotonic()
            if self.server is not None and self.server.poll() is not None:
                pause = FIRST_PAUSE if now - started > 30 else min(pause * 2, LONGEST_PAUSE)
                self.server, next_start = None, now + pause
            if self.server is None and now >= next_start:
                started = now
                try:
                    self._start()
                except ServerFailed as failure:
                    self._note(f"PostgreSQL did not start again: {failure}")

    def _unused(self) -> bool:
        """Tell whether no lease is left; then new ones wait until we are gone."""
        return not (self.root / "keep").exists() and self.leases.acquire()

    def _stop(self) -> None:
        server = self.server
        if server is None or server.poll() is not None:
            return
        for name, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            server.send_signal(name)
            try:
                server.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                self._note(f"PostgreSQL did not end within {seconds:.0f} s of {name.name}")

    def _note(self, text: str) -> None:
        with (self.root / "server.log").open("a") as log:
            log.write(f"shepherd: {text}\n")

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping = True


def _announce(text: str) -> None:
    """Tell the starter how it went, in one line, and let go of its pipe."""
    # A starter that is gone has lost its lease too: the watch ends by itself.
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(text), flush=True)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def main() -> int:
    """Run the flock given as JSON in the first argument."""
    return Shepherd(Flock(**json.loads(sys.argv[1]))).run()


if __name__ == "__main__":
    sys.exit(main())
