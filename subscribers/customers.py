"""A list of known customers as a CSV file: what it holds, which columns mean what. Pure.

Files come from Excel and CRMs: UTF-8 or Windows-1251, separated by ; or , or tabs, with a header or without.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers

from arriwa.common.errors import ArriwaError

MOST_BYTES = 8 * 1024 * 1024
MOST_LINES = 100_000
_DELIMITERS = (";", ",", "\t")
_PHONE_HEADERS = re.compile(r"phone|mobile|whats ?app|\btel\b|телефон|\bтел\b|мобил|номер|в[ао]тсап", re.I)
_NAME_HEADERS = re.compile(r"name|client|customer|имя|фио|клиент|контакт|покупатель", re.I)
_LONGEST_NAME = 200
#: Rows looked at when columns are guessed.
_SAMPLE = 50


class FileUnreadable(ArriwaError):
    """This is no table that can be read. Save it as CSV (UTF-8 or Windows-1251) and upload it again."""


@dataclass(frozen=True, slots=True)
class Table:
    """The file's rows. `header` is [] when the first line is a person already."""

    header: list[str]
    #: (line number in the file, 1-based; cells)
    rows: list[tuple[int, list[str]]]
    #: How many columns the widest row has.
    width: int


@dataclass(frozen=True, slots=True)
class Columns:
    """0-based columns of phone and name; `name` is -1 for none."""

    phone: int
    name: int


@dataclass(frozen=True, slots=True)
class Person:
    """One customer. `phone`: digits with country code."""

    phone: str
    name: str


@dataclass(frozen=True, slots=True)
class LineProblem:
    """Why a line is left out. `code`: empty | not_a_phone | double."""

    line: int
    code: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Who is in the file, and which lines are not."""

    people: list[Person]
    problems: list[LineProblem]


def table_read(body: bytes) -> Table:
    """The table in a file. Raises FileUnreadable: binary, too long, or without any row."""
    if len(body) > MOST_BYTES:
        raise FileUnreadable("The file is larger than 8 MiB. Split it and upload the parts one by one.")
    text = _decoded(body)
    head = "".join(text.splitlines()[:_SAMPLE])
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise FileUnreadable() from error
    if not rows:
        raise FileUnreadable("The file has no rows. Choose the one with your customers.")
    if len(rows) > MOST_LINES:
        raise FileUnreadable(
            "The file has more than 100,000 lines. Split it and upload the parts one by one."
        )
    header = [] if any(_looks_like_phone(cell) for cell in rows[0][1]) else rows[0][1]
    found = rows[1:] if header else rows
    if not found:
        raise FileUnreadable("The file has a header and no rows. Choose the one with your customers.")
    return Table(header, found, max(len(cells) for _, cells in rows))


def columns_guess(table: Table) -> Columns:
    """Which columns hold phone and name: by header, else by what is in them."""
    phone = _by_header(table, _PHONE_HEADERS)
    if phone is None:
        phone = max(range(table.width), key=lambda n: sum(map(_looks_like_phone, _column(table, n))))
    name = _by_header(table, _NAME_HEADERS)
    if name is None or name == phone:
        others = [n for n in range(table.width) if n != phone]
        name = max(others, key=lambda n: sum(map(_looks_like_name, _column(table, n))), default=-1)
        if name >= 0 and not any(map(_looks_like_name, _column(table, name))):
            name = -1
    return Columns(phone, name)


def customers_read(table: Table, columns: Columns, country: str) -> Reading:
    """The people of the table. `country`: ISO 3166-1 alpha-2, for phones without a country code."""
    people: list[Person] = []
    problems: list[LineProblem] = []
    seen: set[str] = set()
    for line, cells in table.rows:
        written = cells[columns.phone] if columns.phone < len(cells) else ""
        phone = phone_digits(written, country)
        if not phone:
            problems.append(LineProblem(line, "not_a_phone" if written else "empty"))
        elif phone in seen:
            problems.append(LineProblem(line, "double"))
        else:
            seen.add(phone)
            name = cells[columns.name] if 0 <= columns.name < len(cells) else ""
            people.append(Person(phone, name[:_LONGEST_NAME]))
    return Reading(people, problems)


def phone_digits(written: str, country: str) -> str:
    """A written phone as digits with country code: ("8 (701) 123-45-67", "KZ") -> "77011234567", else ""."""
    digits = re.sub(r"\D", "", written)
    if not 7 <= len(digits) <= 15 or re.search(r"[a-zа-я]", written, re.I):
        return ""
    for text, region in ((written, country or None), (f"+{digits}", None)):
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return f"{number.country_code}{phonenumbers.national_significant_number(number)}"
    return ""


def _decoded(body: bytes) -> str:
    if b"\0" in body and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileUnreadable()
    for encoding in ("utf-16",) if body[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1251"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileUnreadable()


def _looks_like_phone(cell: str) -> bool:
    return 9 <= len(re.sub(r"\D", "", cell)) <= 15 and not re.search(r"[^\d\s()+\-.–]", cell)


def _looks_like_name(cell: str) -> bool:
    return len(cell) > 1 and not re.search(r"[\d@]", cell)


def _by_header(table: Table, pattern: re.Pattern[str]) -> int | None:
    return next((n for n, title in enumerate(table.header) if pattern.search(title)), None)


def _column(table: Table, number: int) -> Iterator[str]:
    return (cells[number] for _, cells in table.rows[:_SAMPLE] if number < len(cells))
