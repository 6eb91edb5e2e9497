"""One child process of the supervisor, with its output and its restarts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arriwa.ops.errors import OpsError
from arriwa.ops.guard import Guard, kill_group
from arriwa.ops.lifetime import tied
from arriwa.ops.runlog import RunLog

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
#: A process that lived this long (seconds) starts again with the shortest pause.
STEADY_SECONDS = 30.0
#: A process without a check of its own counts as ready after living this long (seconds).
SETTLED_SECONDS = 2.0
LINES_KEPT = 15


@dataclass(frozen=True)
class Process:
    """A named program. `env` is its whole environment; `ready` tells, quickly, whether it can serve
    (None: it is taken for ready once it has lived 2 s)."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], bool] | None = None
    cwd: Path | None = None


class Child:
    """A process in its own session, so that Ctrl-C in the terminal reaches the supervisor alone."""

    def __init__(self, process: Process, log: RunLog, guard: Guard, *, inherit_output: bool = False) -> None:
        self.process = process
        self.deaths = 0
        self.ready = False
        self.last_lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._log, self._guard, self._inherit = log, guard, inherit_output
        self._popen: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._partial = b""
        self._pause, self._started, self._next_start = FIRST_PAUSE, 0.0, 0.0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._pid if self._popen is not None else None

    @property
    def output(self) -> int | None:
        """The descriptor to read its output from, None when there is nothing to read."""
        if self._popen is None or self._popen.stdout is None or self._popen.stdout.closed:
            return None
        return self._popen.stdout.fileno()

    def start(self) -> None:
        """Start it. Raises OpsError when its folder or the interpreter is missing."""
        sink = None if self._inherit else subprocess.PIPE
        try:
            self._popen = subprocess.Popen(
                tied(self.process.argv),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=None if self._inherit else subprocess.STDOUT,
                env={**self.process.env, "PYTHONUNBUFFERED": "1"},
                cwd=self.process.cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise OpsError(f"{self.process.name} cannot be started: {error}.") from error
        self._pid = self._popen.pid
        self._guard.add(self._pid)
        if self._popen.stdout is not None:
            os.set_blocking(self._popen.stdout.fileno(), False)
        self._started = time.monotonic()

    def read(self) -> None:
        """Pass on the lines that have arrived."""
        descriptor = self.output
        while descriptor is not None:
            try:
                chunk = os.read(descriptor, 65536)
            except BlockingIOError:
                return
            if not chunk:
                self._close_output()
                return
            *lines, self._partial = (self._partial + chunk).split(b"\n")
            for line in lines:
                self._pass_on(line)

    def check(self) -> int | None:
        """Return the exit status once it has ended (negative: the signal), and clear up what it left."""
        if self._popen is None:
            return None
        status = self._popen.poll()
        if status is None:
            return None
        # Its workers would otherwise go on without it.
        kill_group(self._pid)
        self._guard.remove(self._pid)
        self.read()
        self._close_output()
        self._popen = None
        return status

    def supervise(self) -> None:
        """Start it again when it has died and its pause is over."""
        now = time.monotonic()
        status = self.check()
        if status is not None:
            if now - self._started > STEADY_SECONDS:
                self._pause = FIRST_PAUSE
            self.deaths += 1
            self.ready = False
            self._next_start = now + self._pause
            self._log.write(self.process.name, f"ended with {_named(status)}; again in {self._pause:.1f} s")
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        if self._popen is None and now >= self._next_start:
            self.start()
        elif self._popen is not None and not self.ready:
            check = self.process.ready
            self.ready = check() if check is not None else now - self._started > SETTLED_SECONDS

    def ask_to_end(self) -> None:
        """SIGTERM to the process; its own workers are its business for now."""
        if self._popen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to it and all that it started in its group."""
        if self._popen is not None:
            kill_group(self._pid)
            self._popen.wait()
            self.check()

    def _close_output(self) -> None:
        if self._partial:
            self._pass_on(self._partial)
            self._partial = b""
        if self._popen is not None and self._popen.stdout is not None:
            self._popen.stdout.close()

    def _pass_on(self, raw: bytes) -> None:
        line = raw.decode("utf-8", errors="replace").rstrip("\r")
        self.last_lines.append(line)
        self._log.write(self.process.name, line)


def _named(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
