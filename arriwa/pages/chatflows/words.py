"""Changes and problems of a playbook as sentences of the reader's language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from arriwa.pages.chatflows.said import problem_said
from arriwa.pages.chatflows.sections import section_of
from subscribers.playbook.diff import Change, place_words

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A line of a diff table. `before` and `after` are "" where nothing was or is."""

    place: str
    kind: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """What has to be corrected, where, and on which tab."""

    path: str
    place: str
    text: str
    section: str


def change_rows(changes: list[Change]) -> list[ChangeRow]:
    """The changes as a person reads them."""
    return [
        ChangeRow(place_words(change.path, _), change.kind, _plain(change.before), _plain(change.after))
        for change in changes
    ]


def problem_rows(problems: list[dict[str, str]]) -> list[ProblemRow]:
    """The problems as a person reads them."""
    return [
        ProblemRow(
            problem["path"],
            place_words(problem["path"], _),
            problem_text(problem["message"]),
            section_of(problem["path"]),
        )
        for problem in problems
    ]


def problem_text(message: str) -> str:
    """A problem in words; those of the schema in ours."""
    if re.fullmatch(r"'' (should be non-empty|does not match .*)", message):
        return _("Fill this in.")
    if message.endswith("is too long"):
        return _("This is too long.")
    if "does not match" in message:
        return _("This is written in a form that is not allowed here.")
    if match := re.search(r"is (?:greater|less) than the (maximum|minimum) of (\S+)$", message):
        bound = _("At most %(bound)s.") if match[1] == "maximum" else _("At least %(bound)s.")
        return bound % {"bound": match[2]}
    return problem_said(message)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        texts = [text for text in (_plain(item) for item in value.values()) if text]
        return "; ".join(texts)[:_LONGEST]
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)[:_LONGEST]
    return str(value)
