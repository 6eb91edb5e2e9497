"""Judges a free text by rules when Flowise is unavailable (design 3): valid or ambiguous, never noise. Pure.

The rules, first that fits:
1. the text is an option's title, or the number of a row that was shown: valid;
2. the question has ranges and the text has amounts: the range that holds them all is valid;
3. words of exactly one option occur, not negated: valid;
4. the question has no options: anything with letters or digits is valid;
5. everything else is ambiguous.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from subscribers.conversation.amounts import amounts, currencies
from subscribers.conversation.types import Classified
from subscribers.playbook.document import AnswerOption, Question

_SURE = 0.95
_LIKELY = 0.8
_PLAIN = 0.7
_TORN = 0.4
_BLANK = 0.2
_NEGATIONS = frozenset({"не", "нет", "без", "not", "no", "without", "dont", "isnt"})
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of a text. `confidence` 0..1; `value` is "" unless the verdict is valid."""

    verdict: str  # valid | ambiguous
    confidence: float
    value: str
    reason: str

    def as_signal(self, turn: int) -> Classified:
        """The judgement as the signal that answers Classify(turn, …)."""
        return Classified(turn, self.verdict, self.confidence, self.value, "local", self.reason)


def classify(question: Question, text: str, language: str) -> Judgement:
    """Judge `text` as the answer to `question`; a word in another language weighs less."""
    words = _words(text)
    if not words:
        return Judgement("ambiguous", _BLANK, "", "The text has no letters and no digits.")
    chosen = _by_title(question, words) or _by_number(question, words)
    if chosen is not None:
        return Judgement("valid", _SURE, chosen.value, f"The text names the option {chosen.value}.")
    if any(_is_range(option) for option in question.options):
        judged = _by_amount(question, text)
        if judged is not None:
            return judged
    if question.options:
        return _by_words(question, words, language)
    value = text.strip()[:_LONGEST_VALUE]
    return Judgement("valid", _PLAIN, value, "The question is open and the text says something.")


def match_value(question: Question, value: str, language: str) -> AnswerOption | None:
    """The option that a judge's `value` means: by value, then by title, then by these rules."""
    for option in question.options:
        if option.value == value.strip().casefold():
            return option
    judged = classify(question, value, language) if question.options else None
    if judged is None or judged.verdict != "valid":
        return None
    return next((option for option in question.options if option.value == judged.value), None)


def match_title(question: Question, title: str) -> AnswerOption | None:
    """The option with this title in any language, whatever the case; None when there is none."""
    words = _words(title)
    return _by_title(question, words) if words else None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("ё", "е").replace("'", "").replace("’", ""))


def _by_title(question: Question, words: list[str]) -> AnswerOption | None:
    for option in question.options:
        if any(_words(title) == words for title in option.titles.values()):
            return option
    return None


def _by_number(question: Question, words: list[str]) -> AnswerOption | None:
    """A lone number names a row of a closed form; to an open question it is an amount."""
    if question.form == "text" or len(words) != 1 or not re.fullmatch(r"[0-9]{1,2}", words[0]):
        return None
    index = int(words[0]) - 1
    return question.options[index] if 0 <= index < len(question.options) else None


def _is_range(option: AnswerOption) -> bool:
    return option.minimum is not None or option.maximum is not None


def _by_amount(question: Question, text: str) -> Judgement | None:
    """By the amounts named; None when there are none."""
    found = amounts(text)
    if not found:
        return None
    foreign = currencies(text) - {question.currency}
    if question.currency and foreign:
        named = ", ".join(sorted(foreign))
        return Judgement("ambiguous", _TORN, "", f"The amount is in {named}, not in {question.currency}.")
    holding = {
        option.value
        for option in question.options
        if _is_range(option) and any(_holds(option, amount) for amount in found)
    }
    if len(holding) == 1:
        value = holding.pop()
        return Judgement("valid", _LIKELY, value, f"The amount falls into {value}.")
    return Judgement("ambiguous", _TORN, "", f"The amounts fall into {len(holding)} ranges.")


def _holds(option: AnswerOption, amount: float) -> bool:
    above = option.minimum is None or amount >= option.minimum
    below = option.maximum is None or amount < option.maximum
    return above and below


def _by_words(question: Question, words: list[str], language: str) -> Judgement:
    """By the words of all languages together: leads mix them."""
    values = _named(question, words, {key for option in question.options for key in option.words})
    if not values:
        return Judgement("ambiguous", _BLANK, "", "No word of any option occurs.")
    if len(values) > 1:
        return Judgement("ambiguous", _TORN, "", f"The words point to {' and '.join(values)}.")
    own = _named(question, words, {language}) == values
    return Judgement("valid", _LIKELY if own else _PLAIN, values[0], f"The words point to {values[0]}.")


def _named(question: Question, words: list[str], languages: set[str]) -> list[str]:
    """Values of the options whose words occur. Longer phrases first: "не готов" hides "готов"."""
    known = [
        (phrase.casefold().replace("ё", "е").split(), option.value)
        for option in question.options
        for language, phrases in option.words.items()
        if language in languages
        for phrase in phrases
    ]
    taken = [False] * len(words)
    values: list[str] = []
    for phrase, value in sorted(known, key=lambda item: -len(item[0])):
        for start in range(len(words) - len(phrase) + 1):
            span = range(start, start + len(phrase))
            if any(taken[i] for i in span) or not _fits(phrase, words[start : start + len(phrase)]):
                continue
            for i in span:
                taken[i] = True
            negated = start > 0 and words[start - 1] in _NEGATIONS
            if not negated and value not in values:
                values.append(value)
    return values


def _fits(phrase: list[str], words: list[str]) -> bool:
    return all(
        word.startswith(part[:-1]) if part.endswith("*") else word == part
        for part, word in zip(phrase, words, strict=True)
    )
