"""Arrays written as text reach the database as they are."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arriwa.common.statements import Statement, array

_TEXTS = Statement("SELECT v FROM unnest(%s::text[]) AS v")
_NASTY = ["", "NULL", "null", "{}", "a,b", '"', "\\", "\\\\", '\\"', " x ", "{a}", "'", "\n\t", "Ж", "%s"]


def test_texts_that_look_like_syntax_stay_texts() -> None:
    assert [row[0] for row in _TEXTS.rows(array([*_NASTY, None]))] == [*_NASTY, None]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_any_texts(texts: list[str]) -> None:
    assert [row[0] for row in _TEXTS.rows(array(texts))] == texts


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("uuid", [uuid.uuid4(), None]),
        ("int", [1, -5, None]),
        ("float8", [0.1, 1e-9, 100000.0]),
        ("timestamptz", [datetime.now(UTC), None]),
        ("bytea", [b"", b'\x00\xff\\"', None]),
    ],
)
def test_other_types(kind: str, values: list[Any]) -> None:
    rows = Statement(f"SELECT v FROM unnest(%s::{kind}[]) AS v").rows(array(values))
    assert [row[0] for row in rows] == values


def test_documents() -> None:
    documents = [{"a": 'x"y\\z', "b": [1, None, "Ж"]}, [], {}]
    rows = Statement("SELECT v::text FROM unnest(%s::jsonb[]) AS v").rows(array(documents))
    assert [json.loads(row[0]) for row in rows] == documents
