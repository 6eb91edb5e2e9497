"""Fields of the playbook's editor: each shows one place of the document and writes it back."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from arriwa.common.money import major_to_minor, minor_to_major
from subscribers.playbook.edit import value_at, value_drop, value_set

#: How a place is shown and read.
TEXT, LONG, OPTIONAL, NULLABLE, WHOLE, NUMBER, BOUND, WORDS, MONEY, CHOICE = (
    "text",
    "long",
    "optional",
    "nullable",
    "whole",
    "number",
    "bound",
    "words",
    "money",
    "choice",
)


@dataclass(slots=True)
class Field:
    """One input. `path` is the place's JSON Pointer and the input's name."""

    path: str
    label: str
    kind: str = TEXT
    value: str = ""
    help: str = ""
    most: int = 0
    choices: tuple[tuple[str, str], ...] = ()
    #: Language of the text, "" for none: the input says it to screen readers and spell checkers.
    language: str = ""
    #: An empty choice is null in the document.
    nullable: bool = False
    errors: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The input's id in the page."""
        return "f" + re.sub(r"[^A-Za-z0-9]+", "-", self.path)


class Unreadable(ValueError):
    """What was written is no value of this kind."""


def filled(
    document: dict[str, Any], fields: Iterable[Field], posted: Mapping[str, str] | None = None
) -> None:
    """Gives the fields their values: what was posted, else what the document holds."""
    for one in fields:
        if posted is not None and one.path in posted:
            one.value = posted[one.path]
        else:
            one.value = shown(document, one)


def shown(document: dict[str, Any], one: Field) -> str:
    """A place of the document as its input shows it."""
    value = value_at(document, one.path)
    if value is None:
        return ""
    if one.kind == WORDS:
        return ", ".join(value)
    if one.kind == MONEY:
        try:
            return f"{minor_to_major(value, _currency(document, one.path)):f}"
        except ValueError:
            return str(value)
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


def written(
    document: dict[str, Any], fields: Iterable[Field], posted: Mapping[str, str]
) -> tuple[dict[str, Any], bool]:
    """A copy of the document with what was posted, and whether all of it could be read.

    What cannot be read leaves its place as it was and gets its error.
    """
    made, good = copy.deepcopy(document), True
    # Prices last: they are read by their currency.
    for one in sorted(fields, key=lambda item: item.kind == MONEY):
        if one.path not in posted:
            continue
        text = posted[one.path].replace("\r\n", "\n").strip()
        try:
            _write(made, one, text)
        except Unreadable as error:
            one.errors.append(str(error))
            good = False
    return made, good


def _write(document: dict[str, Any], one: Field, text: str) -> None:
    if not text and one.kind in (OPTIONAL, BOUND, WORDS):
        value_drop(document, one.path)
        return
    try:
        value_set(document, one.path, _value(document, one, text))
    except IndexError:
        raise Unreadable(_("This place is gone. Reload the page.")) from None


def _value(document: dict[str, Any], one: Field, text: str) -> Any:
    if one.kind in (WHOLE, NUMBER, BOUND):
        return _number(text, whole=one.kind == WHOLE)
    if one.kind == WORDS:
        return [word for part in re.split(r"[,\n]", text.lower()) if (word := part.strip())]
    if one.kind == MONEY:
        return _money(text, _currency(document, one.path))
    if one.kind == NULLABLE:
        return text or None
    if one.kind == CHOICE:
        if text not in dict(one.choices):
            raise Unreadable(_("Choose one of those offered."))
        return text or (None if one.nullable else text)
    return text


def _number(text: str, *, whole: bool) -> int | float:
    try:
        number = float(text.replace(" ", "").replace(" ", "").replace(",", "."))
    except ValueError:
        raise Unreadable(_("Write a number.")) from None
    if number != number or abs(number) > 1e12:
        raise Unreadable(_("Write a number."))
    if number == int(number):
        return int(number)
    if whole:
        raise Unreadable(_("Write a whole number."))
    return number


def _money(text: str, currency: str) -> int:
    try:
        amount = Decimal(re.sub(r"\s", "", text).replace(",", "."))
        return major_to_minor(amount, currency)
    except (InvalidOperation, ValueError, OverflowError):
        raise Unreadable(
            _("Write an amount in the product's currency (%(currency)s), such as 900 or 900.50.")
            % {"currency": currency or "—"}
        ) from None


def _currency(document: dict[str, Any], path: str) -> str:
    return str(value_at(document, path.rpartition("/")[0] + "/currency") or "")
