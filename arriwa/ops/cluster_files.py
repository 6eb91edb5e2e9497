"""The files of one PostgreSQL data folder: making them, and clearing what a crash left."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path

from arriwa.ops.account import Account, give
from arriwa.ops.binaries import major_version
from arriwa.ops.errors import OpsError
from arriwa.ops.folders import short_hash
from arriwa.ops.shepherd import postmaster_lines, server_environment

#: sun_path holds 108 bytes; `/.s.PGSQL.65535` comes after the folder's name.
LONGEST_SOCKET_FOLDER = 80
STOP_SECONDS = 20.0


def initialize(
    root: Path, data: Path, binaries: Path, account: Account | None, owner: str, *, sync: bool
) -> None:
    """Make the data folder with superuser `owner`, and its password in `root`, unless it is there.

    Raises OpsError when initdb fails, or when the folder is of another major version than the programs.
    """
    version = data / "PG_VERSION"
    if version.exists():
        made_by, ours = version.read_text().strip(), major_version(binaries)
        if ours and made_by != ours:
            raise OpsError(
                f"{data} was made by PostgreSQL {made_by}, but {binaries} is version {ours};"
                f" set ARRIWA_PG_BIN to version {made_by}, or move the folder away."
            )
        return
    password = root / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    # initdb wants an empty folder, and removes what it made when it fails; a kill leaves a part.
    shutil.rmtree(data, ignore_errors=True)
    given = root / "password.initdb"
    given.unlink(missing_ok=True)
    given.touch(mode=0o600)
    try:
        data.mkdir(mode=0o700)
        given.write_text(password.read_text())
        give(data, account)
        give(given, account)
        argv = [str(binaries / "initdb"), "-D", str(data), "-U", owner, "-E", "UTF8", "--locale=C.UTF-8"]
        # The socket's folder is closed to others, the loopback port is not.
        argv += ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={given}", "--no-instructions"]
        _run_initdb(argv if sync else [*argv, "--no-sync"], root, account)
    finally:
        given.unlink(missing_ok=True)


def _run_initdb(argv: list[str], root: Path, account: Account | None) -> None:
    result = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        cwd=root,
        env=server_environment(str(root)),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        check=False,
    )
    if result.returncode != 0:
        reason = result.stderr.strip().splitlines()
        raise OpsError(f"A new database could not be made in {root}: {' '.join(reason[-3:])}")


def clear_stale_pid(data: Path) -> None:
    """Remove the postmaster.pid of a server that was killed; wait (20 s) for one that is still ending.

    After a crash the number may belong to another program, and PostgreSQL would refuse to start.
    Raises OpsError when a server that is not ours uses the folder.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while lines := postmaster_lines(data):
        if not _serves(lines[0].strip(), data):
            (data / "postmaster.pid").unlink(missing_ok=True)
            return
        if time.monotonic() > deadline:
            raise OpsError(f"Somebody else's PostgreSQL (process {lines[0]}) uses {data}; stop it first.")
        time.sleep(0.05)


def _serves(pid: str, data: Path) -> bool:
    """Tell whether the process is a server of this data folder, by its command line."""
    if Path("/proc/self").exists():
        try:
            shown = Path("/proc", pid, "cmdline").read_text()
        except OSError:
            return False
    else:
        command = ["ps", "-ww", "-o", "args=", "-p", pid]
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return str(data) in shown


def socket_folder(root: Path, account: Account | None) -> Path:
    """Return the closed folder for the Unix socket: in `root`, or a short one in /tmp when that is too long.

    Raises OpsError when the short one belongs to somebody else.
    """
    folder = root / "socket"
    if len(str(folder)) > LONGEST_SOCKET_FOLDER:
        folder = Path("/tmp") / f"arriwa-{os.geteuid()}-{short_hash(str(root))}-socket"
    folder.mkdir(mode=0o700, exist_ok=True)
    owners = {os.geteuid(), account.uid if account else os.geteuid()}
    if folder.is_symlink() or folder.stat().st_uid not in owners:
        raise OpsError(f"{folder} belongs to another account; remove it, or set a shorter ARRIWA_DATA_DIR.")
    give(folder, account)
    return folder
