"""Where Arriwa keeps what must survive a restart."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from arriwa.ops.account import Account, can_enter, server_account
from arriwa.ops.errors import OpsError

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class DataFolder:
    """The chosen folder, and why it is not the usual one (None when it is)."""

    path: Path
    note: str | None = None


def short_hash(text: str) -> str:
    """Eight hex digits that stand for a path or an address in a name."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def data_folder(repository: Path = REPOSITORY) -> DataFolder:
    """Return the data folder, made if need be: ARRIWA_DATA_DIR, the repository's `var`, or one outside.

    Raises OpsError when ARRIWA_DATA_DIR cannot be used or no place is left.
    """
    account = server_account()
    chosen = os.environ.get("ARRIWA_DATA_DIR")
    if chosen:
        path = Path(chosen).expanduser().resolve()
        reason = _unusable(path, account)
        if reason:
            raise OpsError(f"ARRIWA_DATA_DIR={path} cannot be used: {reason}; choose another folder.")
        return DataFolder(path)
    usual = repository / "var"
    reason = _unusable(usual, account)
    if reason is None:
        return DataFolder(usual)
    digest = short_hash(str(repository))
    fallbacks = [Path(f"/tmp/arriwa-{os.geteuid()}-{digest}")]
    if account is not None:
        fallbacks.insert(0, Path(f"/var/lib/arriwa-{digest}"))
    for path in fallbacks:
        if _unusable(path, account) is None:
            return DataFolder(path, f"Data is kept in {path}, because {usual} cannot be used: {reason}.")
    raise OpsError(f"{usual} cannot be used: {reason}; set ARRIWA_DATA_DIR to a folder that can.")


def _unusable(path: Path, account: Account | None) -> str | None:
    """Make the folder and return None, or say why it cannot serve. Parent folders are left as they are."""
    try:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        return f"it cannot be made ({error.strerror})"
    # In a shared folder such as /tmp somebody else could have put it there first.
    if path.stat().st_uid != os.geteuid() and os.geteuid() != 0:
        return "it belongs to another account"
    if not os.access(path, os.W_OK | os.X_OK):
        return "it is not writable"
    if not can_enter(path, account):
        return (
            f"the account {account.name if account else 'running this'} cannot enter it or a folder above it"
        )
    return None
