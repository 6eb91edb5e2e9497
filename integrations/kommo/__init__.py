"""Kommo: contacts, deals, stages, fields and tags (brief S5, L15-L21)."""

from __future__ import annotations

API_PATH = "/api/v4"

DOCS = {
    "complex_leads": "https://developers.kommo.com/reference/complex-leads",
    "update_tags": "https://developers.kommo.com/reference/update-tags",
    "custom_fields": "https://developers.kommo.com/reference/custom-fields",
    "limits": "https://developers.kommo.com/docs/limitations",
    "long_lived_token": "https://developers.kommo.com/docs/long-lived-token",
}

CAPABILITIES = frozenset({"contacts", "deals", "stages", "custom_fields", "tags"})

QUIRKS = (
    "204 means an empty list; it has no body.",
    "There are no idempotency keys: look up before a create and after a lost answer.",
    "POST /leads/complex answers with a bare array.",
    "_embedded.tags on PATCH replaces the whole set: use tags_to_add and tags_to_delete.",
    "The search is full-text and its index lags: compare the phones exactly.",
    "142 is won and 143 is lost in every pipeline; all other stage ids belong to one account.",
    "Too many requests after a 429 block the whole account with 403.",
    "A price is a whole number of the account's currency, without cents.",
)

#: Requests a second; the limit is 7 per integration and 50 per account.
REQUESTS_PER_SECOND = 5

STATUS_WON = 142
STATUS_LOST = 143
