"""Meta's answer → one error of the tree. Branches on code and subcode only: texts are localised and change.

Table: reference of the Conversions API and Marketing API errors (Graph API, "Handling errors").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from integrations.base.client import Reply, retry_after
from integrations.base.errors import (
    CredentialRefused,
    IntegrationError,
    MalformedReply,
    Rejected,
    RemoteError,
    RemoteFault,
    Throttled,
    WaitScope,
)

#: Usage scores decay within 300 s; a shorter first wait is enough for short bursts.
DEFAULT_WAIT = 60.0

_THROTTLE_CODES = frozenset({4, 17, 32, 613, *range(80000, 80015)})
#: Throttles the app, not one ad account.
_APP_THROTTLE = 4
_TRANSIENT_CODES = frozenset({1, 2})
_CREDENTIAL = {
    10: "The token lacks a permission: reconnect and grant it.",
    102: "The session is over: reconnect.",
    104: "The token or its proof is missing: reconnect.",
    190: "The token is dead: reconnect.",
    200: "The token lacks a permission or the asset: reconnect and grant both.",
    294: "The token lacks a permission to manage ads: reconnect and grant it.",
    368: "Meta blocked this account for its behaviour: settle it with Meta, then resume.",
}
#: Code 200, yet no fault of the token: a person must act and the task be replayed; other work goes on.
_AUDIENCE = {
    1870034: "The Custom Audience terms are not accepted: accept them in the ad account, then replay.",
    1870047: "The audience would become too small for this removal: add people or delete the audience.",
    1870090: "The Custom Audience terms are not accepted: accept them in the ad account, then replay.",
    1870092: "The Business Tools terms are not accepted: accept them in the ad account, then replay.",
}
#: One event's fault: in a batch, the others are good.
_EVENT = {
    2804003: "The event is more than 7 days old.",
    2804004: "The event lies in the future: check this machine's clock.",
    2804008: "An item of contents has no id.",
    2804009: "A Purchase has no value.",
    2804023: "A value has no currency.",
    2804050: "There is too little user data to match a person.",
    2804063: "The messaging channel is missing.",
    2804064: "The event holds an argument that messaging events may not have.",
    2804066: "The dataset does not take this event name: change the event map.",
    2804071: "The click id is missing.",
    2804087: "Meta does not know this click id.",
}
#: The dataset's fault: every event of the batch would fail.
_DATASET = {
    33: "The object does not exist or the token may not see it: check the id and the token's assets.",
    2804065: "The page does not belong to this dataset: check the dataset.",
    2804069: "The dataset is linked to a page, not to a WhatsApp account: choose another.",
    2804073: "The page does not fit the person's id: check the dataset.",
    2804116: "The event names no WhatsApp account: fill in waba_id.",
    2804118: "The dataset does not belong to this WhatsApp account: check both ids.",
    2804131: "The dataset has no page linked: choose the WhatsApp account's dataset.",
    2804132: "The dataset has no WhatsApp account linked: choose the account's own dataset.",
    2804133: "The dataset has no Instagram account linked: choose the WhatsApp account's dataset.",
}
NONE_RECEIVED = "events_received/0"


def throttle_wait(headers: Mapping[str, str]) -> float:
    """Seconds until Meta serves again.

    The largest of X-Business-Use-Case-Usage (minutes), X-Ad-Account-Usage (seconds) and Retry-After.
    """
    waits = [retry_after(headers, 0.0)]
    usage = _header_json(headers, "X-Business-Use-Case-Usage")
    for entries in usage.values():
        for entry in entries if isinstance(entries, list) else ():
            minutes = entry.get("estimated_time_to_regain_access") if isinstance(entry, Mapping) else None
            waits.append(60.0 * minutes if isinstance(minutes, int | float) else 0.0)
    seconds = _header_json(headers, "X-Ad-Account-Usage").get("reset_time_duration")
    waits.append(float(seconds) if isinstance(seconds, int | float) else 0.0)
    return max(waits) or DEFAULT_WAIT


def _header_json(headers: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        value = json.loads(headers.get(name) or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def raise_for_graph(reply: Reply) -> None:
    """Raises the error that a Graph answer stands for; returns when it is a success with a JSON body.

    Raises Throttled, CredentialRefused, RemoteFault, Rejected with `platform_code` "code/subcode", and
    MalformedReply for a 2xx answer that is no JSON object.
    """
    body = reply.json if isinstance(reply.json, dict) else {}
    error = body.get("error")
    if isinstance(error, dict):
        raise _graph_error(reply, error)
    if reply.status == 429:
        raise Throttled(retry_after=throttle_wait(reply.headers), status=429)
    if reply.status >= 500:
        raise RemoteFault(f"Meta answered {reply.status}.", status=reply.status)
    if reply.status == 401:
        raise CredentialRefused(status=401)
    if reply.status >= 300:
        raise Rejected(f"Meta answered {reply.status} without a reason.", status=reply.status)
    if not body:
        raise MalformedReply(status=reply.status)


def _graph_error(reply: Reply, error: dict[str, Any]) -> RemoteError:
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    platform_code = f"{code}/{subcode}" if subcode else str(code)
    kwargs: dict[str, Any] = {
        "status": reply.status,
        "platform_code": platform_code,
        "answer": {"error": error},
        "fbtrace_id": error.get("fbtrace_id"),
    }
    if code in _THROTTLE_CODES or reply.status == 429:
        scope = WaitScope.CONNECTION if code == _APP_THROTTLE else WaitScope.RATE_KEY
        return Throttled(retry_after=throttle_wait(reply.headers), scope=scope, **kwargs)
    if code == 200 and subcode in _AUDIENCE:
        return Rejected(_AUDIENCE[subcode], **kwargs)
    if code in _CREDENTIAL:
        return CredentialRefused(f"{_CREDENTIAL[code]} ({platform_code})", **kwargs)
    known = _EVENT.get(subcode) or _DATASET.get(subcode)
    if known:
        return Rejected(f"{known} ({platform_code})", **kwargs)
    if error.get("is_transient") is True or code in _TRANSIENT_CODES or reply.status >= 500:
        return RemoteFault(f"Meta failed for a moment ({platform_code}).", **kwargs)
    return Rejected(f"Meta refused the request ({platform_code}).", **kwargs)


def _number(value: object) -> int:
    if isinstance(value, int):
        return int(value)
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else 0


def is_poison(error: IntegrationError) -> bool:
    """Whether one event of a batch may be at fault, so that halves of it are worth sending.

    True for the codes of a single event, for a parameter error without a known subcode and for a
    batch of which Meta took nothing; false where every event of this dataset would fail.
    """
    if not isinstance(error, Rejected):
        return False
    if error.platform_code == NONE_RECEIVED:
        return True
    code, _, subcode = (error.platform_code or "").partition("/")
    return code == "100" and int(subcode or 0) not in _DATASET
