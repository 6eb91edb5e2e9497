"""Everything that people read is there in every language."""

from __future__ import annotations

import re
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils import translation

from arriwa.translations import Text, _of_template, catalog_path, texts_marked, untranslated

OTHERS = [language for language, _ in settings.LANGUAGES if language != settings.LANGUAGE_CODE]


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(language: str) -> None:
    assert not [text.singular for text in untranslated(language)]


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalog_is_the_one_of_its_source(language: str) -> None:
    path = catalog_path(language)
    source = {(e.msgid, e.msgstr, tuple(e.msgstr_plural.values())) for e in polib.pofile(str(path))}
    compiled = polib.mofile(str(Path(path).with_suffix(".mo")))
    assert {(e.msgid, e.msgstr, tuple(e.msgstr_plural.values())) for e in compiled} == source


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_survive_translation(language: str) -> None:
    for entry in polib.pofile(str(catalog_path(language))):
        if not entry.msgid_plural:
            assert placeholders(entry.msgstr) == placeholders(entry.msgid), entry.msgid
        for said in entry.msgstr_plural.values():
            assert placeholders(said) <= placeholders(entry.msgid_plural), entry.msgid


def placeholders(text: str) -> set[str]:
    """Such as %(name)s and {name}."""
    return set(re.findall(r"%\(\w+\)[sd]|\{\w+\}", text))


def test_texts_of_templates_are_found() -> None:
    source = """{% load i18n %}<a title="{% translate 'One (1)' %}">{% translate "Two's" as two %}</a>
{% blocktranslate with name=x %}Three {{ name }}{% endblocktranslate %}
{% blocktranslate count n=x %}{{ n }} day{% plural %}{{ n }} days{% endblocktranslate %}"""
    found = {text.singular: text.plural for text in _of_template(source)}
    assert found == {"One (1)": "", "Two's": "", "Three %(name)s": "", "%(n)s day": "%(n)s days"}


def test_a_text_of_the_code_is_found_with_its_place() -> None:
    found = texts_marked()
    assert (
        "arriwa/pages/access.py"
        in found[Text("Your role does not allow this. Ask an owner or admin of the organization.")]
    )


def test_a_page_answers_in_the_readers_language() -> None:
    with translation.override("ru"):
        assert translation.gettext("Members") == "Участники"
