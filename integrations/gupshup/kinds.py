"""Names under which this adapter's work stands in the outbox."""

from __future__ import annotations

#: An outgoing message.
MESSAGE = "gupshup.message"
#: Renews a token that ends.
TOKEN = "gupshup.token"
#: The next step of a number on its way to WhatsApp.
ONBOARDING = "gupshup.onboarding"
#: A mail to the owner about it.
MAIL = "gupshup.mail"
#: Ends the wait for a status of a send in doubt.
DOUBT_TIMER = "send_doubt"
#: Time to look at a number on its way again.
ONBOARDING_TIMER = "gupshup_onboarding"
