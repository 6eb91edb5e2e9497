"""v2 events of an app → notices. Pure (reference 3.3; partner-docs "events").

Payload types of account-event are not told anywhere, and events come late, twice and in any order: so each
is a knock, upon which Gupshup itself is asked.
"""

from __future__ import annotations

from typing import Any

from integrations.gupshup.reading import as_text
from subscribers.inbound import ChannelNotice

#: The phone in the test event that Gupshup sends when a v2 subscription is made.
TEST_PHONE = "callbackSetPhone"
_SAID = ("type", "event", "status", "elementName", "languageCode", "rejectedReason", "description", "reason")


def read_notice(kind: str, payload: dict[str, Any], digest: str) -> ChannelNotice | None:
    """The notice in a v2 event, None for one that says nothing of the app itself."""
    if kind == "user-event" and as_text(payload.get("phone")) == TEST_PHONE:
        return ChannelNotice("", "set_callback", "2")
    about = {"account-event": "account", "template-event": "template"}.get(kind)
    if about is None:
        return None
    said = " · ".join(text for key in _SAID if (text := as_text(payload.get(key)).strip()))
    return ChannelNotice(f"gupshup:{about}:{digest}", about, "2", said[:300])
