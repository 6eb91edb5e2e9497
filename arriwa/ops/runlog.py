"""One log of many processes: a file per run, and the terminal."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)
PREFIX_WIDTH = 9
RUNS_KEPT = 20


def coloured(stream: TextIO) -> bool:
    """Tell whether the stream shows colours (a terminal, and NO_COLOR is not set)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


class RunLog:
    """Lines of named sources, each with its source's name in front.

    With `folder` (made if need be) they go to `run-<UTC time>-<pid>.log` in it, time first; the newest 20
    runs are kept. With `echo` they go to standard output too.
    """

    def __init__(self, folder: Path | None = None, *, echo: bool = True) -> None:
        self.path: Path | None = None
        self._file: TextIO | None = None
        self.echo = echo
        self._coloured = coloured(sys.stdout)
        self._colours: dict[str, int] = {}
        if folder is not None:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            for old in sorted(folder.glob("run-*.log"))[: -(RUNS_KEPT - 1)]:
                old.unlink(missing_ok=True)
            stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
            self.path = folder / f"run-{stamp}-{os.getpid()}.log"
            self._file = self.path.open("a", buffering=1, encoding="utf-8", errors="replace")

    def write(self, source: str, line: str) -> None:
        """Append one line of the source."""
        if self._file is not None:
            moment = time.strftime("%H:%M:%S", time.gmtime())
            self._file.write(f"{moment} {source:<{PREFIX_WIDTH}}| {line}\n")
        if self.echo:
            prefix = f"{source:<{PREFIX_WIDTH}}|"
            if self._coloured:
                colour = self._colours.setdefault(source, COLOURS[len(self._colours) % len(COLOURS)])
                prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
            print(f"{prefix} {line}", flush=True)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
