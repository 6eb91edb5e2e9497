"""The catalog of texts: what code and templates say, and how it is said in other languages.

polib writes the catalogs, so nobody needs GNU gettext on their machine.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polib
from django.conf import settings
from django.utils.translation.template import templatize

#: Names by which code marks a text, and how many texts they take.
MARKS = {"_": 1, "gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "ngettext": 2, "ngettext_lazy": 2}
#: Folders whose Python texts reach people through Django.
CODE = ("arriwa", "tenants", "subscribers", "analytics", "integrations")


@dataclass(frozen=True, slots=True)
class Text:
    """A text as marked: `plural` is "" for one without."""

    singular: str
    plural: str = ""


def texts_marked() -> dict[Text, list[str]]:
    """Every marked text with the files that say it, relative to the repository."""
    root = Path(settings.BASE_DIR)
    found: dict[Text, list[str]] = {}
    sources = [path for folder in CODE for path in sorted((root / folder).rglob("*.py"))]
    for path in sources + sorted((root / "templates").rglob("*.html")):
        source = path.read_text(encoding="utf-8")
        texts = _of_code(source) if path.suffix == ".py" else _of_template(source)
        for text in texts:
            places = found.setdefault(text, [])
            place = path.relative_to(root).as_posix()
            if place not in places:
                places.append(place)
    return found


def _of_code(source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        words = [arg.value for arg in node.args[: MARKS.get(name, 0)] if isinstance(arg, ast.Constant)]
        if words and len(words) == MARKS[name] and all(isinstance(word, str) for word in words):
            yield Text(*map(str, words))


def _of_template(source: str) -> Iterator[Text]:
    """Django's own translation of a template into something like Python, line by line."""
    for line in templatize(source).replace("\n ", "\n").splitlines():
        marked = line.strip()
        if "gettext(" in marked:
            yield from _of_code(_calls_of(marked))


def _calls_of(marked: str) -> str:
    """The gettext calls of a templatized line; the placeholders around them are no Python."""
    calls, rest = [], marked
    while (at := rest.find("gettext(")) >= 0:
        start = at - 1 if at and rest[at - 1] == "n" else at
        end = _closing(rest, at + len("gettext("))
        calls.append(rest[start:end])
        rest = rest[end:]
    return "\n".join(calls)


def _closing(text: str, at: int) -> int:
    """The place behind the parenthesis that closes a call, quotes respected."""
    quote, escaped = "", False
    for index in range(at, len(text)):
        char = text[index]
        if quote:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == ")":
            return index + 1
    return len(text)


def catalog_path(language: str) -> Path:
    """The language's .po file."""
    return Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po"


def catalog_update(language: str) -> list[Text]:
    """Brings the catalog up to what is marked, takes in `locale/<language>/parts/*.po`, writes .po and .mo.

    Texts that nobody says any more are dropped. Returns what is not translated yet.
    """
    path = catalog_path(language)
    old = polib.pofile(str(path))
    known = {(entry.msgid, entry.msgid_plural): entry for entry in old}
    by_id = {entry.msgid: entry for entry in old}
    for part in sorted((path.parent.parent / "parts").glob("*.po")):
        for entry in polib.pofile(str(part)):
            if entry.translated():
                known[entry.msgid, entry.msgid_plural] = by_id[entry.msgid] = entry
    new = polib.POFile(wrapwidth=110)
    new.metadata = old.metadata
    for text, places in sorted(texts_marked().items(), key=lambda item: (item[1][0], item[0].singular)):
        entry = polib.POEntry(msgid=text.singular, msgid_plural=text.plural)
        entry.occurrences = [(place, "") for place in places]
        before = known.get((text.singular, text.plural)) or (
            None if text.plural else by_id.get(text.singular)
        )
        if before is not None:
            entry.msgstr, entry.msgstr_plural = before.msgstr, before.msgstr_plural
        new.append(entry)
    new.save(str(path))
    new.save_as_mofile(str(path.with_suffix(".mo")))
    return untranslated(language)


def untranslated(language: str) -> list[Text]:
    """Marked texts that the language's catalog does not hold or leaves empty."""
    said = {
        Text(entry.msgid, entry.msgid_plural)
        for entry in polib.pofile(str(catalog_path(language)))
        if entry.translated()
    }
    return [text for text in texts_marked() if text not in said]
