"""Kommo's answer → one error of the tree (developers.kommo.com: HTTP codes, Limitations)."""

from __future__ import annotations

import re
from typing import Any

from integrations.base.client import Reply, raise_for_transient, retry_after
from integrations.base.errors import CredentialRefused, Rejected, RemoteError, Throttled, WaitScope

#: Seconds after the account was blocked for too many requests; Kommo names no time.
BLOCK_WAIT = 900.0
#: Seconds after a first 429; more of them lead to the block.
THROTTLE_WAIT = 5.0

_BLOCK = re.compile(r"\bblock|too many|rate limit|заблок", re.IGNORECASE)


def request_id_of(reply: Reply) -> str:
    """Kommo's X-Request-Id: the proof that its support asks for."""
    return reply.headers.get("X-Request-Id") or ""


def raise_for_kommo(reply: Reply) -> None:
    """Raises the error that an answer stands for; returns on 2xx.

    Raises Throttled (connection) on 429 and on the account's block, CredentialRefused on 401, on 402
    (account unpaid) and on 403 for missing rights, RemoteFault on 5xx, Rejected on the rest.
    """
    if reply.status < 300:
        return
    details: dict[str, Any] = {"status": reply.status, "request_id": request_id_of(reply)}
    body = reply.json if isinstance(reply.json, dict) else {}
    details["answer"] = body or None
    if reply.status == 429:
        wait = retry_after(reply.headers, THROTTLE_WAIT)
        raise Throttled(retry_after=wait, scope=WaitScope.CONNECTION, **details)
    raise_for_transient(reply)
    if reply.status == 401:
        raise CredentialRefused("Kommo no longer accepts the token: make a new one and reconnect.", **details)
    if reply.status == 402:
        raise CredentialRefused("The Kommo account is not paid: pay it, then resume.", **details)
    if reply.status == 403:
        raise _forbidden(reply, body, details)
    raise _refused(reply, body, details)


def _forbidden(reply: Reply, body: dict[str, Any], details: dict[str, Any]) -> RemoteError:
    # Missing rights are told as a problem document; the block answers in prose, often as a web page.
    if not body or _BLOCK.search(f"{body.get('title')} {body.get('detail')} {body.get('hint')}"):
        return Throttled(
            "Kommo blocked the account for too many requests.",
            retry_after=max(BLOCK_WAIT, retry_after(reply.headers, 0.0)),
            scope=WaitScope.CONNECTION,
            **details,
        )
    return CredentialRefused(
        "The token's owner lacks the right to do this: let an administrator make the token.", **details
    )


def _refused(reply: Reply, body: dict[str, Any], details: dict[str, Any]) -> Rejected:
    if reply.status < 400:
        message = "Kommo redirects to another address: was the account renamed? Correct the subdomain."
        return Rejected(message, **details)
    if reply.status == 404:
        return Rejected("Kommo has no such object or account: check the ids and the subdomain.", **details)
    errors = _validation_errors(body)
    if not errors:
        return Rejected(f"Kommo refused the request ({reply.status}).", **details)
    named = "; ".join(f"{path}: {code}" for path, code in errors)
    return Rejected(
        f"Kommo refused the request: {named}.", platform_code=errors[0][1], errors=errors, **details
    )


def _validation_errors(body: dict[str, Any]) -> list[tuple[str, str]]:
    """(path, code) of each fault; the values stay out, since they may be a person's."""
    found: list[tuple[str, str]] = []
    for element in body.get("validation-errors") or ():
        for error in (element.get("errors") if isinstance(element, dict) else None) or ():
            if isinstance(error, dict):
                found.append((str(error.get("path") or "?"), str(error.get("code") or "?")))
    return found
