"""Texts that come from below, where no language is known: marked here, so that catalogs hold them."""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext, gettext_noop

#: What `subscribers.playbook.checks` finds. A placeholder stands for what the message names.
PROBLEMS: Final = (
    gettext_noop("is not one of the languages; choose one of them"),
    gettext_noop("has no text in language %(language)s; add it"),
    gettext_noop("language %(language)s is not one of the playbook's"),
    gettext_noop("key %(key)s names more than one question; keys are unique"),
    gettext_noop("key %(key)s names more than one product; keys are unique"),
    gettext_noop("value %(value)s names more than one option; values are unique"),
    gettext_noop("title %(title)s is given twice in language %(language)s"),
    gettext_noop("%(field)s is not among crm_fields; add it there"),
    gettext_noop("has %(count)s texts for %(attempts)s attempts; give one for each"),
    gettext_noop("a segment needs options to name its audiences"),
    gettext_noop("form %(form)s takes 1 to %(most)s options, not %(count)s"),
    gettext_noop("has %(count)s characters; form %(form)s shows at most %(most)s"),
    gettext_noop("minimum is not below maximum"),
    gettext_noop("ranges overlap; each amount belongs to one option"),
    gettext_noop("products have several currencies; a deal has one price in one currency"),
    gettext_noop("has %(count)s characters; without a catalog at most %(most)s are shown"),
    gettext_noop("may hold {product} and {price} only"),
    gettext_noop("leaves no room for product and price in 1024"),
    gettext_noop("%(name)s is missing; name the audience at the platform"),
    gettext_noop("is not an audience of this playbook; remove it"),
    gettext_noop("%(name)s is given to more than one audience; names are unique"),
    gettext_noop("%(name)s is missing; say where it goes"),
    gettext_noop("is noise; it goes to the NOISE pixel only (R4)"),
    gettext_noop("is not noise; it never goes to the NOISE pixel (R4)"),
    gettext_noop("is given exactly when there is a pixel name"),
    gettext_noop("is below silence_seconds; the limit is the longer one"),
    gettext_noop("holds characters that cannot be stored; remove them"),
    gettext_noop("comes after the last attempt; a lead would never be marked"),
)
#: Names of places, as `subscribers.playbook.diff` gives them.
PLACES: Final = (
    gettext_noop("in Russian"),
    gettext_noop("in English"),
    gettext_noop("in Kazakh"),
    gettext_noop("in Ukrainian"),
    gettext_noop("in Spanish"),
    gettext_noop("text"),
    gettext_noop("title"),
    gettext_noop("re-prompt"),
    gettext_noop("answer"),
    gettext_noop("accepted words"),
    gettext_noop("description"),
    gettext_noop("list button"),
    gettext_noop("CRM field"),
    gettext_noop("question"),
    gettext_noop("product"),
    gettext_noop("price"),
    gettext_noop("access text"),
    gettext_noop("template"),
    gettext_noop("event"),
    gettext_noop("audience"),
    gettext_noop("CRM stage"),
    gettext_noop("re-prompts per question"),
    gettext_noop("bad answers before a lead is marked"),
    gettext_noop("seconds of silence"),
    gettext_noop("longest wait in seconds"),
    gettext_noop("confidence from which an answer counts"),
    gettext_noop("attribution window in days"),
    gettext_noop("catalog"),
    gettext_noop("from"),
    gettext_noop("up to"),
    gettext_noop("key"),
    gettext_noop("form"),
    gettext_noop("segment"),
    gettext_noop("currency"),
    gettext_noop("value"),
    gettext_noop("names"),
    gettext_noop("languages"),
    gettext_noop("default language"),
    gettext_noop("order"),
    gettext_noop("pixel"),
    gettext_noop("noise"),
    gettext_noop("messaging"),
    gettext_noop("pixel when"),
    gettext_noop("name"),
    gettext_noop("type"),
    gettext_noop("the whole playbook"),
)
#: What services below refuse with.
ERRORS: Final = (
    gettext_noop(
        "Somebody changed the draft since you opened it. Compare both; save yours over it or take theirs."
    ),
    gettext_noop("There is no draft. Make one in the playbook's editor, then publish it."),
    gettext_noop("The workspace has no published version with this number. Choose one from the list."),
    gettext_noop("This trial chat has grown too long. Begin it anew."),
    gettext_noop("There is no preset of this name. Choose one of those offered."),
    gettext_noop("No line has a phone that can be read. Choose another column or country."),
    gettext_noop("There is no such country. Give its two letters, such as KZ."),
    gettext_noop(
        "This is no table that can be read. Save it as CSV (UTF-8 or Windows-1251) and upload it again."
    ),
    gettext_noop("The file is larger than 8 MiB. Split it and upload the parts one by one."),
    gettext_noop("The file has no rows. Choose the one with your customers."),
    gettext_noop("The file has over 100,000 lines. Split it and upload the parts one by one."),
    gettext_noop("The file has a header and no rows. Choose the one with your customers."),
)
#: Arriwa's agentflows, as `integrations/flowise/templates` call them.
FLOWS: Final = (
    gettext_noop("Arriwa: answers"),
    gettext_noop("Judges what a lead answers: valid, noise or ambiguous, with the value that was meant."),
    gettext_noop("How answers are judged"),
    gettext_noop("Arriwa: replies"),
    gettext_noop("Answers a lead in a sentence or two, remembering the last ten messages."),
    gettext_noop("How replies are written"),
)


def _pattern(text: str) -> re.Pattern[str]:
    """Takes a message of this form apart: %(name)s stands for any words."""
    return re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+)", re.escape(text)))


_PATTERNS = [(_pattern(text), text) for text in PROBLEMS]


def problem_said(message: str) -> str:
    """A message of the checks in the reader's language; one that is not known stays as it is."""
    for pattern, text in _PATTERNS:
        if match := pattern.fullmatch(message):
            said = gettext(text)
            return said % match.groupdict() if match.groupdict() else said
    return message
