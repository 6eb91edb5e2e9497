"""The root of Arriwa's errors and what the queue may do after one (design 2, "Errors")."""

from __future__ import annotations

import enum


class Disposition(enum.StrEnum):
    """What follows a failed effect. The queue reads nothing else of an error."""

    RETRY = "retry"
    WAIT = "wait"
    RESOLVE = "resolve"
    PAUSE_CONNECTION = "pause_connection"
    DEAD = "dead"


class ArriwaError(Exception):
    """Something went wrong inside Arriwa; the log names the place."""

    disposition: Disposition = Disposition.DEAD

    def __init__(self, message: str = "", **details: object) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        #: Facts that help a reader; never a secret and never a phone number.
        self.details = details
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """The stable snake_case name under which the error is stored and shown."""
        name = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
