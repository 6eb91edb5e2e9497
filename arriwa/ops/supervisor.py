"""Runs several processes as one: a merged log, restarts, and nobody left behind.

`Supervisor(processes).run()` is all that is needed. A caller with more to do uses it as a context manager
and calls `add`, `wait_ready`, `run_command` and `serve`. Everything happens in the calling thread, which
must be the main one.
"""

from __future__ import annotations

import selectors
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from arriwa.ops.child import Child, Process
from arriwa.ops.errors import OpsError
from arriwa.ops.guard import Guard
from arriwa.ops.runlog import RunLog

__all__ = ["Interrupted", "Process", "Supervisor"]

TICK_SECONDS = 0.1
GRACE_SECONDS = 5.0
#: A process that ends this often before it is ready will not become so.
DEATHS_BEFORE_READY = 4
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """The person or the system asked us to stop."""


class Supervisor:
    """Keeps processes running until a signal (SIGINT, SIGTERM, SIGHUP) comes or the `with` block ends.

    Their output goes to the terminal (`echo`) and to a file per run in `log_folder`. Each lives in a
    session of its own, gets SIGTERM at the end and SIGKILL 5 s later; when the supervisor itself is killed,
    a guard does the same.
    """

    def __init__(
        self, processes: Sequence[Process] = (), *, log_folder: Path | None = None, echo: bool = True
    ) -> None:
        self.log = RunLog(log_folder, echo=echo)
        self._planned = list(processes)
        self._children: list[Child] = []
        self._guard: Guard | None = None
        self._asked = 0
        self._handlers: dict[signal.Signals, Any] = {}

    def run(self) -> int:
        """Run until a signal comes; returns 0."""
        with self:
            self.serve()
        return 0

    def __enter__(self) -> Supervisor:
        self._guard = Guard()
        for name in SIGNALS:
            self._handlers[name] = signal.signal(name, self._on_signal)
        try:
            for process in self._planned:
                self.add(process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def add(self, process: Process) -> None:
        """Start one more process. Raises OpsError when it cannot be started at all."""
        child = self._child(process)
        child.start()
        self._children.append(child)

    def pid(self, name: str) -> int | None:
        """The process id of a named process, None while it is down."""
        return next((child.pid for child in self._children if child.process.name == name), None)

    def wait_ready(self, timeout: float, progress: Callable[[list[str]], None] | None = None) -> None:
        """Wait until all are ready; `progress` is told the names that are not, whenever they change.

        Raises OpsError when one keeps dying or after `timeout` seconds, Interrupted when asked to stop.
        """
        deadline = time.monotonic() + timeout
        told: list[str] | None = None
        while True:
            self._turn()
            waiting = [child for child in self._children if not child.ready]
            names = [child.process.name for child in waiting]
            if progress is not None and names != told:
                progress(names)
                told = names
            if not waiting:
                return
            for child in waiting:
                if child.deaths >= DEATHS_BEFORE_READY:
                    raise OpsError(self._explained(child, "does not stay up"))
            if time.monotonic() > deadline:
                raise OpsError(self._explained(waiting[0], f"is not ready after {timeout:.0f} s"))

    def run_command(self, process: Process, *, show: bool = False) -> tuple[int, list[str]]:
        """Run one program to its end while the others go on; returns its exit status and its last lines.

        With `show` it writes to our own output instead of the log (no lines are returned then). Raises
        Interrupted.
        """
        child = self._child(process, inherit_output=show)
        child.start()
        try:
            while (status := child.check()) is None:
                self._turn(child)
            return status, list(child.last_lines)
        finally:
            child.ask_to_end()
            self._await_end([child])

    def serve(self) -> None:
        """Keep everything running until a signal comes."""
        while not self._asked:
            try:
                self._turn()
            except Interrupted:
                return

    def _child(self, process: Process, *, inherit_output: bool = False) -> Child:
        assert self._guard is not None, "Use the supervisor in a with statement."
        return Child(process, self.log, self._guard, inherit_output=inherit_output)

    def _turn(self, *others: Child) -> None:
        """One round: pass output on, start again what has died. Raises Interrupted."""
        if self._asked:
            raise Interrupted
        self._pump([*self._children, *others])
        for child in self._children:
            child.supervise()

    def _pump(self, children: Sequence[Child]) -> None:
        with selectors.DefaultSelector() as selector:
            for child in children:
                if child.output is not None:
                    selector.register(child.output, selectors.EVENT_READ, child)
            for key, _ in selector.select(TICK_SECONDS):
                key.data.read()

    def _end(self) -> None:
        for child in self._children:
            child.ask_to_end()
        self._await_end(self._children)
        self._children = []
        if self._guard is not None:
            self._guard.close()
            self._guard = None
        for name, handler in self._handlers.items():
            signal.signal(name, handler)
        self._handlers = {}
        self.log.close()

    def _await_end(self, children: Sequence[Child]) -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        asked = self._asked
        # A second Ctrl-C means: at once.
        while any(child.pid for child in children) and time.monotonic() < deadline and self._asked <= asked:
            self._pump(children)
            for child in children:
                child.check()
        for child in children:
            child.kill()

    def _explained(self, child: Child, fact: str) -> str:
        where = f" (log: {self.log.path})" if self.log.path else ""
        said = "\n".join(f"    {line}" for line in child.last_lines)
        return f"{child.process.name} {fact}{where}. Its last lines:\n{said}"

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self._asked += 1
