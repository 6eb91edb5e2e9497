"""Minor units by currency (docs.stripe.com/currencies)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arriwa.common.money import decimals, major_to_minor, minor_to_major, smallest_step


@pytest.mark.parametrize(
    ("minor", "currency", "major"),
    [
        (90000, "EUR", "900.00"),
        (1, "usd", "0.01"),
        (500, "JPY", "500"),
        (500, "krw", "500"),
        (12340, "KWD", "12.340"),
        (500000, "ISK", "5000.00"),
        (500000, "UGX", "5000.00"),
        (1000, "HUF", "10.00"),
        (1000, "TWD", "10.00"),
        (0, "EUR", "0.00"),
        (10**15 + 1, "EUR", "10000000000000.01"),
    ],
)
def test_minor_units_become_major_ones_and_back(minor: int, currency: str, major: str) -> None:
    assert str(minor_to_major(minor, currency)) == major
    assert major_to_minor(Decimal(major), currency) == minor


@pytest.mark.parametrize("currency", ["", "EURO", "E1R", "€", "eu"])
def test_what_is_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        minor_to_major(1, currency)


def test_an_amount_finer_than_its_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="decimals"):
        major_to_minor(Decimal("0.5"), "JPY")


@pytest.mark.parametrize(("currency", "step"), [("ISK", 100), ("ugx", 100), ("KWD", 10), ("EUR", 1)])
def test_charges_have_a_smallest_step(currency: str, step: int) -> None:
    assert smallest_step(currency) == step


def test_most_currencies_have_two_decimals() -> None:
    assert [decimals(c) for c in ("EUR", "BRL", "JPY", "OMR")] == [2, 2, 0, 3]
