"""The sandbox's stand-in for the LLM: judges a lead's reply by rules, the same way each time. Pure.

Not the product's local classifier: it shares no code with it, as a real model would not.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from sandbox.flowise_money import asked_amounts, option_range, other_currency
from sandbox.flowise_words import (
    GREETINGS,
    HESITATION,
    NEGATIONS,
    PUT_OFF,
    STOPWORDS,
    SYNONYMS,
    alike,
    is_mash,
    normal,
    stands_for,
)

ORDINALS = {"первый": 1, "первое": 1, "второй": 2, "второе": 2, "третий": 3, "третье": 3}
ORDINALS |= {"first": 1, "second": 2, "third": 3, "four": 4, "fourth": 4}
#: Below it a bare number is more likely the number of a row than money.
SMALLEST_SUM = 10


@dataclass(frozen=True)
class Verdict:
    """valid, noise or ambiguous ('' when nothing was asked), 0 to 1, the option's value, the reason."""

    verdict: str
    confidence: float
    value: str
    reason: str


@dataclass
class Match:
    """How well an option fits the text, and by which of its words."""

    option: dict[str, Any]
    score: float
    words: set[int]


def judge(text: str, *, step: str, asked: str, options: Any) -> Verdict:
    """The verdict on `text`. `options`: JSON text or list of titles or of {"value", "title" ...}."""
    choices = read_options(options)
    if step == "start" or not (choices or asked.strip()):
        return Verdict("", 0.0, "", "session start")
    plain = normal(text)
    if not re.search(r"\w", plain):
        return Verdict("noise", 0.96, "", "no words")
    hesitates = bool(HESITATION.search(plain))
    found = _amount(text, asked, choices) or _ordinal(plain, choices) or _named(plain, choices)
    if found is not None:
        if found.verdict == "valid" and hesitates:
            return Verdict("ambiguous", 0.6, "", "names an option but hesitates")
        if found.verdict == "valid" and text.rstrip().endswith("?"):
            return Verdict("ambiguous", 0.55, "", "asks about an option")
        return found
    if hesitates:
        return Verdict("ambiguous", 0.5, "", "undecided")
    if GREETINGS.fullmatch(plain):
        return Verdict("ambiguous", 0.42, "", "only a greeting")
    words = plain.split()
    if all(is_mash(word) for word in words):
        return Verdict("noise", 0.94, "", "no meaning")
    if not choices and not text.rstrip().endswith("?"):
        return Verdict("valid", 0.85, text.strip(), "an answer in own words")
    return Verdict("ambiguous", 0.45, "", "fits no option")


def read_options(options: Any) -> list[dict[str, Any]]:
    """Options as dicts with `value`, `texts` (titles and value) and `words`; [] when unreadable."""
    if isinstance(options, str):
        try:
            options = json.loads(options.replace("$$", "$") or "[]")
        except ValueError:
            return []
    rows = []
    for option in options if isinstance(options, list) else []:
        row = option if isinstance(option, dict) else {"title": str(option), "value": str(option)}
        titles = [*_texts(row.get("title")), *_texts(row.get("titles"))]
        value = str(row.get("value") or row.get("id") or (titles or [""])[0])
        if value:
            words = [word for key in ("words", "synonyms", "accepted") for word in _texts(row.get(key))]
            rows.append({**row, "value": value, "texts": [*titles, value], "words": words})
    return rows


def _texts(value: Any) -> list[str]:
    """All texts of a text, a list or a dict of languages."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


# --- amounts --------------------------------------------------------------------------------------


def _amount(text: str, asked: str, choices: list[dict[str, Any]]) -> Verdict | None:
    """The option whose range holds the amounts of the text; None when it is not about amounts."""
    ranges = [(choice, found) for choice in choices if (found := option_range(choice)) is not None]
    if len(ranges) < 2:
        return None
    sums = asked_amounts(text)
    if not sums:
        return None
    context = asked + " ".join(text for choice in choices for text in choice["texts"])
    if code := other_currency(text, context):
        return Verdict("ambiguous", 0.5, "", f"an amount in {code}")
    if max(sums) < SMALLEST_SUM and not re.search(r"\b(0|ноль|zero|нет)\b", text.lower()):
        return Verdict("ambiguous", 0.5, "", "a number too small for a sum")
    hit = {choice["value"] for amount in sums for choice, found in ranges if found.holds(amount)}
    if len(hit) == 1:
        return Verdict("valid", 0.95, hit.pop(), "the amount falls into an option")
    return Verdict("ambiguous", 0.5, "", "the amount fits no single option")


def _ordinal(plain: str, choices: list[dict[str, Any]]) -> Verdict | None:
    found = re.fullmatch(
        r"(?:вариант|пункт|номер|option|number)?\s*(\d{1,2}|\w+)(?:\s*(?:вариант|option|one))?", plain
    )
    if not found or not choices:
        return None
    word = found.group(1)
    number = int(word) if word.isdigit() else ORDINALS.get(word, 0)
    if not 1 <= number <= len(choices):
        return None
    return Verdict("valid", 0.9, choices[number - 1]["value"], "the option's number")


# --- names ----------------------------------------------------------------------------------------


def _named(plain: str, choices: list[dict[str, Any]]) -> Verdict | None:
    """The option that the text names; ambiguous for several; None for none."""
    words = plain.split()
    exact = [c for c in choices if plain in (normal(text) for text in c["texts"])]
    if len(exact) == 1:
        return Verdict("valid", 0.97, exact[0]["value"], "names an option")
    denied = {n for n in range(1, len(words)) if words[n - 1] in NEGATIONS}
    matches = [match for c in choices if (match := _match(words, c, denied)).score >= 0.8]
    if not matches:
        return _put_off(choices) if denied else None
    best = max(matches, key=lambda match: match.score)
    for match in matches:
        rival = match is not best and (
            match.score == best.score or (match.score >= 1.5 and not match.words <= best.words)
        )
        if rival:
            return Verdict("ambiguous", 0.5, "", "names several options")
    return Verdict("valid", 0.95 if best.score >= 2 else 0.9, best.option["value"], "names an option")


def _put_off(choices: list[dict[str, Any]]) -> Verdict | None:
    """`не готов`, `not now`: the option that says later or no, when one is offered."""
    for group in PUT_OFF:
        for choice in choices:
            titles = [word for text in choice["texts"] for word in normal(text).split()]
            if any(stands_for(word, stem) for word in titles for stem in group):
                return Verdict("valid", 0.85, choice["value"], "declines for now")
    return None


def _match(words: list[str], option: dict[str, Any], denied: set[int]) -> Match:
    best, used = 0.0, set[int]()
    for text in option["texts"]:
        wanted = normal(text).split()
        best = max(best, _phrase(words, wanted, denied, used, 3.0))
        telling = [word for word in wanted if len(word) >= 3 and word not in STOPWORDS and not word.isdigit()]
        hits = {
            n
            for n, word in enumerate(words)
            if n not in denied and any(alike(word, title_word) for title_word in telling)
        }
        if hits:
            used |= hits
            best = max(best, 0.5 + min(1.0, len(hits) / len(telling)))
    for pattern in option["words"]:
        wanted = pattern.lower().replace("ё", "е").split()
        best = max(best, _phrase(words, wanted, denied, used, 2.0))
    title_words = [word for text in option["texts"] for word in normal(text).split()]
    for group in SYNONYMS:
        if any(stands_for(word, stem) for word in title_words for stem in group):
            hits = {
                n
                for n, word in enumerate(words)
                if n not in denied and any(stands_for(word, stem) for stem in group)
            }
            if hits:
                used |= hits
                best = max(best, 1.5)
    return Match(option, best, used)


def _phrase(words: list[str], wanted: list[str], denied: set[int], used: set[int], score: float) -> float:
    """`score` when the wanted words stand in the text side by side (`школ*` for any ending), else 0."""
    for start in range(len(words) - len(wanted) + 1) if wanted else ():
        places = range(start, start + len(wanted))
        if start in denied and wanted[0] not in NEGATIONS:
            continue
        if all(
            words[n].startswith(w[:-1]) if w.endswith("*") else words[n] == w
            for n, w in zip(places, wanted, strict=True)
        ):
            used |= set(places)
            return score
    return 0.0
