"""The rules that judge when Flowise cannot: what they know, what they leave open, what they never say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.conversation.amounts import amounts
from subscribers.conversation.local_classifier import classify, match_value
from subscribers.conversation.types import Classified
from subscribers.playbook.document import Question
from tests.unit.machine_world import PLAYBOOK

QUESTIONS = {question.key: question for question in PLAYBOOK.questions}
OPEN = Question("city", "text", {"ru": "Город?"}, {"ru": ("Город?",)})


@pytest.mark.parametrize(
    ("question", "text", "value"),
    [
        ("niche", "Онлайн-школа", "school"),
        ("niche", "у меня ШКОЛА английского", "school"),
        ("niche", "2", "services"),
        ("niche", "I run an online shop", "shop"),
        ("channel", "в основном инстаграм", "instagram"),
        ("channel", "Телеграм-канал", "messenger"),
        ("readiness", "не готов", "later"),
        ("readiness", "готова", "now"),
        ("readiness", "через месяц", "month"),
        ("budget", "1500", "1000_3000"),
        ("budget", "примерно 1 500 $ в месяц", "1000_3000"),
        ("budget", "2 тыс долларов", "1000_3000"),
        ("budget", "1.5k", "1000_3000"),
        ("budget", "1-2k", "1000_3000"),
        ("budget", "1000–3000 $", "1000_3000"),
        ("budget", "до 1000", "under_1000"),
        ("budget", "up to 1000 usd", "under_1000"),
        ("budget", "1000", "1000_3000"),
        ("budget", "999", "under_1000"),
        ("budget", "от 3000", "over_3000"),
        ("budget", "10,000 dollars", "over_3000"),
        ("budget", "небольшой", "under_1000"),
    ],
)
def test_a_plain_answer_is_valid(question, text, value):
    judged = classify(QUESTIONS[question], text, "ru")
    assert (judged.verdict, judged.value) == ("valid", value)
    assert judged.confidence >= PLAYBOOK.threshold


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("niche", "не школа"),
        ("niche", "школа и магазин"),
        ("niche", "9"),
        ("niche", "👍"),
        ("channel", "Instagram и сайт"),
        ("channel", "везде понемногу"),
        ("budget", "500-5000"),
        ("budget", "500000 тенге"),
        ("budget", "не знаю"),
        ("readiness", "?"),
    ],
)
def test_what_the_rules_cannot_tell_is_ambiguous(question, text):
    judged = classify(QUESTIONS[question], text, "ru")
    assert (judged.verdict, judged.value) == ("ambiguous", "")
    assert judged.confidence < PLAYBOOK.threshold
    assert judged.reason.endswith(".")


def test_an_open_question_takes_any_words():
    assert classify(OPEN, " Алматы ", "ru").value == "Алматы"
    assert classify(OPEN, "...", "ru").verdict == "ambiguous"


def test_a_word_of_another_language_weighs_less():
    own = classify(QUESTIONS["niche"], "my shop", "en")
    other = classify(QUESTIONS["niche"], "my shop", "ru")
    assert own.value == other.value == "shop"
    assert own.confidence > other.confidence


@given(
    st.sampled_from([*QUESTIONS.values(), OPEN]), st.text(max_size=40), st.sampled_from(["ru", "en", "kk"])
)
def test_the_rules_never_fail_and_never_say_noise(question, text, language):
    judged = classify(question, text, language)
    assert judged.verdict in ("valid", "ambiguous")
    assert 0 <= judged.confidence <= 1
    assert (judged.value != "") == (judged.verdict == "valid")
    if question.options and judged.value:
        assert judged.value in {option.value for option in question.options}


def test_a_judgement_becomes_the_signal_of_its_turn():
    judged = classify(QUESTIONS["niche"], "2", "ru")
    assert judged.as_signal(7) == Classified(7, "valid", 0.95, "services", "local", judged.reason)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("SCHOOL", "school"),
        ("Online school", "school"),
        ("магазин одежды", "shop"),
        ("космос", None),
        ("", None),
    ],
)
def test_a_judges_value_is_matched_to_an_option(value, expected):
    option = match_value(QUESTIONS["niche"], value, "ru")
    assert (option.value if option else None) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("нет чисел", []),
        ("1 000 000", [1_000_000]),
        ("1.000", [1000]),
        ("1,5 тыс.", [1500]),
        ("2 млн", [2_000_000]),
        ("3 компании", [3]),
        ("5 минут", [5]),
        ("500 или 700", [500, 700]),
        ("от 500 до 900", [500, 899.99]),
    ],
)
def test_amounts_are_read_as_people_write_them(text, expected):
    assert amounts(text) == expected
