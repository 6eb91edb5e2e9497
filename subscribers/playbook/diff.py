"""What differs between two playbooks, place by place, and how such a place is called. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Members of these lists are known by this key, so that a new one in the middle is one change.
_KEYED = {"questions": "key", "products": "key", "options": "value"}

_LANGUAGES = {
    "ru": "in Russian",
    "en": "in English",
    "kk": "in Kazakh",
    "uk": "in Ukrainian",
    "es": "in Spanish",
}
#: Name of a place for people; what is not here goes by its own name in words.
_NAMES = {
    "texts": "text",
    "titles": "title",
    "reprompts": "re-prompt",
    "options": "answer",
    "words": "accepted words",
    "descriptions": "description",
    "menu_button": "list button",
    "crm_field": "CRM field",
    "crm_fields": "CRM field",
    "questions": "question",
    "products": "product",
    "amount_minor": "price",
    "accesses": "access text",
    "templates": "template",
    "event_map": "event",
    "audiences": "audience",
    "stages": "CRM stage",
    "max_attempts": "re-prompts per question",
    "mark_at_attempt": "bad answers before a lead is marked",
    "silence_seconds": "seconds of silence",
    "silence_limit_seconds": "longest wait in seconds",
    "threshold": "confidence from which an answer counts",
    "attribution_window_days": "attribution window in days",
    "catalog_id": "catalog",
    "minimum": "from",
    "maximum": "up to",
}

Path = tuple[str | int, ...]
Translate = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Change:
    """One place that differs. `before` or `after` is None where the place is not there at all."""

    #: Keys and 0-based indices; indices are those of the newer document, of the older for what is gone.
    path: Path
    before: Any
    after: Any

    @property
    def kind(self) -> str:
        """added | removed | changed"""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def playbook_diff(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """Every difference, in the document's own order; [] for equal documents.

    Questions and products are matched by key and answers by value; a changed order is one change.
    """
    return list(_differences((), old, new))


def place_words(path: Path | str, translate: Translate = str) -> str:
    """A place in words: ("questions", 1, "texts", "ru") -> "question 2, text, in Russian".

    A JSON Pointer ("/questions/1/texts/ru") is taken as well.
    """
    parts: Path = path if isinstance(path, tuple) else tuple(path.strip("/").split("/")) if path else ()
    words: list[str] = []
    for part in parts:
        if isinstance(part, int) or (part.isascii() and part.isdigit() and len(part) < 6):
            number = str(int(part) + 1)
            if words:
                words[-1] = f"{words[-1]} {number}"
            continue
        name = str(part)
        words.append(translate(_LANGUAGES.get(name) or _NAMES.get(name) or name.replace("_", " ")))
    return ", ".join(words) or translate("the whole playbook")


def _differences(path: Path, old: Any, new: Any) -> list[Change]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*new, *(key for key in old if key not in new)]
        return [change for key in keys for change in _differences((*path, key), old.get(key), new.get(key))]
    key = _KEYED.get(str(path[-1])) if path else None
    if key and isinstance(old, list) and isinstance(new, list):
        return _of_members(path, key, old, new)
    if isinstance(old, list) and isinstance(new, list) and all(isinstance(i, str) for i in [*old, *new]):
        return _of_texts(path, old, new)
    return [Change(path, old, new)]


def _of_members(path: Path, key: str, old: list[Any], new: list[Any]) -> list[Change]:
    before = {member.get(key): (index, member) for index, member in enumerate(old)}
    after = {member.get(key): (index, member) for index, member in enumerate(new)}
    if len(before) != len(old) or len(after) != len(new):
        return [Change(path, old, new)]
    changes: list[Change] = []
    for name, (index, member) in after.items():
        if name in before:
            changes += _differences((*path, index), before[name][1], member)
        else:
            changes.append(Change((*path, index), None, member))
    changes += [
        Change((*path, index), member, None) for name, (index, member) in before.items() if name not in after
    ]
    kept_before = [name for name in before if name in after]
    kept_after = [name for name in after if name in before]
    if kept_before != kept_after:
        changes.append(Change((*path, "order"), kept_before, kept_after))
    return changes


def _of_texts(path: Path, old: list[str], new: list[str]) -> list[Change]:
    """Re-prompts one by one; shorter lists of words as a whole."""
    if "reprompts" not in path:
        return [Change(path, old, new)]
    most = max(len(old), len(new))
    pairs = [(old[i] if i < len(old) else None, new[i] if i < len(new) else None) for i in range(most)]
    return [Change((*path, i), before, after) for i, (before, after) in enumerate(pairs) if before != after]
