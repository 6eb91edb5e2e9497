"""Steps shown on the terminal with their duration."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from arriwa.ops.runlog import coloured


def say(text: str = "") -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Show `· title … 1.2 s` around a piece of work; a failure shows in place of the seconds."""
    live = sys.stdout.isatty()
    if live:
        print(f"· {title} …", end="", flush=True)
    begin = time.monotonic()
    outcome = "failed"
    try:
        yield
        outcome = f"{time.monotonic() - begin:.1f} s"
    finally:
        print(f" {outcome}" if live else f"· {title} … {outcome}", flush=True)


def headline(title: str) -> None:
    """Set a title apart from the output around it."""
    line = f"── {title} " + "─" * max(3, 76 - len(title))
    say(f"\x1b[1m{line}\x1b[0m" if coloured(sys.stdout) else line)
