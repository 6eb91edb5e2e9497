"""One item of `value.messages` → MessageReceived. Pure.

Meta's Cloud API forms (developers.facebook.com/documentation/business-messaging/whatsapp, webhooks,
messages); Gupshup adds `gs_id` or `gsId` to `context`.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
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
from subscribers.inbound import CartItem, HookIgnored, Inbound, MessageReceived

_MEDIA = frozenset({"image", "audio", "video", "document", "sticker"})


def read_message(item: Any, metadata: dict[str, Any], contacts: list[Any]) -> Inbound:
    """Raises Unreadable when the message has no id, no sender or no time.

    A kind that is unknown here is still a person's message, of kind "unsupported".
    """
    if not isinstance(item, dict):
        raise Unreadable("a message that is no object")
    wamid = as_text(item.get("id"))
    if not wamid:
        raise Unreadable("a message without an id")
    key = f"gupshup:message:{wamid}"
    if as_text(item.get("type")) == "system":
        # WhatsApp speaks here, not the person: it opens no window and answers no question.
        what = as_text(as_dict(item.get("system")).get("type")) or "without a type"
        return HookIgnored(key=key, reason=f"system message {what}")
    phone, user_id, name = _sender(item, contacts)
    if phone is None and user_id is None:
        raise Unreadable("a message without a sender")
    kind, text, choice_id = _meaning(item)
    context = as_dict(item.get("context"))
    referral = item.get("referral")
    return MessageReceived(
        key=key,
        external_id=wamid,
        at=read_time(item.get("timestamp")),
        phone=phone,
        user_id=user_id,
        name=name,
        number=read_phone(metadata.get("display_phone_number")) or "",
        number_id=as_text(metadata.get("phone_number_id")),
        kind=kind,
        text=text,
        choice_id=choice_id,
        cart=_cart(item) if kind == "order" else (),
        referral=referral if isinstance(referral, dict) else None,
        reply_to=_reply_to(item, context),
        reply_to_gs_id=as_text(context.get("gs_id")) or as_text(context.get("gsId")),
        raw=item,
    )


def _sender(item: dict[str, Any], contacts: list[Any]) -> tuple[str | None, str | None, str]:
    """Phone, user id and shown name. `from` is left out when WhatsApp hides the phone."""
    phone = read_phone(item.get("from"))
    user_id = read_user_id(item.get("from_user_id"), item.get("from"))
    contact = _contact(contacts, phone, user_id)
    return (
        phone or read_phone(contact.get("wa_id")),
        user_id or read_user_id(contact.get("user_id")),
        as_text(as_dict(contact.get("profile")).get("name")),
    )


def _contact(contacts: list[Any], phone: str | None, user_id: str | None) -> dict[str, Any]:
    """The sender's contact; never another person's, so a lone one counts only if it contradicts nothing."""
    known = [contact for contact in contacts if isinstance(contact, dict)]
    for contact in known:
        if phone and read_phone(contact.get("wa_id")) == phone:
            return contact
        if user_id and read_user_id(contact.get("user_id")) == user_id:
            return contact
    if len(known) == 1:
        wa_id, other = read_phone(known[0].get("wa_id")), read_user_id(known[0].get("user_id"))
        if not (phone and wa_id) and not (user_id and other):
            return known[0]
    return {}


def _meaning(item: dict[str, Any]) -> tuple[str, str, str]:
    """Kind, text and choice id."""
    kind = as_text(item.get("type"))
    part = as_dict(item.get(kind)) if kind else {}
    if kind == "text":
        return "text", as_text(part.get("body")), ""
    if kind == "button":
        return "choice", as_text(part.get("text")), as_text(part.get("payload"))
    if kind == "interactive":
        for form in ("button_reply", "list_reply"):
            reply = as_dict(part.get(form))
            if reply:
                return "choice", as_text(reply.get("title")), as_text(reply.get("id"))
        return "unsupported", "", ""
    if kind == "order":
        return "order", as_text(part.get("text")), ""
    if kind == "reaction":
        return "reaction", as_text(part.get("emoji")), ""
    if kind in _MEDIA:
        return kind, as_text(part.get("caption")), ""
    if kind in {"location", "contacts"}:
        return kind, "", ""
    if kind == "request_welcome":
        return "request_welcome", "", ""
    return "unsupported", "", ""


def _reply_to(item: dict[str, Any], context: dict[str, Any]) -> str:
    if as_text(item.get("type")) == "reaction":
        return as_text(as_dict(item.get("reaction")).get("message_id"))
    return as_text(context.get("id"))


def _cart(item: dict[str, Any]) -> tuple[CartItem, ...]:
    lines = []
    for line in as_list(as_dict(item.get("order")).get("product_items")):
        fields = as_dict(line)
        product = as_text(fields.get("product_retailer_id"))
        if not product:
            raise Unreadable("a cart line without a product")
        currency = as_text(fields.get("currency")).upper()
        lines.append(CartItem(product, _quantity(fields), _price(fields), currency))
    if not lines:
        raise Unreadable("an order without products")
    return tuple(lines)


def _quantity(fields: dict[str, Any]) -> int:
    try:
        quantity = Decimal(as_text(fields.get("quantity")))
        if quantity == quantity.to_integral_value() and 1 <= quantity <= 1_000_000:
            return int(quantity)
    except InvalidOperation:
        pass
    raise Unreadable("a cart line without a whole quantity")


def _price(fields: dict[str, Any]) -> str:
    """Text that Decimal reads. A cart may hold products without a price: "0"."""
    text = as_text(fields.get("item_price")).strip() or "0"
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise Unreadable("a cart line without a readable price") from error
    if not price.is_finite() or price < 0:
        raise Unreadable("a cart line without a readable price")
    return text
