"""The playbook's editor: tabs, stale tabs, the expert's document; nothing written is lost."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from subscribers.playbook.load import default_document
from subscribers.playbook.presets import preset_document
from subscribers.selectors import playbook_draft, playbook_latest
from tenants.workspaces.models import Workspace
from tests.support.chatflows import HERE, fields_of


def test_presets_are_offered_first_and_the_chosen_one_is_the_draft(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    assert "Start with this" in owner.get(HERE)
    for _ in range(2):
        answer = owner.post(f"{HERE}/preset", preset="clinic", base="")
        assert answer.redirect_chain[-1][0] == f"{HERE}/questions"
    with inside():
        assert playbook_draft(workspace).document == preset_document("clinic")
        assert playbook_latest(workspace) is None


def test_each_tab_shows_the_document_and_saving_it_untouched_changes_nothing(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="shop", base="")
    with inside():
        before = playbook_draft(workspace).document
    for section in ("questions", "products", "texts", "rules", "names"):
        fields = owner.form(f"{HERE}/{section}")
        assert len(fields) > 5, section
        answer = owner.post(f"{HERE}/{section}", **fields)
        assert "Saved in the draft" in answer.content.decode(), section
        with inside():
            assert playbook_draft(workspace).document == before, section


def test_a_text_a_price_and_an_answer_are_changed_and_audiences_follow(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    fields = owner.form(f"{HERE}/questions")
    fields |= {"/questions/0/texts/en": "Which field?", "/questions/0/options/0/value": "college"}
    owner.post(f"{HERE}/questions", **fields)
    fields = owner.form(f"{HERE}/products") | {"/products/0/amount_minor": "99,50"}
    owner.post(f"{HERE}/products", **fields)
    with inside():
        document = playbook_draft(workspace).document
    assert document["questions"][0]["texts"]["en"] == "Which field?"
    assert document["products"][0]["amount_minor"] == 9950
    assert "SEG_NICHE_COLLEGE" in document["audiences"]
    assert "SEG_NICHE_SCHOOL" not in document["audiences"]


def test_questions_and_answers_come_move_and_go(browser: Any, workspace: Workspace, inside: Any) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")

    def act(what: str) -> dict[str, Any]:
        owner.post(f"{HERE}/questions", **owner.form(f"{HERE}/questions"), do=what)
        with inside():
            document: dict[str, Any] = playbook_draft(workspace).document
        return document

    assert [q["key"] for q in act("up:/questions/1")["questions"]][:2] == ["budget", "niche"]
    assert len(act("remove:/questions/3")["questions"]) == 3
    assert act("add:/questions")["questions"][3]["key"] == "question_4"
    assert len(act("add:/questions")["questions"]) == 4, "four at most"
    assert act("add:/questions/3/options")["questions"][3]["options"][0]["value"] == "answer_1"
    page = owner.get(f"{HERE}/questions")
    assert "Fill this in." in page
    assert "must be done" in owner.get("/chatflows/publish")


def test_a_field_that_cannot_be_read_is_marked_and_what_was_written_stays(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    fields = owner.form(f"{HERE}/products") | {
        "/products/0/amount_minor": "cheap",
        "/products/0/titles/en": "My course",
    }
    answer = owner.post(f"{HERE}/products", **fields)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Write an amount" in page
    assert fields_of(page)["/products/0/titles/en"] == "My course"
    with inside():
        assert playbook_draft(workspace).document == default_document()


def test_the_second_of_two_tabs_is_refused_with_both_and_may_save_over(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    first, second = owner.form(f"{HERE}/questions"), owner.form(f"{HERE}/questions")
    owner.post(f"{HERE}/questions", **first | {"/questions/0/texts/en": "One?"})
    answer = owner.post(f"{HERE}/questions", **second | {"/questions/0/texts/en": "Two?"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "One?" in page and "Two?" in page
    with inside():
        assert playbook_draft(workspace).document["questions"][0]["texts"]["en"] == "One?"
    owner.post(f"{HERE}/questions", **fields_of(page))
    with inside():
        assert playbook_draft(workspace).document["questions"][0]["texts"]["en"] == "Two?"


def test_a_tab_whose_question_was_removed_elsewhere_shows_what_was_written(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    old = owner.form(f"{HERE}/questions")
    owner.post(f"{HERE}/questions", **old, do="remove:/questions/0")
    answer = owner.post(f"{HERE}/questions", **old | {"/questions/1/texts/en": "My own words"})
    assert answer.status_code == 409
    assert "My own words" in answer.content.decode()
    with inside():
        texts = [q["texts"]["en"] for q in playbook_draft(workspace).document["questions"]]
    assert "My own words" not in texts


def test_the_expert_tab_takes_good_json_and_explains_the_rest(
    browser: Any, workspace: Workspace, inside: Any
) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    base = owner.form(f"{HERE}/questions")["base"]
    for text, words in (
        ("{", "no JSON"),
        ("[1]", "the whole playbook"),
        ("{}", "is a required property"),
        (json.dumps(default_document() | {"catalog_id": "\0"}), "cannot be stored"),
        ("[" * 100_000, "nested too deeply"),
    ):
        answer = owner.post(f"{HERE}/expert", document=text, base=base)
        assert answer.status_code == 422
        assert words in unescape(answer.content.decode())
    document = default_document() | {"max_attempts": 2}
    upload = SimpleUploadedFile("p.json", json.dumps(document).encode())
    owner.post(f"{HERE}/expert", file=upload, base=base)
    exported = json.loads(owner.client.get(f"{HERE}/file").content)
    assert exported == document


def test_languages_are_added_and_removed(browser: Any, workspace: Workspace, inside: Any) -> None:
    owner = browser()
    owner.post(f"{HERE}/preset", preset="default", base="")
    base = owner.form(f"{HERE}/rules")["base"]
    owner.post(f"{HERE}/languages", languages=["ru", "kk"], base=base)
    with inside():
        document = playbook_draft(workspace).document
    assert document["languages"] == ["ru", "kk"]
    assert document["texts"]["parked"]["kk"] == document["texts"]["parked"]["ru"]
    assert "en" not in document["questions"][0]["texts"]
