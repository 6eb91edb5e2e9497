"""Stops process groups when the process that started this one dies, even by kill -9.

Standard input carries one line per change: `+N` and `-N` add and remove the process group N. At its end
(the writer is gone) every group left gets SIGTERM at its leader and SIGKILL as a whole 5 seconds later.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE_SECONDS = 5.0


class Guard:
    """The supervisor's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def add(self, group: int) -> None:
        """Have the group stopped when we die."""
        self._tell(f"+{group}")

    def remove(self, group: int) -> None:
        """Forget a group that is gone."""
        self._tell(f"-{group}")

    def close(self) -> None:
        """End the guard; groups that were not removed are stopped by it."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # A killed guard leaves the kernel's signal at our death as the second safety.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()


def group_alive(group: int) -> bool:
    """Tell whether the process group has a member; one that belongs to another account counts."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def kill_group(group: int) -> None:
    """SIGKILL to all members; harmless when there are none."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _leader_alive(group: int) -> bool:
    try:
        os.kill(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main() -> None:
    """Follow the lines until the end of input, then stop what is left."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        number = int(line[1:])
        if line.startswith("+"):
            groups.add(number)
        else:
            groups.discard(number)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(group, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(group_alive(group) for group in groups) and time.monotonic() < deadline:
        for group in groups:
            if not _leader_alive(group):
                # Workers whose leader has ended in peace have nothing left to do.
                kill_group(group)
        time.sleep(0.05)
    for group in groups:
        kill_group(group)


if __name__ == "__main__":
    main()
