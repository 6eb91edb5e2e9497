"""Ids of the buttons and rows that we send: what a tap brings back (L15, L20). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ANSWER = re.compile(r"q([0-9]{1,3}):([0-9]{1,9}):([a-z0-9_]{1,40})")
_PRODUCT_PREFIX = "product:"


@dataclass(frozen=True, slots=True)
class AnswerId:
    """A tap that answers question `question` (0-based) of `turn` with the option `value`."""

    question: int
    turn: int
    value: str


def option_id(question_index: int, value: str, turn: int) -> str:
    """Id of an answer option, such as "q0:1:school"; at most 55 characters of WhatsApp's 200."""
    return f"q{question_index}:{turn}:{value}"


def parse_option_id(text: str) -> AnswerId | None:
    """The inverse of `option_id`; None when the id is not one of its making."""
    match = _ANSWER.fullmatch(text)
    if match is None:
        return None
    return AnswerId(int(match[1]), int(match[2]), match[3])


def product_option_id(product: str) -> str:
    """Id of a product's button or row: "product:<key>"."""
    return _PRODUCT_PREFIX + product


def parse_product_option_id(text: str) -> str | None:
    """The inverse of `product_option_id`; None when the id names no product."""
    return text.removeprefix(_PRODUCT_PREFIX) if text.startswith(_PRODUCT_PREFIX) else None
