"""Flowise's answer → one error of the tree. Status 500 is told apart by its message."""

from __future__ import annotations

import re

from integrations.base.client import Reply, retry_after
from integrations.base.errors import (
    CredentialRefused,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    RemoteFault,
    Throttled,
    WaitScope,
)

#: Seconds; an LLM's own limit is told to Flowise and not to us.
THROTTLE_WAIT = 10.0

_NODE = re.compile(r"Error in [\w ]+ node: ")
_STATUS = re.compile(r"(\d{3})\b")


class PredictionLate(OutcomeUnknown):
    """Flowise did not answer within the deadline and the run was told to stop; the answer is unavailable."""


def raise_for_flowise(reply: Reply) -> None:
    """Raises the error that an answer stands for; returns on 2xx.

    The answer itself is not kept: its stack and echoes may hold a lead's words.
    """
    if reply.status < 300:
        return
    raise _error(reply)


def _error(reply: Reply) -> RemoteError:
    status = reply.status
    if status in (401, 403):
        return CredentialRefused("Flowise refuses the API key: make a new one and reconnect.", status=status)
    if status == 429:
        return _throttled(reply)
    if status >= 500:
        return _fault(reply)
    if status == 404:
        return Rejected("Flowise has no such agentflow: check flow_id.", status=status, platform_code="404")
    if status < 400:
        return Rejected("Flowise redirects to another address: correct the url.", status=status)
    return Rejected(f"Flowise refused the request ({status}).", status=status, platform_code=str(status))


def _throttled(reply: Reply, code: str | None = None) -> Throttled:
    return Throttled(
        retry_after=retry_after(reply.headers, THROTTLE_WAIT),
        scope=WaitScope.CONNECTION,
        status=reply.status,
        platform_code=code,
    )


def _fault(reply: Reply) -> RemoteError:
    body = reply.json if isinstance(reply.json, dict) else {}
    message = str(body.get("message") or "").strip()
    # Only the first cause counts: what follows may echo the model's or the lead's words.
    cause = _NODE.search(message)
    if cause is None:
        if message.endswith("buildChatflow - Unauthorized"):
            return CredentialRefused(
                "Flowise refuses the API key: use the key bound to the agentflow.", status=reply.status
            )
        if "buildChatflow - Missing credentials" in message:
            return _model_credential(reply)
        return RemoteFault(f"Flowise answered {reply.status}.", status=reply.status)
    rest = message[cause.end() :]
    told = _STATUS.match(rest)
    code = told.group(1) if told else ""
    if code == "429":
        return _throttled(reply, code)
    if code in ("401", "403") or rest.startswith("Missing credentials"):
        return _model_credential(reply)
    return RemoteFault(
        f"Flowise's model failed{f' with {code}' if code else ''}.",
        status=reply.status,
        platform_code=code or None,
    )


def _model_credential(reply: Reply) -> CredentialRefused:
    return CredentialRefused(
        "The model behind the agentflow refuses its credential: correct it in Flowise.", status=reply.status
    )
