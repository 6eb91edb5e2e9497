"""Gupshup's hooks → normalized events. Pure.

v3 envelope: partner-docs.gupshup.io/docs/passthrough-v3-incoming-events and /docs/v3-message-events.
The reading of one message is in `messages`, of one status in `statuses`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from integrations.base.hooks import BrokenItem, UnparsableHook, read_json
from integrations.gupshup import HOOK_HEADER
from integrations.gupshup.account_events import read_notice
from integrations.gupshup.messages import read_message
from integrations.gupshup.reading import Unreadable, as_dict, as_list, as_text
from integrations.gupshup.statuses import read_status
from subscribers.inbound import ChannelNotice, HookIgnored, Inbound

_HEADER = HOOK_HEADER.lower()


def verify(raw: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: float) -> bool:
    """Whether the static header that our subscription set holds one of `secrets`.

    Gupshup signs nothing (partner-docs: neither HMAC nor mTLS), so `raw` and `now` have no say.
    """
    given = headers.get(_HEADER, "").encode("utf-8", "surrogatepass")
    found = False
    for secret in secrets:
        same = hmac.compare_digest(given, secret.encode("utf-8", "surrogatepass"))
        found = found or (same and bool(secret))
    return found


def parse(raw: bytes) -> list[Inbound | BrokenItem]:
    """Every item of the hook, messages before statuses, each in the order in which it came.

    Raises UnparsableHook when it is no JSON or has no envelope that is known here.
    """
    hook = read_json(raw)
    if not isinstance(hook, dict):
        raise UnparsableHook("The hook is no JSON object.")
    if isinstance(hook.get("entry"), list):
        try:
            # An empty envelope leaves a trace too: nothing that came in is dropped unseen.
            return _parse_v3(hook) or [
                HookIgnored(key=f"gupshup:empty:{_digest(hook)}", reason="The hook holds nothing.")
            ]
        except RecursionError as error:
            raise UnparsableHook("The hook is nested too deeply.") from error
    if "type" in hook and "payload" in hook:
        return [_parse_v2(hook)]
    raise UnparsableHook("The hook has neither a v3 nor a v2 envelope.")


def _parse_v2(hook: dict[str, Any]) -> Inbound:
    kind = as_text(hook["type"])
    if kind in {"message", "message-event"}:
        # Ignoring it would lose a person's words.
        raise UnparsableHook("Messages arrive in v2 form; subscribe to them with version 3.")
    notice = read_notice(kind, as_dict(hook.get("payload")), _digest(hook))
    if notice is not None:
        return notice
    return HookIgnored(key=f"gupshup:v2:{_digest(hook)}", reason=f"v2 event {kind or 'without a type'}")


def _parse_v3(hook: dict[str, Any]) -> list[Inbound | BrokenItem]:
    messages: list[Inbound | BrokenItem] = []
    others: list[Inbound | BrokenItem] = []
    for value in _message_values(hook, others):
        metadata, contacts = as_dict(value.get("metadata")), as_list(value.get("contacts"))
        for item in as_list(value.get("messages")):
            messages.append(_attempt(item, read_message, metadata, contacts))
        for item in as_list(value.get("statuses")):
            others.append(_attempt(item, _status, contacts, hook))
        if not as_list(value.get("messages")) and not as_list(value.get("statuses")):
            reason = "messages field with neither messages nor statuses"
            others.append(HookIgnored(key=f"gupshup:field:messages:{_digest(value)}", reason=reason))
    if not messages and not others:
        others.append(HookIgnored(key=f"gupshup:empty:{_digest(hook)}", reason="empty envelope"))
    return messages + others


def _message_values(hook: dict[str, Any], others: list[Inbound | BrokenItem]) -> Iterator[dict[str, Any]]:
    """The values of all `messages` changes; what is none goes to `others`."""
    for entry in hook["entry"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("changes"), list):
            others.append(_broken(entry, "an entry without changes"))
            continue
        for change in entry["changes"]:
            if not isinstance(change, dict):
                others.append(_broken(change, "a change that is no object"))
                continue
            field, value = as_text(change.get("field")), change.get("value")
            if field != "messages":
                reason = f"field {field or 'without a name'} is not used"
                others.append(HookIgnored(key=f"gupshup:field:{field}:{_digest(change)}", reason=reason))
            elif not isinstance(value, dict):
                others.append(_broken(change, "a messages change without a value"))
            else:
                yield value


def _status(item: Any, contacts: list[Any], hook: dict[str, Any]) -> Inbound:
    if as_text(as_dict(item).get("type")) == "set-callback":
        # Sent once after a subscription is made; proof that the address works.
        return ChannelNotice(key="", kind="set_callback", version="3")
    return read_status(item, contacts)


def _attempt(item: Any, read: Callable[..., Inbound], *args: Any) -> Inbound | BrokenItem:
    try:
        return read(item, *args)
    except Unreadable as error:
        return _broken(item, str(error))


def _broken(item: Any, reason: str) -> BrokenItem:
    return BrokenItem(key=f"gupshup:broken:{_digest(item)}", reason=reason, raw=item)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
