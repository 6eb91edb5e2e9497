"""Stripe, the payments (S6): what this adapter speaks and where it is told.

Inside this package `import stripe` is the library: imports are absolute.
"""

from __future__ import annotations

PLATFORM = "stripe"
#: Pinned by the library; endpoints are created with it, so that hooks have the same form.
API_VERSION = "2026-10-28.endive"
DEFAULT_URL = "https://api.stripe.com"

DOCS = {
    "payment_links": "https://docs.stripe.com/api/payment-link/create",
    "fulfillment": "https://docs.stripe.com/checkout/fulfillment",
    "signatures": "https://docs.stripe.com/webhooks/signature",
    "idempotency": "https://docs.stripe.com/api/idempotent_requests",
    "currencies": "https://docs.stripe.com/currencies",
    "metadata": "https://docs.stripe.com/metadata",
    "errors": "https://docs.stripe.com/error-handling",
    "limits": "https://docs.stripe.com/rate-limits",
}

#: What surprises; each is handled in the module named.
QUIRKS = (
    "payloads: a link's metadata reaches its sessions, not their PaymentIntents; it is written to both.",
    "client: the library repeats calls by itself unless told not to; only the queue repeats here.",
    "client: an idempotency key keeps even a 500 for a day, so the same key may repeat that answer.",
    "webhooks: one sale tells itself in two events, in any order; payment_id is common to both.",
    "webhooks: the library's check lets signatures from the future pass; ours does not.",
)

CAPABILITIES = frozenset({"payment_link", "webhook_endpoint", "account"})

#: Events that the endpoint subscribes to.
EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
)

#: Calls per second of one account: live, and in Stripe's test mode.
REQUESTS_PER_SECOND = 100
REQUESTS_PER_SECOND_TEST = 25
