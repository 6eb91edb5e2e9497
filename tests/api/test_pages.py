"""Pages that people see when something is not there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client


@pytest.mark.parametrize(
    ("language", "words"), [("en", "There is no such page"), ("ru", "Такой страницы нет")]
)
def test_an_unknown_address_is_told_in_the_readers_language(database: Any, language: str, words: str) -> None:
    answer = Client(headers={"accept-language": language}).get("/nowhere/")
    assert answer.status_code == 404
    assert words in answer.content.decode()


def test_a_form_older_than_the_session_is_told_in_words(database: Any) -> None:
    answer = Client(enforce_csrf_checks=True).post("/sign-in/facebook")
    assert answer.status_code == 403
    text = answer.content.decode()
    assert "This page was out of date" in text and "Nothing was changed" in text
