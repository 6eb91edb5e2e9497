"""Normalise and hash a person's data for Meta (Conversions API, customer information parameters). Pure."""

from __future__ import annotations

import hashlib
import re

_NOT_DIGITS = re.compile(r"\D", re.ASCII)
_COUNTRY = re.compile(r"[a-z]{2}")


def sha256_hex(text: str) -> str:
    """Lower-case hex SHA-256 of the UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def normal_phone(phone: str | None) -> str:
    """Digits with the country code, without plus sign and leading zeros; "" when unknown."""
    return _NOT_DIGITS.sub("", phone or "").lstrip("0")


def normal_country(country: str | None) -> str:
    """ISO alpha-2 in lower case; "" when unknown or something else."""
    text = (country or "").strip().lower()
    return text if _COUNTRY.fullmatch(text) else ""


def phone_variants(phone: str | None) -> tuple[str, ...]:
    """The number and its other spelling where WhatsApp and phone books differ, WhatsApp's own first.

    Argentina's 9, Mexico's 1 and Brazil's ninth digit are there in one and missing in the other.
    """
    digits = normal_phone(phone)
    if not digits:
        return ()
    for prefix, extra, short_length in (("54", "9", 12), ("52", "1", 12)):
        if digits.startswith(prefix + extra) and len(digits) == short_length + 1:
            return digits, prefix + digits[len(prefix) + 1 :]
        if digits.startswith(prefix) and len(digits) == short_length:
            return digits, prefix + extra + digits[len(prefix) :]
    if digits.startswith("55"):
        # 55, two digits of the area, then eight digits or nine beginning with 9; 6-9 marks a mobile.
        if len(digits) == 13 and digits[4] == "9":
            return digits, digits[:4] + digits[5:]
        if len(digits) == 12 and digits[4] in "6789":
            return digits, digits[:4] + "9" + digits[4:]
    return (digits,)


def hashed_user_data(
    *, phone: str | None, external_id: str, country: str | None = None
) -> dict[str, list[str]]:
    """`ph`, `external_id` and `country` as Meta wants them, each only when known.

    `phone`: digits with country code in any writing; `external_id`: the subscriber's uuid, which must
    have the same form in every channel, so it is lower-cased.
    """
    data: dict[str, list[str]] = {}
    phones = phone_variants(phone)
    if phones:
        data["ph"] = [sha256_hex(variant) for variant in phones]
    if external_id:
        data["external_id"] = [sha256_hex(external_id.lower())]
    iso = normal_country(country)
    if iso:
        data["country"] = [sha256_hex(iso)]
    return data
