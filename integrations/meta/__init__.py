"""Meta: conversion events, customer-file audiences and ad metadata (brief S3, L1, L7, A2)."""

from __future__ import annotations

#: Graph and Marketing API of 2026-07-29. A Marketing version lives about a year: check each quarter.
GRAPH_VERSION = "v26.0"

#: Goes to Meta with every batch of events as the partner's name.
PARTNER_AGENT = "arriwa"

DOCS = {
    "business_messaging": "https://developers.facebook.com/documentation/ads-commerce/conversions-api/business-messaging",
    "user_data": "https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters",
    "audiences": "https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences",
    "rate_limits": "https://developers.facebook.com/docs/marketing-api/overview/rate-limiting",
    "login": "https://developers.facebook.com/docs/facebook-login/guides/access-tokens",
    "permissions": "https://developers.facebook.com/docs/graph-api/reference/user/permissions/",
    "audience_terms": "https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences",
    "app_secret_proof": "https://developers.facebook.com/docs/graph-api/securing-requests",
}

CAPABILITIES = frozenset({"messaging_events", "pixel_events", "audiences", "ad_metadata"})

QUIRKS = (
    "A messaging dataset takes a closed list of event names and needs the click id.",
    "One invalid event rejects its whole batch, without a status per event.",
    "HTTP 200 is no acknowledgement: compare events_received with the number sent.",
    "An event older than 7 days rejects the request; we park events above 6 days.",
    "A person declines single permissions and ticks single assets: a right scope may lack the asset.",
    "A permission once declined is asked again only with auth_type=rerequest.",
    "Answers of lists hold addresses with the token in them; we follow cursors alone.",
    "The SDK keeps one process-wide api object; we never set it.",
    "The SDK sends a DELETE's parameters in the URL; our transport moves them to the body.",
)
