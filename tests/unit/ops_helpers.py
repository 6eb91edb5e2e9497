"""What the tests of arriwa.ops share: programs run from text, and waiting with a limit."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    """The environment of a program that imports arriwa."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def start_program(text: str, *arguments: str) -> subprocess.Popen[str]:
    """Start Python on a program text; its output is a pipe."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", text, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )


def until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for the condition; fails naming it after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Tell whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
