"""Gupshup, the WhatsApp business solution provider (S2): what this adapter speaks and where it is told.

v3 is Gupshup's pass-through of the WhatsApp Cloud API: its bodies and hooks are Meta's, its ids are
Gupshup's own. v2 is subscribed to only for template, account and billing events.
"""

from __future__ import annotations

PLATFORM = "gupshup"
API_VERSION = "v3"
DEFAULT_URL = "https://partner.gupshup.io"

DOCS = {
    "send": "https://partner-docs.gupshup.io/reference/post_partner-app-appid-v3-message-12",
    "events": "https://partner-docs.gupshup.io/docs/passthrough-v3-incoming-events",
    "statuses": "https://partner-docs.gupshup.io/docs/v3-message-events",
    "subscriptions": "https://partner-docs.gupshup.io/reference/setsubscription-api-v3",
    "errors": "https://partner-docs.gupshup.io/docs/error-codes",
    "tokens": "https://partner-docs.gupshup.io/docs/partner-authentication-guide-universal-tokens-ut-overview",
    "limits": "https://partner-docs.gupshup.io/docs/partner-rate-limits",
}

#: What surprises; each is handled in the module named.
QUIRKS = (
    "client: sending has no idempotency key, so an unanswered send is resolved by a status, never repeated.",
    "client: the answer to a send names Gupshup's message id; the wamid comes with the first status.",
    "client: 4001 is a rate limit that arrives as a 4xx body.",
    "client: tokens that start with sk_ go without Bearer, others with it.",
    "payloads: a business-scoped user id in `to` is dropped without a word; it belongs in `recipient`.",
    "webhooks: there is no signature; a static header set on the subscription proves the sender.",
    "webhooks: any body in our answer may be sent to the person as a message; answers are empty.",
    "webhooks: timestamps are seconds, milliseconds for `enqueued`, as number or text.",
    "webhooks: gs_id is missing in statuses that come more than about a week after the send.",
)

CAPABILITIES = frozenset(
    {"text", "buttons", "menu", "product_cards", "link_button", "template", "statuses", "user_id_recipient"}
)

#: The header that a subscription makes Gupshup add to each hook; its value is the route's secret.
HOOK_HEADER = "X-Arriwa-Key"

#: Modes of the v3 subscription; template, account and billing events need one of version 2.
MESSAGE_MODES = ("MESSAGE", "ENQUEUED", "SENT", "DELIVERED", "READ", "FAILED", "DELETED")
ACCOUNT_MODES = ("TEMPLATE", "ACCOUNT", "BILLING")

#: Requests per second and app for calls without a limit of their own.
REQUESTS_PER_SECOND = 10
#: Seconds between messages to one person in the long run; a burst of 45 may come first (131056).
PAIR_INTERVAL = 6.0
PAIR_BURST = 45
