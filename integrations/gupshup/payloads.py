"""Content → the body of a v3 send, which is Meta's Cloud API body. Pure.

Limits: developers.facebook.com/documentation/business-messaging/whatsapp, interactive messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from integrations.base.errors import Rejected
from subscribers.content import Buttons, Content, LinkButton, Menu, Option, ProductCards, Template, Text

#: Characters.
TEXT_MAX = 4096
BODY_MAX = 1024
HEADER_MAX = 60
BUTTON_TITLE_MAX = 20
BUTTON_ID_MAX = 256
ROW_TITLE_MAX = 24
ROW_DESCRIPTION_MAX = 72
ROW_ID_MAX = 200
SECTION_TITLE_MAX = 24
#: Pieces.
BUTTONS_MAX = 3
ROWS_MAX = 10
PRODUCTS_MAX = 30


class ContentInvalid(Rejected):
    """WhatsApp would refuse this message; correct what the text names and send it anew."""


def message_body(
    content: Content, *, phone: str | None, user_id: str | None, reply_to: str | None = None
) -> dict[str, Any]:
    """The JSON to post.

    `phone`: digits with country code; it wins over `user_id` (the BSUID), as it does at Meta.
    `reply_to`: the wamid to quote. Raises ContentInvalid for what WhatsApp would refuse.
    """
    body: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    if phone:
        digits = phone.removeprefix("+")
        if not (digits.isascii() and digits.isdigit()):
            raise ContentInvalid("The recipient's phone must be digits; a user id belongs in `user_id`.")
        body["to"] = digits
    elif user_id:
        body["recipient"] = user_id
    else:
        raise ContentInvalid("The message has no recipient: neither a phone nor a WhatsApp user id is known.")
    if reply_to:
        body["context"] = {"message_id": reply_to}
    build = _BUILDERS.get(type(content))
    if build is None:
        raise ContentInvalid(f"WhatsApp has no message for {type(content).__name__}.")
    body.update(build(content))
    return body


def _text(content: Text) -> dict[str, Any]:
    body = _within("The text", content.body, TEXT_MAX)
    return {"type": "text", "text": {"body": body, "preview_url": False}}


def _buttons(content: Buttons) -> dict[str, Any]:
    _check_options("button", content.options, BUTTONS_MAX, BUTTON_TITLE_MAX, BUTTON_ID_MAX)
    if len({option.title for option in content.options}) < len(content.options):
        raise ContentInvalid("Two buttons have the same title; make them differ.")
    buttons = [{"type": "reply", "reply": {"id": o.id, "title": o.title}} for o in content.options]
    return _interactive("button", content.body, {"buttons": buttons})


def _menu(content: Menu) -> dict[str, Any]:
    _within("The list's button", content.button, BUTTON_TITLE_MAX)
    _check_options("row", content.options, ROWS_MAX, ROW_TITLE_MAX, ROW_ID_MAX)
    rows = []
    for option in content.options:
        row = {"id": option.id, "title": option.title}
        if option.description:
            row["description"] = _within("A row's description", option.description, ROW_DESCRIPTION_MAX)
        rows.append(row)
    # A single section needs no title.
    return _interactive("list", content.body, {"button": content.button, "sections": [{"rows": rows}]})


def _product_cards(content: ProductCards) -> dict[str, Any]:
    if not content.catalog_id:
        raise ContentInvalid("Product cards need the catalog's id.")
    if not 1 <= len(content.products) <= PRODUCTS_MAX or not all(content.products):
        raise ContentInvalid(f"Product cards need 1 to {PRODUCTS_MAX} products, each with its retailer id.")
    if len(content.products) == 1:
        # The single-product message has no header.
        action = {"catalog_id": content.catalog_id, "product_retailer_id": content.products[0]}
        return _interactive("product", content.body or content.header, action)
    section = {
        "title": _within("The section's title", content.section, SECTION_TITLE_MAX),
        "product_items": [{"product_retailer_id": product} for product in content.products],
    }
    message = _interactive(
        "product_list", content.body, {"catalog_id": content.catalog_id, "sections": [section]}
    )
    header = _within("The header", content.header, HEADER_MAX)
    message["interactive"]["header"] = {"type": "text", "text": header}
    return message


def _link_button(content: LinkButton) -> dict[str, Any]:
    if not _is_web_address(content.url):
        raise ContentInvalid("The link button needs a full http(s) address.")
    label = _within("The link button's label", content.label, BUTTON_TITLE_MAX)
    parameters = {"display_text": label, "url": content.url}
    return _interactive("cta_url", content.body, {"name": "cta_url", "parameters": parameters})


def _template(content: Template) -> dict[str, Any]:
    if not content.name or not content.language:
        raise ContentInvalid("A template needs its name and language.")
    template: dict[str, Any] = {"name": content.name, "language": {"code": content.language}}
    if content.params:
        # WhatsApp refuses line breaks, tabs and runs of spaces here; one space says the same.
        texts = [" ".join(param.split()) for param in content.params]
        for text in texts:
            _within(f"A parameter of the template {content.name}", text, BODY_MAX)
        parameters = [{"type": "text", "text": text} for text in texts]
        template["components"] = [{"type": "body", "parameters": parameters}]
    return {"type": "template", "template": template}


_BUILDERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    Text: _text,
    Buttons: _buttons,
    Menu: _menu,
    ProductCards: _product_cards,
    LinkButton: _link_button,
    Template: _template,
}


def _interactive(kind: str, body: str, action: dict[str, Any]) -> dict[str, Any]:
    text = _within("The message's body", body, BODY_MAX)
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": text}, "action": action}}


def _within(what: str, text: str, most: int) -> str:
    if not text.strip():
        raise ContentInvalid(f"{what} is empty.")
    if len(text) > most:
        raise ContentInvalid(f"{what} has {len(text)} characters; WhatsApp takes {most}.")
    return text


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _check_options(what: str, options: Sequence[Option], count: int, title: int, id_: int) -> None:
    if not 1 <= len(options) <= count:
        raise ContentInvalid(f"There are {len(options)} {what}s; WhatsApp takes 1 to {count}.")
    for option in options:
        _within(f"A {what}'s title", option.title, title)
        _within(f"A {what}'s id", option.id, id_)
        if option.id != option.id.strip():
            raise ContentInvalid(f"The {what} id {option.id!r} begins or ends with a space.")
    if len({option.id for option in options}) < len(options):
        raise ContentInvalid(f"Two {what}s have the same id; make them differ.")
