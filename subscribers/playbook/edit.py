"""Changes to a document that are more than one value: members of lists, languages. Pure.

All take and give plain documents and leave what they are given alone. Paths are JSON Pointers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from subscribers.playbook.checks import Document

MOST_QUESTIONS = 4
MOST_PRODUCTS = 10
MOST_OPTIONS = 20
#: Keys whose values are maps from language to text or texts.
_LOCALISED = {"texts", "reprompts", "menu_button", "titles", "descriptions", "accesses", "names", "languages"}


def value_at(document: Document, path: str) -> Any:
    """What stands at a pointer; None when nothing does."""
    found: Any = document
    for part in _parts(path):
        if isinstance(found, list):
            index = index_of(part)
            found = found[index] if index is not None and index < len(found) else None
        elif isinstance(found, dict):
            found = found.get(part)
        else:
            return None
    return found


def value_set(document: Document, path: str, value: Any) -> None:
    """Puts a value at a pointer, in place; objects on the way are made, a list grows by one at most.

    Raises IndexError beyond a list's end.
    """
    *way, last = _parts(path)
    place: Any = document
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    if not isinstance(place, list):
        place[last] = value
    elif int(last) == len(place):
        place.append(value)
    else:
        place[int(last)] = value


def value_drop(document: Document, path: str) -> None:
    """Takes a value away, in place, and the object that it leaves empty; nothing there is no error."""
    parts = _parts(path)
    parent = value_at(document, "".join(f"/{part}" for part in parts[:-1]))
    if not isinstance(parent, dict) or parts[-1] not in parent:
        return
    del parent[parts[-1]]
    if not parent and len(parts) > 1:
        value_drop(document, "".join(f"/{part}" for part in parts[:-1]))


def member_add(document: Document, path: str) -> Document:
    """The document with a new, empty member at the end of "/questions", "/products" or "…/options"."""
    made = copy.deepcopy(document)
    place = value_at(made, path)
    if not isinstance(place, list):
        return made
    if path == "/questions" and len(place) < MOST_QUESTIONS:
        place.append(_question(made))
    elif path == "/products" and len(place) < MOST_PRODUCTS:
        place.append(_product(made))
    elif path.endswith("/options") and len(place) < MOST_OPTIONS:
        value = _free("answer", [option["value"] for option in place])
        place.append({"value": value, "titles": _blank(made), "words": {}})
    return made


def member_remove(document: Document, path: str) -> Document:
    """The document without the member of a list; the last question or product stays."""
    made = copy.deepcopy(document)
    place, index = _member(made, path)
    if place is not None and (len(place) > 1 or path.count("/") > 2):
        del place[index]
    return made


def member_move(document: Document, path: str, by: int) -> Document:
    """The document with the member of a list one place up (-1) or down (1)."""
    made = copy.deepcopy(document)
    place, index = _member(made, path)
    if place is not None and 0 <= index + by < len(place):
        place.insert(index + by, place.pop(index))
    return made


def languages_set(document: Document, languages: list[str]) -> Document:
    """The document in these languages. A new one starts with the default language's texts."""
    made = copy.deepcopy(document)
    source = made["default_language"]
    for texts in _localised(made):
        fallback = texts.get(source, next(iter(texts.values()), None))
        for language in languages:
            if language not in texts and fallback is not None:
                texts[language] = copy.deepcopy(fallback)
        for language in [known for known in texts if known not in languages]:
            del texts[language]
    made["languages"] = list(languages)
    if languages and source not in languages:
        made["default_language"] = languages[0]
    return made


def outline(document: Document) -> str:
    """The names of questions, answers and products in order: two documents with the same fields in a form."""
    questions = [
        f"{question['key']}({','.join(option['value'] for option in question.get('options', []))})"
        for question in document["questions"]
    ]
    return ";".join([*questions, *(product["key"] for product in document["products"])])


def _localised(document: Document) -> Iterator[dict[str, Any]]:
    for key, value in document.items():
        if key == "texts" and all(isinstance(text, dict) for text in value.values()):
            yield from value.values()
        elif key in _LOCALISED and isinstance(value, dict):
            yield value
        elif isinstance(value, dict) and key not in ("event_map", "words"):
            yield from _localised(value)
        elif isinstance(value, list):
            for member in value:
                if isinstance(member, dict):
                    yield from _localised(member)


def index_of(part: str) -> int | None:
    """A list's index in a pointer; None for anything else that somebody may write there."""
    return int(part) if part.isascii() and part.isdigit() and len(part) < 6 else None


def _parts(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _member(document: Document, path: str) -> tuple[list[Any] | None, int]:
    parent, _, last = path.rpartition("/")
    place, index = value_at(document, parent), index_of(last)
    if not isinstance(place, list) or index is None or index >= len(place):
        return None, 0
    return place, index


def _free(stem: str, taken: list[str]) -> str:
    number = len(taken) + 1
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def _blank(document: Document) -> dict[str, str]:
    return dict.fromkeys(document["languages"], "")


def _question(document: Document) -> dict[str, Any]:
    return {
        "key": _free("question", [question["key"] for question in document["questions"]]),
        "form": "text",
        "crm_field": "",
        "segment": "",
        "texts": _blank(document),
        "reprompts": {language: [""] * document["max_attempts"] for language in document["languages"]},
        "options": [],
    }


def _product(document: Document) -> dict[str, Any]:
    products = document["products"]
    return {
        "key": _free("product", [product["key"] for product in products]),
        "titles": _blank(document),
        "amount_minor": 100,
        "currency": products[0]["currency"] if products else "USD",
        "accesses": _blank(document),
    }
