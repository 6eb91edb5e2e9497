"""What Gupshup's answer means: the one table from HTTP status and code to a typed error. Pure.

partner-docs.gupshup.io/docs/error-codes; Meta's codes come through unchanged on v3.
"""

from __future__ import annotations

import re
from typing import Any

from integrations.base.client import Reply, retry_after
from integrations.base.errors import (
    CredentialRefused,
    Rejected,
    RemoteError,
    RemoteFault,
    Throttled,
    WaitScope,
)

#: Code → what has to wait, seconds.
_WAITS: dict[str, tuple[WaitScope, float]] = {
    "4001": (WaitScope.RATE_KEY, 5.0),
    "4": (WaitScope.RATE_KEY, 30.0),
    "80007": (WaitScope.RATE_KEY, 30.0),
    "130429": (WaitScope.RATE_KEY, 5.0),
    # One message in six seconds to one person; others are not held up.
    "131056": (WaitScope.TASK, 6.0),
    # Wallet low, payment: the owner pays and everything goes on by itself.
    "1003": (WaitScope.CONNECTION, 300.0),
    "131042": (WaitScope.CONNECTION, 300.0),
}
#: Meta writes its code into the text: "(#131056) Pair rate limit hit".
_CODE_IN_TEXT = re.compile(r"\(#(\d{1,9})\)")
_FAULTS = frozenset({"500", "4002", "131000", "131016", "131057"})
_LOCKED = frozenset({"368", "131031"})


def read_error(body: Any) -> tuple[str, str]:
    """The platform's code and message out of any of its error forms; "" for what is not told.

    Seen: `{"message": text}`, `{"message": {"message": text, "code": n}}`, Meta's
    `{"error": {"code": n, "message": text}}` and `{"errors": [{…}]}`.
    """
    code = text = ""
    pending: list[Any] = [body]
    while pending and not (code and text):
        part = pending.pop(0)
        if isinstance(part, list):
            pending.extend(part[:1])
        elif isinstance(part, dict):
            told = part.get("code")
            if not code and isinstance(told, str | int) and not isinstance(told, bool):
                code = str(told)
            text = text or next(
                (part[k] for k in ("message", "reason", "title", "error") if isinstance(part.get(k), str)), ""
            )
            pending.extend(part.get(k) for k in ("error", "message", "errors"))
    if not code:
        found = _CODE_IN_TEXT.search(text)
        code = found.group(1) if found else ""
    return code, text


def error_of(reply: Reply) -> RemoteError | None:
    """The typed error that the answer is, or None for a success.

    401 → CredentialRefused; 429 and the limiting codes → Throttled; 5xx and the passing codes →
    RemoteFault (Gupshup says of these that nothing was processed); all other refusals → Rejected.
    """
    body = reply.json
    failed = isinstance(body, dict) and (body.get("status") == "error" or bool(body.get("error")))
    if 200 <= reply.status < 300 and not failed:
        return None
    code, text = read_error(body)
    facts: dict[str, Any] = {
        "status": reply.status,
        "platform_code": code or None,
        "answer": body if body is not None else reply.text,
    }
    said = f"{text or 'no reason given'} ({code or reply.status})"
    if reply.status == 401:
        return CredentialRefused(
            f"Gupshup refuses the token: {said}. Put in a new one, then resume the connection.", **facts
        )
    if code in _LOCKED:
        return CredentialRefused(
            f"WhatsApp has locked the account: {said}. Settle it there, then resume the connection.", **facts
        )
    if code in _WAITS:
        scope, wait = _WAITS[code]
        wait = retry_after(reply.headers, wait)
        return Throttled(f"Gupshup asks us to wait: {said}.", retry_after=wait, scope=scope, **facts)
    if reply.status == 429:
        return Throttled(
            f"Gupshup asks us to wait: {said}.", retry_after=retry_after(reply.headers, 5.0), **facts
        )
    if reply.status >= 500 or code in _FAULTS:
        return RemoteFault(f"Gupshup failed: {said}. It is tried again by itself.", **facts)
    return Rejected(f"Gupshup refuses this: {said}. Correct it and replay the task.", **facts)
