"""`manage.py relay`: runs the relay until it is told to stop."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """See `arriwa.relay`."""

    help = "Works off hooks and messages, and wakes the workers for the rest."

    def handle(self, *args: Any, **options: Any) -> None:
        """Serves until SIGTERM or SIGINT."""
        os.environ.setdefault("ARRIWA_PROCESS", "relay")
        from arriwa.relay import Relay

        relay = Relay()

        def stop(signum: int, frame: FrameType | None) -> None:
            relay.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        relay.run()
