"""How a business message looks on the person's phone, and how an app's templates read. Pure."""

from __future__ import annotations

import re
import uuid
from typing import Any

#: Buttons of the templates that accounts.json gives by name only; a dict in accounts.json may say more.
_PAY_TITLE = {"ru": "Оплатить", "en": "Pay"}


def templates(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The app's approved templates as {name, language, category, body, buttons}.

    accounts.json gives a name such as "receipt_ru" (language = the suffix) or the whole dict.
    """
    found = []
    for entry in settings.get("templates", []):
        given = {"name": entry} if isinstance(entry, str) else dict(entry)
        name = given["name"]
        language = given.get("language") or (
            name.rsplit("_", 1)[1] if re.search(r"_[a-z]{2}$", name) else "en"
        )
        buttons = given.get("buttons")
        if buttons is None and name.startswith("payment_link"):
            buttons = [{"type": "URL", "text": _PAY_TITLE.get(language, "Pay"), "url": "/pay/{{1}}"}]
        found.append(
            {
                "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{settings['app_id']}:{name}:{language}")),
                "name": name,
                "language": language,
                "category": given.get("category", "UTILITY"),
                "status": given.get("status", "APPROVED"),
                "body": given.get("body", ""),
                "buttons": buttons or [],
            }
        )
    return found


def find_template(settings: dict[str, Any], name: str, language: str) -> dict[str, Any] | None:
    """The approved template of that name and language, or None (Meta answers 132001)."""
    for template in templates(settings):
        if (template["name"], template["language"], template["status"]) == (name, language, "APPROVED"):
            return template
    return None


def view(
    body: dict[str, Any], products: dict[str, dict[str, Any]], template: dict[str, Any] | None
) -> dict[str, Any]:
    """{type, body, header, footer, buttons, rows, products, link} of a message as the person sees it.

    `products` maps a retailer id to the catalog's item.
    """
    kind = body.get("type", "text")
    part = body[kind]
    if kind == "text":
        return {"type": "text", "body": part["body"]}
    if kind == "interactive":
        return _interactive(part, products)
    if kind == "template":
        return _template(part, template)
    shown = {"type": kind, "body": part.get("caption", "") if isinstance(part, dict) else ""}
    if isinstance(part, dict) and part.get("link"):
        shown["media"] = part["link"]
    return shown


def _interactive(part: dict[str, Any], products: dict[str, dict[str, Any]]) -> dict[str, Any]:
    kind, action = part["type"], part["action"]
    shown: dict[str, Any] = {
        "type": kind,
        "header": (part.get("header") or {}).get("text", ""),
        "body": (part.get("body") or {}).get("text", ""),
        "footer": (part.get("footer") or {}).get("text", ""),
    }
    if kind == "button":
        shown["buttons"] = [
            {"id": one["reply"]["id"], "title": one["reply"]["title"]} for one in action["buttons"]
        ]
    elif kind == "list":
        shown["list_button"] = action["button"]
        shown["rows"] = [
            {
                "id": row["id"],
                "title": row["title"],
                "description": row.get("description", ""),
                "section": section.get("title", ""),
            }
            for section in action["sections"]
            for row in section["rows"]
        ]
    elif kind == "cta_url":
        parameters = action["parameters"]
        shown["link"] = {"title": parameters["display_text"], "url": parameters["url"]}
    elif kind in ("product_list", "product"):
        sections = action.get("sections") or [{"product_items": [action]}]
        shown["catalog_id"] = action["catalog_id"]
        shown["products"] = [
            {**products[item["product_retailer_id"]], "section": section.get("title", "")}
            for section in sections
            for item in section["product_items"]
        ]
    return shown


def _template(part: dict[str, Any], template: dict[str, Any] | None) -> dict[str, Any]:
    template = template or {"body": "", "buttons": []}
    values: list[str] = []
    parameters: dict[int, str] = {}
    buttons = list(template["buttons"])
    for component in part.get("components", []):
        given = [_value(one) for one in component.get("parameters", [])]
        if component.get("type", "").lower() == "body":
            values = given
        elif component.get("type", "").lower() == "button" and given:
            index = int(component.get("index", 0))
            parameters[index] = given[0]
            if index >= len(buttons):
                # accounts.json does not describe this button: show it by what was sent
                buttons.append(
                    {"type": component.get("sub_type", "quick_reply"), "text": given[0], "url": "{{1}}"}
                )
    shown: dict[str, Any] = {
        "type": "template",
        "template": part["name"],
        "body": _fill(template["body"], values) or "\n".join(values) or part["name"],
    }
    for index, button in enumerate(buttons):
        value = parameters.get(index, "")
        if button["type"].upper() == "URL":
            # a whole address given as the variable is taken as it is: the sandbox has no fixed host
            url = value if value.startswith("http") else _fill(button["url"], [value])
            shown["link"] = {"title": button["text"], "url": url}
        else:
            shown.setdefault("buttons", []).append({"id": value or button["text"], "title": button["text"]})
    return shown


def _value(parameter: dict[str, Any]) -> str:
    kind = parameter.get("type", "text")
    value = parameter.get(kind)
    if isinstance(value, dict):
        value = value.get("fallback_value") or value.get("link") or ""
    return str(value or "")


def _fill(text: str, values: list[str]) -> str:
    for number, value in enumerate(values, start=1):
        text = text.replace(f"{{{{{number}}}}}", value)
    return text
