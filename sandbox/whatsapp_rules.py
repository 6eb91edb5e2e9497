"""What WhatsApp refuses at once in a message body (gupshup_whatsapp.md 2.2 and 4.6). Pure.

Template names, the 24 h window and unknown recipients are not judged here: those answers come later, as a
`failed` status.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
DIGITS = re.compile(r"[1-9][0-9]{5,14}")
MEDIA_TYPES = ("image", "video", "audio", "document", "sticker")


class Refused(Exception):
    """The body breaks a rule; `code` is Meta's error code, the text names the field."""

    def __init__(self, message: str, code: int = 131009) -> None:
        super().__init__(message)
        self.code = code


def check(body: Any, catalog_id: str, product_ids: set[str]) -> None:
    """Raises Refused when WhatsApp would not take this message; catalog and products are the sender's."""
    _need(isinstance(body, dict), "The request body must be a JSON object", 100)
    _need(body.get("messaging_product") == "whatsapp", "messaging_product must be 'whatsapp'", 100)
    _need(body.get("recipient_type", "individual") == "individual", "recipient_type must be 'individual'")
    _recipient(body)
    kind = body.get("type", "text")
    part = body.get(kind)
    _need(isinstance(part, dict), f"The parameter {kind} is required", 131008)
    if kind == "text":
        _text(part, "body", 4096, "text")
    elif kind == "interactive":
        _interactive(part, catalog_id, product_ids)
    elif kind == "template":
        _template(part)
    elif kind in MEDIA_TYPES:
        _need(bool(part.get("link")) != bool(part.get("id")), f"{kind} needs either link or id")
    elif kind not in ("location", "contacts", "reaction"):
        raise Refused(f"Unsupported message type {kind!r}", 100)


def _recipient(body: dict[str, Any]) -> None:
    to, recipient = body.get("to"), body.get("recipient")
    if to is None and recipient is not None:
        _need(isinstance(recipient, str) and bool(BSUID.fullmatch(recipient)), "recipient is no user id")
        return
    _need(isinstance(to, str), "The parameter to is required", 131008)
    _need(bool(DIGITS.fullmatch(str(to))), "to must be a phone number in digits")


def _template(part: dict[str, Any]) -> None:
    _text(part, "name", 512, "template")
    language = part.get("language")
    _need(
        isinstance(language, dict) and bool(language.get("code")),
        "template.language.code is required",
        131008,
    )
    _need(isinstance(part.get("components", []), list), "template.components must be a list")


def _interactive(part: dict[str, Any], catalog_id: str, product_ids: set[str]) -> None:
    kind = part.get("type")
    rule = _INTERACTIVE.get(str(kind))
    if rule is None:
        raise Refused(f"interactive.type {kind!r} is not valid")
    action = part.get("action")
    if not isinstance(action, dict):
        raise Refused("interactive.action is required", 131008)
    if kind == "product":
        _need("header" not in part, "interactive.header is not allowed for product")
        if "body" in part:
            _text(part["body"], "text", 1024, "interactive.body")
    else:
        _need(isinstance(part.get("body"), dict), "interactive.body is required", 131008)
        _text(part["body"], "text", 1024, "interactive.body")
    if part.get("footer"):
        _text(part["footer"], "text", 60, "interactive.footer")
    _header(part, str(kind))
    rule(action, catalog_id, product_ids)


def _header(part: dict[str, Any], kind: str) -> None:
    header = part.get("header")
    if header is None:
        _need(kind != "product_list", "interactive.header is required for product_list", 131008)
        return
    if kind in ("list", "product_list"):
        _need(header.get("type") == "text", f"interactive.header must be text for {kind}")
    if header.get("type") == "text":
        _text(header, "text", 60, "interactive.header")


def _buttons(action: dict[str, Any], _catalog: str, _products: set[str]) -> None:
    buttons = _rows(action, "buttons", "action")
    _need(len(buttons) <= 3, f"action.buttons must hold 1 to 3 buttons, {len(buttons)} given")
    titles, ids = [], []
    for button in buttons:
        _need(button.get("type") == "reply", "button.type must be 'reply'")
        reply = button.get("reply") or {}
        titles.append(_text(reply, "title", 20, "button.reply"))
        ids.append(_identifier(reply, 256, "button.reply"))
    _need(len(set(titles)) == len(titles), "button titles must be unique")
    _need(len(set(ids)) == len(ids), "button ids must be unique")


def _list(action: dict[str, Any], _catalog: str, _products: set[str]) -> None:
    _text(action, "button", 20, "action")
    sections = _sections(action)
    ids: list[str] = []
    for section in sections:
        for row in _rows(section, "rows", "section"):
            _text(row, "title", 24, "row")
            ids.append(_identifier(row, 200, "row"))
            if row.get("description"):
                _text(row, "description", 72, "row")
    _need(len(ids) <= 10, f"A list holds at most 10 rows over all sections, {len(ids)} given")
    _need(len(set(ids)) == len(ids), "row ids must be unique")


def _products(action: dict[str, Any], catalog: str, known: set[str]) -> None:
    _catalog(action, catalog)
    count = 0
    for section in _sections(action):
        items = _rows(section, "product_items", "section")
        count += len(items)
        for item in items:
            _known_product(item.get("product_retailer_id"), known)
    _need(count <= 30, f"A product list holds at most 30 products, {count} given")


def _product(action: dict[str, Any], catalog: str, known: set[str]) -> None:
    _catalog(action, catalog)
    _known_product(action.get("product_retailer_id"), known)


def _catalog_message(action: dict[str, Any], _own: str, known: set[str]) -> None:
    _need(action.get("name") == "catalog_message", "action.name must be 'catalog_message'")
    thumbnail = (action.get("parameters") or {}).get("thumbnail_product_retailer_id")
    if thumbnail:
        _known_product(thumbnail, known)


def _link(action: dict[str, Any], _catalog: str, _products: set[str]) -> None:
    _need(action.get("name") == "cta_url", "action.name must be 'cta_url'")
    parameters = action.get("parameters") or {}
    _text(parameters, "display_text", 20, "action.parameters")
    url = _text(parameters, "url", 2000, "action.parameters")
    _need(url.startswith(("http://", "https://")), "action.parameters.url must be absolute")


_INTERACTIVE: dict[str, Callable[[dict[str, Any], str, set[str]], None]] = {
    "button": _buttons,
    "list": _list,
    "cta_url": _link,
    "product_list": _products,
    "product": _product,
    "catalog_message": _catalog_message,
}


def _sections(action: dict[str, Any]) -> list[dict[str, Any]]:
    sections = _rows(action, "sections", "action")
    _need(len(sections) <= 10, f"action.sections must hold 1 to 10 sections, {len(sections)} given")
    for section in sections:
        if len(sections) > 1 or section.get("title"):
            _text(section, "title", 24, "section")
    return sections


def _rows(holder: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    rows = holder.get(key)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise Refused(f"{where}.{key} must hold at least one object", 131008)
    return rows


def _catalog(action: dict[str, Any], own: str) -> None:
    given = str(action.get("catalog_id") or "")
    _need(bool(own) and given == own, f"catalog_id {given!r} is not connected to this number")


def _known_product(retailer_id: Any, known: set[str]) -> None:
    _need(retailer_id in known, f"product_retailer_id {retailer_id!r} is not in the catalog")


def _identifier(holder: dict[str, Any], limit: int, where: str) -> str:
    value = _text(holder, "id", limit, where)
    _need(value == value.strip(), f"{where}.id must not start or end with a space")
    return value


def _text(holder: Any, key: str, limit: int, where: str) -> str:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise Refused(f"The parameter {where}.{key} is required", 131008)
    _need(len(value) <= limit, f"{where}.{key} is longer than {limit} characters ({len(value)})")
    return value


def _need(condition: bool, message: str, code: int = 131009) -> None:
    if not condition:
        raise Refused(message, code)
