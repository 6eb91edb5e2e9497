"""`manage.py relay`: runs the relay until it is told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from arriwa.ops.lifetime import tied

STOP_SECONDS = 4.0


class Command(BaseCommand):
    """See `arriwa.relay`."""

    help = "Works off hooks and messages, and wakes the workers for the rest."

    def add_arguments(self, parser: CommandParser) -> None:
        """One part alone, for who runs them on machines of their own."""
        parser.add_argument(
            "--only",
            choices=["hooks", "messages"],
            help="this part alone; without it both run, the messages in a process of their own",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serves until SIGTERM or SIGINT."""
        os.environ.setdefault("ARRIWA_PROCESS", "relay")
        from arriwa.relay import HOOKS, MESSAGES, Relay

        companion = Companion(MESSAGES) if options["only"] is None else None
        relay = Relay(options["only"] or HOOKS, tend=companion.tend if companion else lambda: None)

        def stop(signum: int, frame: FrameType | None) -> None:
            relay.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        try:
            relay.run()
        finally:
            if companion:
                companion.stop()


class Companion:
    """The other part of the relay: a child that dies with this process and is started anew when it dies."""

    def __init__(self, part: str) -> None:
        self._argv = [sys.executable, sys.argv[0], "relay", "--only", part]
        self._process: subprocess.Popen[bytes] | None = None

    def tend(self) -> None:
        """Starts it where it does not run; for the main thread, whose death the child would follow."""
        if self._process is None or self._process.poll() is not None:
            # At once and by force: what it had claimed is free, and nobody would stop it later.
            self._process = subprocess.Popen(tied(self._argv, at_death=signal.SIGKILL))

    def stop(self) -> None:
        """Lets it end what it is doing."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._process.kill()
        self._process.wait()
