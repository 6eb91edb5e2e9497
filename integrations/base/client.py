"""The one place where an HTTP exchange becomes an answer or a typed error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from arriwa.common.http import HttpSession, shared_session
from integrations.base.errors import OutcomeUnknown, RemoteFault, Throttled, Unreachable


@dataclass(frozen=True, slots=True)
class Reply:
    """A platform's HTTP answer: status, parsed JSON (None when it is none), text and headers."""

    status: int
    json: Any
    text: str
    headers: Mapping[str, str]


def was_never_sent(error: BaseException) -> bool:
    """Whether the request cannot have reached the platform, by the error that ended it."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError):
        return True
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, NewConnectionError | ConnectTimeoutError | NameResolutionError):
            return True
        reason = getattr(cause, "reason", None)
        nested = reason if isinstance(reason, BaseException) else None
        arg = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else None
        cause = nested or arg or cause.__cause__
    return False


def exchange(
    method: str,
    url: str,
    *,
    session: HttpSession | None = None,
    timeout: tuple[float, float] | None = None,
    **kwargs: Any,
) -> Reply:
    """One request, one answer, whatever its status.

    Raises Unreachable when nothing was sent, OutcomeUnknown when the request went out and its
    answer did not arrive. The caller judges the status; see `raise_for_transient`.
    """
    http = session or shared_session(trusted=True)
    if timeout is not None:
        kwargs["timeout"] = timeout
    try:
        response = http.request(method, url, **kwargs)
    except requests.RequestException as error:
        kind = type(error).__name__
        if was_never_sent(error):
            raise Unreachable(f"No connection to the platform ({kind}).") from error
        raise OutcomeUnknown(f"The request was sent and no answer came ({kind}).") from error
    text = response.text
    try:
        # Without an encoding in its headers a JSON body tells its own.
        body = (json.loads(text) if response.encoding else response.json()) if text else None
    except ValueError:
        body = None
    return Reply(response.status_code, body, text, response.headers)


def retry_after(headers: Mapping[str, str], default: float) -> float:
    """Seconds from a Retry-After header in its numeric form, else `default`."""
    try:
        return max(0.0, float(headers.get("Retry-After", "")))
    except ValueError:
        return default


def raise_for_transient(reply: Reply, *, wait: float = 5.0) -> None:
    """Raises Throttled on 429 and RemoteFault on 5xx; a platform's own codes come first."""
    if reply.status == 429:
        raise Throttled(
            retry_after=retry_after(reply.headers, wait), status=429, answer=reply.json or reply.text
        )
    if reply.status >= 500:
        raise RemoteFault(
            f"The platform answered {reply.status}.", status=reply.status, answer=reply.json or reply.text
        )
