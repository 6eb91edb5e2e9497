"""What a message says, before any platform's format (L15, L20, L21).

Content is stored as JSON on `Message.content`; `to_json`/`from_json` are exact inverses.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose. `id` comes back in the answer: at most 200 characters."""

    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """Plain words."""

    body: str


@dataclass(frozen=True, slots=True)
class Buttons:
    """One to three reply buttons."""

    body: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Menu:
    """A list of one to ten rows behind one button."""

    body: str
    button: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class ProductCards:
    """Cards of the WhatsApp catalog. `products` are catalog retailer ids; one to thirty."""

    header: str
    body: str
    catalog_id: str
    section: str
    products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkButton:
    """A text with one button that opens `url`."""

    body: str
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Template:
    """An approved template. `params` fill the body's placeholders in order."""

    name: str
    language: str
    params: tuple[str, ...] = field(default_factory=tuple)


Content = Text | Buttons | Menu | ProductCards | LinkButton | Template
_TYPES: dict[str, type[Any]] = {
    "text": Text,
    "buttons": Buttons,
    "menu": Menu,
    "product_cards": ProductCards,
    "link_button": LinkButton,
    "template": Template,
}
_NAMES = {cls: name for name, cls in _TYPES.items()}


def to_json(content: Content) -> dict[str, Any]:
    """Content as plain JSON with its `type`."""
    return {"type": _NAMES[type(content)], **asdict(content)}


def from_json(data: dict[str, Any]) -> Content:
    """The inverse of `to_json`. Raises KeyError on an unknown type, TypeError on unknown keys."""
    values = {key: value for key, value in data.items() if key != "type"}
    cls = _TYPES[data["type"]]
    if "options" in values:
        values["options"] = tuple(Option(**option) for option in values["options"])
    for key in ("products", "params"):
        if key in values:
            values[key] = tuple(values[key])
    result: Content = cls(**values)
    return result
