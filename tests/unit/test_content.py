"""Every kind of content survives JSON; what is not content is refused."""

from __future__ import annotations

import json

import pytest

from subscribers.content import (
    Buttons,
    LinkButton,
    Menu,
    Option,
    ProductCards,
    Template,
    Text,
    from_json,
    to_json,
)

OPTIONS = (Option("q0:1:a", "А", "первый"), Option("q0:1:b", "Б"))
CONTENTS = [
    Text("Привет"),
    Buttons("Когда?", OPTIONS),
    Menu("Ниша?", "Выбрать", OPTIONS),
    ProductCards("Курсы", "Для вас", "55501", "Все", ("course-start", "course-pro")),
    LinkButton("Оплата", "Оплатить", "https://pay.example/1"),
    Template("receipt_ru", "ru", ("Курс", "900 USD")),
    Template("hello", "en"),
]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: type(content).__name__)
def test_content_comes_back_from_json_as_it_was(content):
    stored = json.loads(json.dumps(to_json(content)))
    assert from_json(stored) == content


def test_every_kind_has_its_own_type_name():
    assert len({to_json(content)["type"] for content in CONTENTS}) == 6


def test_unknown_types_and_keys_are_refused():
    with pytest.raises(KeyError):
        from_json({"type": "video", "url": "x"})
    with pytest.raises(TypeError):
        from_json({"type": "text", "body": "x", "colour": "red"})
