"""What differs between two playbooks, what follows from the questions, and the presets by trade."""

from __future__ import annotations

import copy
import json

import pytest

from subscribers.playbook import checks, edit
from subscribers.playbook.complete import complete
from subscribers.playbook.diff import place_words, playbook_diff
from subscribers.playbook.load import (
    PlaybookInvalid,
    default_document,
    document_problems,
    document_text,
    fingerprint,
    parse,
    schema,
    shape_check,
)
from subscribers.playbook.presets import KEYS, NoSuchPreset, preset_document, presets


def test_equal_documents_have_no_differences_whatever_the_order_of_keys():
    document = default_document()
    shuffled = dict(reversed(document.items()))
    assert playbook_diff(document, shuffled) == []
    assert fingerprint(document) == fingerprint(shuffled)


def test_a_changed_text_is_one_change_with_its_place_in_words():
    old, new = default_document(), default_document()
    new["questions"][1]["texts"]["ru"] = "Сколько?"
    (change,) = playbook_diff(old, new)
    assert place_words(change.path) == "question 2, text, in Russian"
    assert (change.kind, change.after) == ("changed", "Сколько?")
    assert change.before == old["questions"][1]["texts"]["ru"]
    assert fingerprint(old) != fingerprint(new)


def test_a_question_put_in_front_is_one_addition_and_no_change_of_the_others():
    old, new = default_document(), default_document()
    new["questions"].insert(0, {**copy.deepcopy(old["questions"][0]), "key": "first"})
    (change,) = playbook_diff(old, new)
    assert (place_words(change.path), change.kind) == ("question 1", "added")
    (back,) = playbook_diff(new, old)
    assert (place_words(back.path), back.kind) == ("question 1", "removed")


def test_another_order_of_answers_is_one_change():
    old, new = default_document(), default_document()
    new["questions"][0]["options"].reverse()
    (change,) = playbook_diff(old, new)
    assert place_words(change.path) == "question 1, answer, order"
    assert change.after == list(reversed(change.before))


def test_re_prompts_are_compared_one_by_one_and_doubled_keys_as_a_whole():
    old, new = default_document(), default_document()
    new["questions"][0]["reprompts"]["en"][1] = "Again?"
    (change,) = playbook_diff(old, new)
    assert place_words(change.path) == "question 1, re-prompt, in English 2"
    new = default_document()
    new["products"][1]["key"] = new["products"][0]["key"]
    (change,) = playbook_diff(old, new)
    assert change.path == ("products",)


def test_a_problems_pointer_is_told_in_the_same_words():
    assert place_words("/questions/0/options/2/titles/ru") == "question 1, answer 3, title, in Russian"
    assert place_words("") == "the whole playbook"
    assert place_words("/max_attempts", {"re-prompts per question": "повторы"}.get) == "повторы"


def test_a_document_with_problems_keeps_its_shape_and_one_without_shape_is_refused():
    document = default_document()
    document["questions"][0]["texts"]["ru"] = ""
    document["threshold"] = 7
    shape_check(document)
    assert {problem["path"] for problem in document_problems(document)} == {
        "/questions/0/texts/ru",
        "/threshold",
    }
    for broken in ({}, [], {**document, "questions": "none"}, {**document, "colour": "red"}):
        with pytest.raises(PlaybookInvalid):
            shape_check(broken)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_that_no_database_takes_is_refused(text):
    document = default_document()
    document["texts"]["parked"]["ru"] = text
    with pytest.raises(PlaybookInvalid, match="cannot be stored"):
        shape_check(document)


@pytest.mark.parametrize("path", ["/questions/²", "/questions/99", "/questions/x", "/nowhere/0", "/"])
def test_a_pointer_to_nothing_changes_nothing(path):
    document = default_document()
    assert edit.value_at(document, f"{path}/texts") is None
    assert edit.member_remove(document, path) == document
    assert edit.member_move(document, path, 1) == document
    assert edit.member_add(document, f"{path}/options") == document


def test_a_file_has_the_schemas_order_however_the_database_kept_it():
    def shuffled(value):
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in sorted(value, reverse=True)}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    text = document_text(shuffled(default_document()))
    assert json.loads(text) == default_document()
    assert list(json.loads(text)) == [key for key in schema()["properties"] if key in default_document()]
    assert list(json.loads(text)["questions"][0])[:3] == ["key", "form", "texts"]


def test_the_default_document_is_complete():
    assert complete(default_document()) == default_document()


def test_completing_names_new_audiences_neutrally_and_drops_what_nothing_calls_for():
    document = default_document()
    document["questions"][0]["options"].append(
        {"value": "bank", "titles": {"ru": "Банк", "en": "Bank"}, "words": {}}
    )
    document["questions"][1]["segment"] = ""
    document["questions"][2]["crm_field"] = "cf_new"
    document["audiences"]["A2_QUALIFIED"] = "Mine"
    assert document_problems(document)
    made = complete(document)
    assert document_problems(made) == []
    assert made["audiences"]["A2_QUALIFIED"] == "Mine"
    assert made["audiences"]["SEG_NICHE_BANK"] == "Arriwa S1-6"
    assert "SEG_BUDGET_UNDER_1000" not in made["audiences"]
    assert "cf_new" in made["crm_fields"]


@pytest.mark.parametrize("key", KEYS)
def test_each_preset_is_a_valid_playbook_of_its_own_in_both_languages(key):
    document = preset_document(key)
    playbook = parse(document)
    assert playbook.languages == ("ru", "en")
    assert document["questions"] != default_document()["questions"]
    assert document["products"] != default_document()["products"]
    assert set(document["texts"]) == set(checks.TEXT_LIMITS)
    names = list(document["audiences"].values())
    assert len(names) == len(set(names))
    assert all(name.startswith("Arriwa ") for name in names)


def test_presets_are_named_in_both_languages_and_differ():
    shown = presets()
    assert [preset.key for preset in shown] == list(KEYS)
    assert all(set(preset.name) == {"ru", "en"} for preset in shown)
    assert len({str(preset_document(key)["questions"]) for key in KEYS}) == len(KEYS)
    with pytest.raises(NoSuchPreset):
        preset_document("bakery")


def test_a_clinic_makes_no_audiences_of_what_people_are_ill_with():
    assert not [name for name in preset_document("clinic")["audiences"] if name.startswith("SEG_")]
