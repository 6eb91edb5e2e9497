"""Reads amounts of money out of a lead's text and ranges out of options. Pure; Russian and English."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

_UNITS = {
    "k": 1e3,
    "к": 1e3,
    "тыс": 1e3,
    "thousand": 1e3,
    "grand": 1e3,
    "млн": 1e6,
    "million": 1e6,
    "mln": 1e6,
}
_AMOUNT = re.compile(
    r"(?<![\w.,])(\d{1,3}(?:[ \u00a0,.]\d{3})+|\d+(?:[.,]\d+)?)"
    r"\s*(k|к|тыс\w*|thousands?|grand|млн\w*|million|mln)?(?![a-zа-я0-9])"
)
_COUNTS = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "couple": 2, "couple of": 2, "a": 1},
    **{
        "одна": 1,
        "одну": 1,
        "полторы": 1.5,
        "две": 2,
        "пара": 2,
        "пару": 2,
        "три": 3,
        "четыре": 4,
        "пять": 5,
    },
    **{"шесть": 6, "семь": 7, "восемь": 8, "девять": 9, "десять": 10},
}
_WORDS = {"сто": 100, "двести": 200, "триста": 300, "четыреста": 400, "пятьсот": 500, "шестьсот": 600}
_WORDS |= {"семьсот": 700, "восемьсот": 800, "девятьсот": 900, "полтысячи": 500, "тысяча": 1000}
_WORDS |= {"тысячу": 1000, "thousand": 1000, "ноль": 0, "zero": 0}
_BELOW = r"(?:до|менее|меньше|не больше|не более|under|below|less than|up to|max|<=?|≤)"
_ABOVE = r"(?:больше|более|свыше|over|above|more than|>)"
_FROM = r"(?:от|с|from|at least|минимум|не менее|не меньше|>=|≥)"
_OTHER_MONEY = {
    "KZT": r"тенге|тг|kzt|₸",
    "RUB": r"руб\w*|rub|₽",
    "EUR": r"евро|eur|euros?|€",
    "UAH": r"грн|гривен\w*|uah|₴",
    "GBP": r"фунт\w*|gbp|£",
    "UZS": r"сум|сумов|uzs",
    "KGS": r"сом|сомов|kgs",
}


@dataclass(frozen=True)
class Range:
    """From `low` (included) to `high` (excluded); infinities leave an end open."""

    low: float
    high: float

    def holds(self, amount: float) -> bool:
        """True when the amount falls into the range."""
        return self.low <= amount < self.high


def amounts(text: str) -> list[float]:
    """The amounts of a text, in order: `2k`, `$1500`, `1 500`, `полторы тысячи`, `1.5 тыс`."""
    return [amount for _, _, amount in _found(_spelled_out(text.lower()))]


def _spelled_out(text: str) -> str:
    """Number words as digits, currency signs away."""
    text = re.sub(r"[$€₸₽₴£]", " ", text)
    counts = "|".join(sorted(_COUNTS, key=len, reverse=True))
    text = re.sub(
        rf"\b({counts})\s+(тысяч\w*|тыщ\w*|thousand|grand)\b",
        lambda found: f"{_COUNTS[found.group(1)] * 1000:g}",
        text,
    )
    # "2 thousand" is a number with a unit; only a lone word is one by itself.
    words = "|".join(_WORDS)
    return re.sub(rf"(?<![\d\s])\s*\b({words})\b|^\s*({words})\b", lambda f: f" {_word(f)} ", text)


def _word(found: re.Match[str]) -> int:
    return _WORDS[found.group(1) or found.group(2)]


def _found(text: str) -> list[tuple[int, int, float]]:
    """(start, end, amount) of each amount in a text of digits."""
    rows = []
    for match in _AMOUNT.finditer(text):
        digits, unit = match.group(1), match.group(2)
        if re.fullmatch(r"\d{1,3}(?:[ \u00a0,.]\d{3})+", digits):
            number = float(re.sub(r"\D", "", digits))
        else:
            number = float(digits.replace(",", "."))
        if unit:
            number *= next(factor for name, factor in _UNITS.items() if unit.startswith(name))
        rows.append((match.start(), match.end(), number))
    return rows


def other_currency(text: str, context: str) -> str:
    """The code of a currency that the text names and the question and options do not, or ''."""
    for code, pattern in _OTHER_MONEY.items():
        word = rf"(?<!\w)(?:{pattern})(?!\w)" if pattern[-1].isalnum() else rf"(?:{pattern})"
        if re.search(word, text.lower()) and not re.search(word, context.lower()):
            return code
    return ""


def option_range(option: dict[str, Any]) -> Range | None:
    """The range of an option: its minimum and maximum, else read out of its title, else its value."""
    low, high = option.get("minimum"), option.get("maximum")
    if low is not None or high is not None:
        return Range(-math.inf if low is None else float(low), math.inf if high is None else float(high))
    for text in option["texts"]:
        found = _read_range(text.lower().replace("_", " "))
        if found is not None:
            return found
    return None


def _read_range(text: str) -> Range | None:
    text = _spelled_out(re.sub(r"[–—−]", "-", text))
    rows = _found(text)
    if len(rows) == 2:
        return Range(rows[0][2], rows[1][2]) if rows[0][2] < rows[1][2] else None
    if len(rows) != 1:
        return None
    start, end, amount = rows[0]
    before, after = text[:start], text[end:]
    if re.search(rf"(?<!\w){_BELOW}\s*$", before):
        return Range(-math.inf, amount)
    if re.search(rf"(?<!\w)(?:{_ABOVE}|{_FROM})\s*$", before) or re.match(
        r"\s*(\+|or more|и (?:более|выше))", after
    ):
        return Range(amount, math.inf)
    return None


def asked_amounts(text: str) -> list[float]:
    """The amounts that must all fall into one option. `до 500` is just below, `больше 500` just above it;
    the upper end of a range is not included."""
    plain = _spelled_out(re.sub(r"[–—−]", "-", text.lower()))
    rows = _found(plain)
    adjusted = []
    for number, (start, _, amount) in enumerate(rows):
        before = plain[:start]
        joined = number > 0 and re.fullmatch(r"\W*(?:-|до|to|and|и)?\s*", plain[rows[number - 1][1] : start])
        if re.search(rf"(?<!\w){_BELOW}\s*$", before) or (joined and amount > rows[number - 1][2]):
            amount = math.nextafter(amount, -math.inf)
        elif re.search(rf"(?<!\w){_ABOVE}\s*$", before):
            amount = math.nextafter(amount, math.inf)
        adjusted.append(amount)
    return adjusted
