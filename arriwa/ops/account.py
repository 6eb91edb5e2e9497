"""The account that runs PostgreSQL, which refuses to run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from arriwa.ops.errors import OpsError

#: Accounts that exist on nearly every machine, in order of preference. None is ever created (stack.md 2).
CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """An unprivileged account of this machine."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account to drop to, or None when we are not root and the server runs as ourselves.

    Raises OpsError when we are root and no suitable account exists.
    """
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise OpsError(
        "PostgreSQL does not run as root and there is no account postgres or nobody;"
        " run as an ordinary user, or set DATABASE_URL."
    )


def can_enter(path: Path, account: Account | None) -> bool:
    """Tell whether the account (None: ourselves) may enter the folder, or run the file, at `path`."""
    if account is None:
        return os.access(path, os.X_OK)
    # Asked of the kernel as that account: mode bits alone do not tell of ACLs and mounts.
    probe = subprocess.run(
        ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)],
        cwd="/",
        env={},
        stdin=subprocess.DEVNULL,
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        check=False,
    )
    return probe.returncode == 0


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of one folder or file of ours."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
