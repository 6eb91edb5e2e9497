"""Normalized events: what platforms tell us, in Arriwa's own words (design 3).

Adapters' pure parsers make them out of raw hooks; the domain's services take them.
Every `key` is unique per organization for the fact and the same however often the platform repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class CartItem:
    """One line of a WhatsApp cart. `price` is what the lead's app showed, in major units, as text."""

    product: str
    quantity: int
    price: str
    currency: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A person wrote to a business number (L5)."""

    key: str
    #: WhatsApp's message id (wamid).
    external_id: str
    at: datetime
    #: Digits with country code, no "+"; None when WhatsApp gave only the business-scoped id.
    phone: str | None
    #: WhatsApp's business-scoped user id (BSUID).
    user_id: str | None
    name: str
    #: The number written to: digits, and WhatsApp's id of it.
    number: str
    number_id: str
    #: text | choice | order | image | audio | video | document | sticker | location | contacts |
    #: reaction | request_welcome | unsupported
    kind: str
    text: str = ""
    #: The id that our button or row carried (kind "choice").
    choice_id: str = ""
    cart: tuple[CartItem, ...] = ()
    #: The referral block exactly as it came, with Meta's keys only; None when absent.
    referral: dict[str, Any] | None = None
    #: The message that this one answers: wamid and Gupshup id, "" when absent.
    reply_to: str = ""
    reply_to_gs_id: str = ""
    #: The platform's own message object.
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessageStatusChanged:
    """A message that we sent moved on. Comes late, twice, in any order, or never."""

    key: str
    #: enqueued | sent | delivered | read | failed | deleted
    status: str
    at: datetime
    #: wamid; "" while only Gupshup's id is known.
    external_id: str
    gs_id: str
    phone: str | None
    user_id: str | None
    error_code: str = ""
    error_text: str = ""
    #: The platform's pricing facts, as they came.
    pricing: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PaymentReceived:
    """Money arrived (L21). One sale has one `payment_id`, however many events speak of it."""

    key: str
    at: datetime
    #: Stripe's event id and type, kept as proof.
    event_id: str
    event_type: str
    #: The PaymentIntent.
    payment_id: str
    #: Arriwa's order uuid, from metadata; "" when the object carries none.
    order_id: str
    #: Arriwa's organization uuid, from metadata; must equal the route's.
    organization_id: str
    amount_minor: int
    #: ISO 4217, upper case.
    currency: str


@dataclass(frozen=True, slots=True)
class ChannelNotice:
    """The platform speaks of the number itself. It is a knock: what is true is asked of the platform.

    So it may come twice, late and in any order, and `key` may be "" for what need not be told apart.
    """

    key: str
    #: set_callback | account | template
    kind: str
    #: The event form that it came in: "2" or "3".
    version: str = ""
    #: The platform's own words, for people.
    said: str = ""


@dataclass(frozen=True, slots=True)
class HookIgnored:
    """Understood and of no interest; `reason` says why (a test event, an unpaid session …)."""

    key: str
    reason: str


Inbound = MessageReceived | MessageStatusChanged | PaymentReceived | ChannelNotice | HookIgnored
