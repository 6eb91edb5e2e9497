"""One item of `value.statuses` → MessageStatusChanged. Pure.

partner-docs.gupshup.io/docs/v3-message-events. `id` is a wamid, or Gupshup's own id for `enqueued`, for
synchronous failures and in some late events; a failure is flat (`code`, `reason`) or Meta's `errors[]`.
"""

from __future__ import annotations

from typing import Any

from integrations.gupshup.reading import (
    Unreadable,
    as_dict,
    as_list,
    as_text,
    read_phone,
    read_time,
    read_user_id,
)
from subscribers.inbound import HookIgnored, Inbound, MessageStatusChanged

STATUSES = frozenset({"enqueued", "sent", "delivered", "read", "failed", "deleted"})


def read_status(item: Any, contacts: list[Any]) -> Inbound:
    """Raises Unreadable when the status has no id, no name or no time."""
    if not isinstance(item, dict):
        raise Unreadable("a status that is no object")
    status = as_text(item.get("status")).lower()
    if not status:
        raise Unreadable("a status without a name")
    wamid, gs_id = _ids(item)
    if not wamid and not gs_id:
        raise Unreadable("a status without a message id")
    key = f"gupshup:status:{gs_id or wamid}:{status}"
    if status not in STATUSES:
        return HookIgnored(key=key, reason=f"status {status} is not used")
    code, text = _failure(item) if status == "failed" else ("", "")
    contact = as_dict(contacts[0]) if len(contacts) == 1 else {}
    return MessageStatusChanged(
        key=key,
        status=status,
        at=read_time(item.get("timestamp")),
        external_id=wamid,
        gs_id=gs_id,
        phone=read_phone(item.get("recipient_id")) or read_phone(contact.get("wa_id")),
        user_id=read_user_id(item.get("recipient_user_id"), item.get("recipient_id"), contact.get("user_id")),
        error_code=code,
        error_text=text,
        pricing=as_dict(item.get("pricing")),
    )


def _ids(item: dict[str, Any]) -> tuple[str, str]:
    """The wamid and Gupshup's id, "" for one that is not told."""
    id_, meta_id = as_text(item.get("id")), as_text(item.get("meta_msg_id"))
    gs_id = as_text(item.get("gs_id")) or as_text(item.get("gsId"))
    wamid = next((known for known in (id_, meta_id) if known.startswith("wamid.")), "")
    if not gs_id and not id_.startswith("wamid."):
        gs_id = id_
    # Gupshup sometimes repeats the wamid as its own id.
    return wamid, "" if gs_id == wamid else gs_id


def _failure(item: dict[str, Any]) -> tuple[str, str]:
    errors = as_list(item.get("errors"))
    error = as_dict(errors[0]) if errors else {}
    code = as_text(item.get("code")) or as_text(error.get("code"))
    details = as_text(as_dict(error.get("error_data")).get("details"))
    text = (
        as_text(item.get("reason")) or details or as_text(error.get("message")) or as_text(error.get("title"))
    )
    return code, text
