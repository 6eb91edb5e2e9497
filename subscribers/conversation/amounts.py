"""Amounts of money in a person's own words: "2 тыс", "1.5k", "от 1 000 до 3 000 $". Pure."""

from __future__ import annotations

import re

_NUMBER = re.compile(
    r"(?P<number>\d{1,3}(?:[ \u00a0\u202f,.]\d{3})+(?!\d)|\d{1,12}(?:[.,]\d{1,2})?(?!\d))"
    r"\s*(?P<unit>млн|миллион\w*|million|mln|тыс\w*|т(?=[^\w]|$)|к(?=[^\w]|$)|k(?=[^\w]|$)|m(?=[^\w]|$)|thousand|grand)?",
    re.IGNORECASE,
)
_BELOW = re.compile(r"(?:до|меньше|менее|ниже|under|below|up to|less than)\s*[$€]?\s*$", re.IGNORECASE)
_DASH = re.compile(r"\s*[-–—]\s*|\s*(?:до|to)\s*")
#: Smallest step below a bound: "до 1000" means an amount just under 1000.
_STEP = 0.01
_CURRENCIES = {
    "USD": r"\$|\busd\b|доллар|\bdollar|\bбакс",
    "EUR": r"€|\beur\b|\bevro\b|\bевро\b|\beuro",
    "RUB": r"₽|\brub\b|\bруб",
    "KZT": r"₸|\bkzt\b|\bтенге\b|\btenge\b|\bтг\b",
    "UAH": r"₴|\buah\b|\bгрн\b|\bгривен",
    "GBP": r"£|\bgbp\b|\bpound|\bфунт",
}


def currencies(text: str) -> set[str]:
    """ISO 4217 codes of the currencies that the text names."""
    return {code for code, pattern in _CURRENCIES.items() if re.search(pattern, text, re.IGNORECASE)}


def amounts(text: str) -> list[float]:
    """Amounts in the order they are named, in major units of whatever currency is meant.

    "500-900" gives both ends. An upper bound ("до 1000", "1000–3000") counts as just under it,
    since ranges end before their upper bound. "1-2k" multiplies both ends.
    """
    matches = list(_NUMBER.finditer(text))
    found: list[float] = []
    for index, match in enumerate(matches):
        joined = index > 0 and _DASH.fullmatch(text[matches[index - 1].end() : match.start()])
        below = bool(joined) or _BELOW.search(text[: match.start()])
        following = matches[index + 1] if index + 1 < len(matches) else None
        unit = match["unit"]
        if not unit and following and _DASH.fullmatch(text[match.end() : following.start()]):
            unit = following["unit"]
        amount = _number(match["number"]) * _factor(unit)
        found.append(amount - _STEP if below and amount > 0 else amount)
    return found


def _number(digits: str) -> float:
    """ "1 500" and "1,500" are 1500; "1.5" and "1,5" are one and a half."""
    if re.fullmatch(r"\d{1,3}(?:[ \u00a0\u202f,.]\d{3})+", digits):
        return float(re.sub(r"\D", "", digits))
    return float(digits.replace(",", "."))


def _factor(unit: str | None) -> int:
    lowered = (unit or "").casefold()
    if not lowered:
        return 1
    return 1_000_000 if lowered.startswith(("млн", "мил", "mil", "mln", "m")) else 1_000
