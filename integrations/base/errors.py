"""What can go wrong between Arriwa and a platform (design 2, "Errors")."""

from __future__ import annotations

import enum

from arriwa.common.errors import ArriwaError, Disposition


class WaitScope(enum.StrEnum):
    """What has to wait after `Throttled`."""

    TASK = "task"
    RATE_KEY = "rate_key"
    CONNECTION = "connection"


class IntegrationError(ArriwaError):
    """A platform could not be served; see the delivery for the platform's own answer."""


class ConfigurationError(IntegrationError):
    """The connection lacks a setting: open it and fill in what the message names."""


class Unsupported(IntegrationError):
    """This connection cannot do that; choose another way that it declares."""


class RemoteError(IntegrationError):
    """The platform answered with an error."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        platform_code: str | None = None,
        answer: object = None,
        **details: object,
    ) -> None:
        super().__init__(message, **details)
        self.status = status
        #: The platform's own code, such as "100/2804066".
        self.platform_code = platform_code
        #: The platform's answer as parsed; redact before storing.
        self.answer = answer


class Unreachable(RemoteError):
    """The platform could not be reached and has not seen the request; it is tried again by itself."""

    disposition = Disposition.RETRY


class RemoteFault(RemoteError):
    """The platform failed while it was serving us and says so; it is tried again by itself."""

    disposition = Disposition.RETRY


class Throttled(RemoteError):
    """The platform asks us to slow down; it is tried again after the time that it named."""

    disposition = Disposition.WAIT

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: float = 5.0,
        scope: WaitScope = WaitScope.RATE_KEY,
        **kwargs: object,
    ) -> None:
        super().__init__(message, **kwargs)  # type: ignore[arg-type]
        #: Seconds to wait.
        self.retry_after = retry_after
        self.scope = scope


class CredentialRefused(RemoteError):
    """The platform no longer accepts the credential: reconnect, then resume the connection."""

    disposition = Disposition.PAUSE_CONNECTION


class Rejected(RemoteError):
    """The platform refuses this request for good; correct what it names and replay the task."""

    disposition = Disposition.DEAD


class MalformedReply(RemoteError):
    """The platform's answer cannot be read, so nobody knows yet what it did."""

    disposition = Disposition.RESOLVE


class OutcomeUnknown(RemoteError):
    """The request was sent and no answer came, so the platform may or may not have done it."""

    disposition = Disposition.RESOLVE
