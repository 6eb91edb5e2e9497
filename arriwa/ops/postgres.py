"""The embedded PostgreSQL: one data folder, one server, as many users as like.

`python -m arriwa.ops.postgres start|stop|dsn ROOT` runs a server by hand. Our own launcher on the programs
of a wheel or of the system; stack.md 2 tells why no wheel's Python layer is used.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from arriwa.ops.account import can_enter, server_account
from arriwa.ops.binaries import find_binaries, reachable
from arriwa.ops.cluster_files import clear_stale_pid, initialize, socket_folder
from arriwa.ops.database import ensure_database, install_pgmq
from arriwa.ops.errors import OpsError
from arriwa.ops.folders import REPOSITORY
from arriwa.ops.leases import FileLock, exclusive, held
from arriwa.ops.ports import free_port
from arriwa.ops.shepherd import READY, Flock, postmaster_lines, server_environment

__all__ = ["DURABLE", "FAST", "Cluster", "ensure_database", "install_pgmq"]

OWNER = "arriwa"
PREFERRED_PORT = 54320

_COMMON = {
    "max_connections": "120",
    "shared_buffers": "128MB",
    "wal_level": "replica",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "random_page_cost": "1.1",
    "autovacuum_max_workers": "2",
    # DDL over many tenants' schemas takes many locks in one transaction (stack.md 2).
    "max_locks_per_transaction": "256",
    "timezone": "UTC",
    "log_min_duration_statement": "500",
}
#: Nothing that was acknowledged is lost at a power failure.
DURABLE = {**_COMMON, "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
#: For tests alone: the data do not outlive the machine.
FAST = {**_COMMON, "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Cluster:
    """A PostgreSQL server on the data folder `root`, by Unix socket and on a port of 127.0.0.1.

    The server runs while any process holds a started Cluster of that folder, and stops by itself when the
    last of them has stopped or died. `settings` are server settings (default DURABLE; they count for
    whoever starts the server, not for who joins it). `ephemeral` removes the folder after the server's end.
    """

    def __init__(
        self, root: Path, settings: dict[str, str] | None = None, *, ephemeral: bool = False
    ) -> None:
        self.root = Path(root).expanduser().resolve()
        self.data = self.root / "data"
        self.settings = settings or DURABLE
        self.ephemeral = ephemeral
        #: True after a start that found the server running.
        self.joined = False
        self._lease: FileLock | None = None
        self._account = server_account()

    def start(self) -> Cluster:
        """Start the server or join the running one, and hold it until `stop` or until this process ends.

        Raises OpsError in one sentence when that is impossible.
        """
        if self._lease is not None:
            return self
        self._prepare_root()
        busy = f"Another process has been starting or stopping the server in {self.root} for 90 s; try again."
        with exclusive(self.root / "starting", 90, busy):
            lease = FileLock(self.root / "lease")
            # A shepherd that is stopping its server keeps new leases waiting.
            if not lease.acquire(shared=True, timeout=45):
                raise OpsError(f"The server in {self.root} does not end; see {self.root / 'server.log'}.")
            try:
                self.joined = self._shepherd_pid() is not None and self._await_running()
                if not self.joined:
                    self._launch()
            except BaseException:
                lease.release()
                raise
            self._lease = lease
        return self

    def stop(self) -> None:
        """Let go of the server; returns when it has ended, or at once when others still use it."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        shepherd = self._shepherd_pid()
        if lease.acquire():
            # We are the last. Whoever wants to join now waits for this lease.
            if shepherd is not None and not (self.root / "keep").exists():
                os.kill(shepherd, signal.SIGTERM)
                self._await_end(shepherd)
        elif held(self.root / "lease"):
            # The shepherd, or another last one, is stopping the server already.
            self._await_end(shepherd)
        lease.release()

    def __enter__(self) -> Cluster:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def terminate(self) -> bool:
        """Stop the server whoever uses it; False when none was running."""
        (self.root / "keep").unlink(missing_ok=True)
        shepherd = self._shepherd_pid()
        if shepherd is None:
            return False
        os.kill(shepherd, signal.SIGTERM)
        self._await_end(shepherd)
        return True

    @property
    def port(self) -> int:
        """The server's TCP port on 127.0.0.1. Raises OpsError when it is not running."""
        return int(self._running_lines()[3])

    @property
    def socket_folder(self) -> Path:
        """The folder of the server's Unix socket. Raises OpsError when it is not running."""
        return Path(self._running_lines()[4])

    @property
    def postmaster_pid(self) -> int:
        """The server's process id. Raises OpsError when it is not running."""
        return int(self._running_lines()[0])

    def dsn(self, database: str = "postgres") -> str:
        """Return `postgres://arriwa:<password>@127.0.0.1:<port>/<database>`.

        Raises OpsError when the server is not running.
        """
        password = quote((self.root / "password").read_text().strip(), safe="")
        return f"postgres://{OWNER}:{password}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def socket_dsn(self, database: str = "postgres") -> str:
        """Return a libpq connection string for the Unix socket; raises OpsError when not running."""
        return f"host={self.socket_folder} port={self.port} user={OWNER} dbname={database}"

    def _running_lines(self) -> list[str]:
        lines = postmaster_lines(self.data)
        if len(lines) < 8 or lines[7].strip() != "ready" or self._shepherd_pid() is None:
            raise OpsError(f"No PostgreSQL server runs in {self.root}; start it first.")
        return lines

    def _shepherd_pid(self) -> int | None:
        """The living shepherd of this folder: it holds the lock on its file for life."""
        path = self.root / "shepherd"
        try:
            text = path.read_text().strip() if held(path) else ""
        except FileNotFoundError:
            return None
        return int(text) if text else None

    def _prepare_root(self) -> None:
        try:
            self.root.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise OpsError(f"The data folder {self.root} cannot be made: {error.strerror}.") from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise OpsError(
                f"The data folder {self.root} is not writable; set ARRIWA_DATA_DIR to one that is."
            )
        if not can_enter(self.root, self._account):
            name = self._account.name if self._account else "running this"
            raise OpsError(
                f"The account {name}, which runs PostgreSQL, cannot enter {self.root} or a folder above it;"
                " set ARRIWA_DATA_DIR to a folder that it can enter."
            )

    def _await_running(self) -> bool:
        deadline = time.monotonic() + 30
        while self._shepherd_pid() is not None and time.monotonic() < deadline:
            lines = postmaster_lines(self.data)
            if len(lines) > 7 and lines[7].strip() == "ready":
                return True
            time.sleep(0.05)
        return False

    def _launch(self) -> None:
        durable = self.settings.get("fsync") != "off"
        binaries = reachable(find_binaries(), self._account, self.root)
        clear_stale_pid(self.data)
        initialize(self.root, self.data, binaries, self._account, OWNER, sync=durable)
        sockets = socket_folder(self.root, self._account)
        last_port = self.root / "port"
        preferred = int(last_port.read_text()) if last_port.exists() else PREFERRED_PORT
        flock = Flock(
            root=str(self.root),
            data=str(self.data),
            sockets=str(sockets),
            binaries=str(binaries),
            port=free_port(preferred),
            settings=self.settings,
            uid=self._account.uid if self._account else None,
            gid=self._account.gid if self._account else None,
            ephemeral=self.ephemeral,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "arriwa.ops.shepherd", json.dumps(dataclasses.asdict(flock))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=server_environment(str(self.root)) | {"PYTHONPATH": str(REPOSITORY)},
            # Ctrl-C in a terminal must stop the server's users first.
            start_new_session=True,
        )
        assert process.stdout is not None
        with process.stdout as pipe:
            line = pipe.readline()
        outcome = str(json.loads(line)) if line else "its shepherd died"
        if outcome != READY:
            raise OpsError(f"PostgreSQL did not start in {self.root}: {outcome}")
        last_port.write_text(str(self.port))

    def _await_end(self, shepherd: int | None) -> None:
        deadline = time.monotonic() + 45
        while self._shepherd_pid() is not None and time.monotonic() < deadline:
            _reap(shepherd)
            time.sleep(0.02)
        while self.ephemeral and self.root.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        _reap(shepherd)


def _reap(pid: int | None) -> None:
    """Take the exit status of the shepherd if it is our child, so that no zombie is left."""
    if pid is not None:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return


def main() -> int:
    """Run, end or point at a server by hand; `start` lets it run after this command."""
    parser = argparse.ArgumentParser(prog="python -m arriwa.ops.postgres", description=__doc__)
    parser.add_argument("command", choices=("start", "stop", "dsn"))
    parser.add_argument("root", type=Path)
    options = parser.parse_args()
    cluster = Cluster(options.root)
    try:
        if options.command == "start":
            cluster.start()
            (cluster.root / "keep").touch()
            print(cluster.dsn())
        elif options.command == "dsn":
            print(cluster.dsn())
        elif not cluster.terminate():
            print(f"No server runs in {cluster.root}.")
    except OpsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
