"""Names under which this adapter's work stands in the outbox."""

from __future__ import annotations

#: An outgoing message.
MESSAGE = "gupshup.message"
#: Ends the wait for a status of a send in doubt.
DOUBT_TIMER = "send_doubt"
