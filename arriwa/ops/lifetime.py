"""Tie a program's life to that of the process that started it.

Run as a script: `python lifetime.py --parent PID --signal NAME [--uid N --gid N] -- program arguments`. It
drops privileges if asked, asks the kernel (Linux) for the signal at the parent's death, and becomes the
program. The order matters: a change of uid clears the kernel's setting (prctl(2), PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tied(
    argv: Sequence[str],
    *,
    at_death: signal.Signals = signal.SIGTERM,
    uid: int | None = None,
    gid: int | None = None,
) -> list[str]:
    """Wrap a command so that it gets `at_death` when the calling process dies, even by kill -9.

    On a kernel without PR_SET_PDEATHSIG the command runs untied. With `uid` and `gid` the program runs as
    those. Start it from the main thread: the kernel looks at the death of the starting *thread*.
    """
    wrapper = [sys.executable, "-I", "-S", os.path.abspath(__file__)]
    wrapper += ["--parent", str(os.getpid()), "--signal", at_death.name]
    if uid is not None and gid is not None:
        wrapper += ["--uid", str(uid), "--gid", str(gid)]
    return [*wrapper, "--", *argv]


def die_with_parent(parent: int, at_death: signal.Signals) -> None:
    """Ask for `at_death` when the parent dies; exit at once when `parent` (a process id) is gone already."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(at_death), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit("The process that started this one is gone.")


def main() -> None:
    """Become the program named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=lambda name: signal.Signals[name], required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("argv", nargs="+")
    options = parser.parse_args()
    if options.uid is not None:
        os.setgroups([])
        os.setgid(options.gid)
        os.setuid(options.uid)
    die_with_parent(options.parent, options.signal)
    try:
        os.execvp(options.argv[0], options.argv)
    except OSError as error:
        sys.exit(f"{options.argv[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main()
