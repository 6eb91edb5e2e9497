"""Files of known customers, and what the machine does with the people in them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.content import Buttons
from subscribers.conversation.machine import option_id
from subscribers.conversation.types import Chose, Classified, FellSilent, HeldBack, Said, StartAgent, State
from subscribers.customers import (
    Columns,
    FileUnreadable,
    LineProblem,
    Person,
    columns_guess,
    customers_read,
    phone_digits,
    table_read,
)
from tests.unit.machine_world import PLAYBOOK, World
from tests.unit.test_machine_walks import SIGNALS, SILENT

CSV = "Имя;Телефон;Город\nАна;8 (701) 123-45-67;Алматы\nБек;+7 702 123 45 67;Астана\n"


def world(**facts) -> World:
    one = World()
    one.facts = replace(one.facts, **facts)
    return one


# --- the machine --------------------------------------------------------------------------------


def test_a_known_customers_first_message_is_greeted_with_products_and_asked_nothing():
    lead = world(known_customer=True, playbook=PLAYBOOK)
    decision = lead.take(Said("здравствуйте"))
    assert lead.snapshot.state is State.OFFERING
    assert [send.purpose for send in lead.sent] == ["cards"]
    content = lead.sent[0].content
    assert isinstance(content, Buttons)
    assert content.body == PLAYBOOK.texts["known_customer"]["ru"]
    assert [option.id for option in content.options] == ["product:course-start", "product:course-pro"]
    assert list(lead.events) == ["OptIn"]
    assert lead.members == set()
    assert lead.tags == {"known_customer"}
    assert any(isinstance(command, StartAgent) for command in decision.commands)


def test_what_a_known_customer_writes_next_is_left_to_a_human_and_a_choice_is_sold():
    lead = world(known_customer=True, playbook=PLAYBOOK)
    lead.take(Said("здравствуйте"))
    decision = lead.take(Said("не пришёл доступ"))
    assert not decision.commands
    assert "human" in decision.reason
    lead.take(Chose("product:course-pro"))
    assert lead.snapshot.state is State.CHECKOUT


def test_a_known_customer_of_a_silent_bot_is_greeted_by_a_later_message():
    lead = world(known_customer=True)
    lead.take(Said("здравствуйте"), bot_on=False)
    assert (lead.snapshot.state, lead.sent) == (State.NEW, [])
    lead.take(Said("ау"))
    assert [send.purpose for send in lead.sent] == ["cards"]


@pytest.mark.parametrize("step", ["asking", "classifying", "parked"])
def test_whoever_becomes_known_before_the_first_answer_is_asked_no_more(step):
    lead = World()
    lead.take(Said("привет"))
    if step != "asking":
        lead.take(Said("бла"))
        lead.take(FellSilent(lead.snapshot.turn))
    if step == "parked":
        for _ in range(8):
            if lead.snapshot.state is State.PARKED:
                break
            if lead.snapshot.state is State.CLASSIFYING:
                lead.take(Classified(lead.snapshot.turn, "noise", 0.9, "", "flowise"))
            else:
                lead.take(Said("бла"))
                lead.take(FellSilent(lead.snapshot.turn))
        assert lead.tags == {"trash"}
    lead.take(Said("это я, ваш клиент"), known_customer=True)
    assert lead.snapshot.state is State.OFFERING
    assert lead.sent[-1].purpose == "cards"
    assert lead.members == set()
    assert lead.tags == {"known_customer"}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(SIGNALS, SILENT), max_size=25))
def test_whatever_happens_a_known_customer_is_never_asked_to_qualify(steps):
    lead = world(known_customer=True)
    for signal, silent in [(Said("привет"), {}), *steps]:
        lead.take(signal, **silent)
    asked = [send.purpose for send in lead.sent if send.purpose.startswith(("question", "reprompt"))]
    assert asked == []
    assert not [key for key in lead.events if key.startswith(("QUALIFY", "NOISE", "AMBIGUOUS"))]


def test_a_stale_timer_and_a_reaction_greet_nobody():
    lead = World()
    lead.take(Said("привет"))
    before = len(lead.sent)
    lead.take(FellSilent(99), known_customer=True)
    lead.take(Said("👍", "reaction"), known_customer=True)
    assert lead.snapshot.state is State.ASKING
    assert len(lead.sent) == before


def test_whoever_has_answered_a_question_goes_on():
    lead = World()
    lead.take(Said("привет"))
    lead.take(Chose(option_id(0, "school", 1)))
    lead.take(Said("1500"), known_customer=True)
    assert lead.snapshot.state is State.ASKING
    assert lead.snapshot.question == 1


# --- what a switch holds back -------------------------------------------------------------------


def test_a_message_held_back_is_owed_and_brought_by_the_next_message():
    lead = World()
    lead.take(Said("привет"))
    lead.take(HeldBack("question:niche"), bot_on=False)
    assert lead.snapshot.owed
    lead.take(Said("алло"))
    assert [send.purpose for send in lead.sent] == ["question:niche", "question:niche"]
    assert not lead.snapshot.owed


def test_a_re_prompt_held_back_is_owed_as_its_question():
    lead = World()
    lead.take(Said("привет"))
    lead.take(HeldBack("reprompt:niche"), bot_on=False)
    assert lead.snapshot.owed


@pytest.mark.parametrize("purpose", ["question:budget", "text", "parked", "cards"])
def test_a_message_held_back_that_nothing_calls_for_any_more_is_not_owed(purpose):
    lead = World()
    lead.take(Said("привет"))
    lead.take(HeldBack(purpose), bot_on=False)
    assert not lead.snapshot.owed


# --- the file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_a_file_of_excel_is_read_in_any_of_its_encodings(encoding):
    table = table_read(CSV.encode(encoding))
    assert columns_guess(table) == Columns(phone=1, name=0)
    assert customers_read(table, columns_guess(table), "KZ").people == [
        Person("77011234567", "Ана"),
        Person("77021234567", "Бек"),
    ]


def test_a_file_without_a_header_and_with_commas_is_read():
    table = table_read(b'77011234567,"Ana, A"\n77021234567,Bek\n')
    assert (table.header, columns_guess(table)) == ([], Columns(0, 1))
    assert customers_read(table, Columns(0, 1), "KZ").people[0] == Person("77011234567", "Ana, A")


def test_each_line_that_is_left_out_is_named_with_its_reason():
    body = "phone;name\n123;a\n;b\n87011234567;c\n+77011234567;d\nword;e\n"
    reading = customers_read(table_read(body.encode()), Columns(0, 1), "KZ")
    assert reading.people == [Person("77011234567", "c")]
    assert reading.problems == [
        LineProblem(2, "not_a_phone"),
        LineProblem(3, "empty"),
        LineProblem(5, "double"),
        LineProblem(6, "not_a_phone"),
    ]


@pytest.mark.parametrize(
    ("written", "country", "digits"),
    [
        ("8 (701) 123-45-67", "KZ", "77011234567"),
        ("7011234567", "KZ", "77011234567"),
        ("77011234567", "KZ", "77011234567"),
        ("+49 1512 3456789", "KZ", "4915123456789"),
        ("4915123456789", "KZ", "4915123456789"),
        ("7,70112E+10", "KZ", ""),
        ("12345", "KZ", ""),
        ("00000000000", "KZ", ""),
    ],
)
def test_phones_are_brought_to_digits_with_country_code(written, country, digits):
    assert phone_digits(written, country) == digits


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no rows"),
        (b"phone;name\n", "no rows"),
        (b"\x89PNG\0\0", "CSV"),
        (b"1\n" * 100_001, "100,000"),
        (b"x" * (8 * 1024 * 1024 + 1), "8 MiB"),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_words(body, words):
    with pytest.raises(FileUnreadable, match=words):
        table_read(body)


def test_ten_thousand_lines_are_read_in_seconds():
    body = "phone;name\n" + "".join(f"8701{n:07d};Клиент {n}\n" for n in range(10_000))
    begin = time.monotonic()
    table = table_read(body.encode())
    assert len(customers_read(table, columns_guess(table), "KZ").people) == 10_000
    assert time.monotonic() - begin < 10
