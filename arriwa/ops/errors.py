"""What can go wrong while Arriwa is being started."""

from __future__ import annotations


class OpsError(Exception):
    """Arriwa could not be started; the message is one sentence that says what to do."""
