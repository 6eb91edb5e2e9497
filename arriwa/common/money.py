"""Money between platforms: Stripe counts in minor units, ad platforms and people in major ones. Pure.

Source: docs.stripe.com/currencies.
"""

from __future__ import annotations

import re
from decimal import Decimal

_CURRENCY = re.compile(r"[A-Z]{3}")

#: The minor unit is the major one.
ZERO_DECIMAL = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
THREE_DECIMAL = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
#: Have no minor unit any more, but Stripe still takes them ×100, in whole units.
WHOLE_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})


def decimals(currency: str) -> int:
    """How many decimals Stripe's minor unit of `currency` (ISO 4217, any case) has.

    Raises ValueError when it is no currency code.
    """
    code = currency.upper()
    if not _CURRENCY.fullmatch(code):
        raise ValueError(f"{currency!r} is no ISO 4217 currency code.")
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def minor_to_major(amount_minor: int, currency: str) -> Decimal:
    """Stripe's minor units → major units, exact: 90000 EUR is 900.00, 500 JPY is 500.

    Raises ValueError when `currency` is no ISO 4217 code.
    """
    return Decimal(amount_minor).scaleb(-decimals(currency))


def major_to_minor(amount: Decimal, currency: str) -> int:
    """The inverse of `minor_to_major`. Raises ValueError when the amount is finer than the currency."""
    minor = amount.scaleb(decimals(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"{amount} has more decimals than {currency.upper()}.")
    return int(minor)


def smallest_step(currency: str) -> int:
    """What a charge's minor amount must be divisible by: 100 for ISK and UGX, 10 for three decimals.

    Raises ValueError when `currency` is no ISO 4217 code.
    """
    if currency.upper() in WHOLE_IN_HUNDREDTHS:
        return 100
    return 10 if decimals(currency) == 3 else 1
