"""The path of one lead, and each rule of the brief's L9 to L21 that the machine decides."""

from __future__ import annotations

from itertools import permutations

import pytest

from subscribers.content import Buttons, LinkButton, Menu, ProductCards, Template, Text
from subscribers.conversation.machine import option_id, parse_option_id, product_option_id
from subscribers.conversation.types import (
    CardsDelivered,
    Chose,
    Classified,
    Classify,
    FellSilent,
    LinkReady,
    LinkSent,
    OpenOrder,
    Ordered,
    Paid,
    Said,
    Segment,
    Send,
    Snapshot,
    StartAgent,
    State,
    UpdateDeal,
)
from subscribers.playbook.load import parse
from tests.unit.machine_world import DOCUMENT, PLAYBOOK, World, facts_of

PRODUCTS = ("course-start", "course-pro")


def started() -> World:
    world = World()
    world.take(Said("Здравствуйте! Хочу узнать о курсе"))
    return world


def tap(world: World, value: str) -> None:
    world.take(Chose(option_id(world.snapshot.question, value, world.snapshot.turn), value))


def write(world: World, text: str, verdict: str, value: str = "", confidence: float = 0.9) -> None:
    world.take(Said(text))
    world.take(FellSilent(world.snapshot.turn))
    world.take(Classified(world.snapshot.turn, verdict, confidence, value, "flowise"))


def qualified() -> World:
    world = started()
    for value in ("school", "1000_3000", "instagram", "now"):
        tap(world, value)
    return world


def ordered() -> World:
    world = qualified()
    world.take(Ordered(("course-start",)))
    return world


def test_the_whole_path_from_first_message_to_paid():
    world = started()
    tap(world, "school")
    write(world, "а вы кто", "noise")
    assert world.tags == {"trash"}
    assert "CA_EXCLUDE_NOISE" in world.members
    write(world, "ну средне", "ambiguous", confidence=0.5)
    assert world.tags == {"ambiguous"}
    write(world, "1500 долларов", "valid", "1000_3000")
    assert world.tags == set()
    write(world, "в основном инстаграм", "valid", "instagram")
    tap(world, "now")
    world.take(CardsDelivered(PRODUCTS))
    world.take(Ordered(("course-start",)))
    world.take(LinkReady("order-1", "https://pay.example/1"))
    world.take(LinkSent("order-1"))
    world.take(Paid("order-1", 90000, "USD"))

    assert list(world.events) == [
        "OptIn",
        "QUALIFY_Q1",
        "NOISE:budget:1",
        "AMBIGUOUS:budget:2",
        "QUALIFY_Q2",
        "QUALIFY_Q3",
        "QUALIFY_Q4",
        "QUALIFY_COMPLETE",
        "ViewContent:course-start",
        "AddToCart:course-start",
        "InitiateCheckout:course-start",
        "Purchase:order-1",
    ]
    assert world.audiences == {
        "A1_STARTED_NOT_FINISHED": False,
        "CA_QUAL_Q1": True,
        "SEG_NICHE_SCHOOL": True,
        "CA_EXCLUDE_NOISE": False,
        "CA_QUAL_Q2": True,
        "SEG_BUDGET_1000_3000": True,
        "CA_QUAL_Q3": True,
        "SEG_CHANNEL_INSTAGRAM": True,
        "CA_QUAL_Q4": True,
        "A2_QUALIFIED": False,
        "CA_PURCHASERS": True,
    }
    assert world.stages == ["new", "qualified", "paid"]
    assert world.tag_log == ["+trash", "-trash", "+ambiguous", "-ambiguous"]
    assert world.fields == {
        "cf_niche": "school",
        "cf_budget_month": "1000_3000",
        "cf_channel": "instagram",
        "cf_readiness": "now",
    }
    assert [send.purpose for send in world.sent] == [
        "question:niche",
        "question:budget",
        "reprompt:budget",
        "reprompt:budget",
        "question:channel",
        "question:readiness",
        "cards",
        "payment_link",
        "receipt",
    ]
    assert [(a.question, a.attempt, a.verdict, a.method) for a in world.answers] == [
        ("niche", 1, "valid", "choice"),
        ("budget", 1, "noise", "flowise"),
        ("budget", 2, "ambiguous", "flowise"),
        ("budget", 3, "valid", "flowise"),
        ("channel", 1, "valid", "flowise"),
        ("readiness", 1, "valid", "choice"),
    ]
    assert world.events["Purchase:order-1"].data["amount_minor"] == 90000
    assert world.snapshot.state is State.PAID


# --- the first message --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first", [Said("Онлайн-школа"), Chose("q0:1:school", "Онлайн-школа"), Ordered(("course-start",))]
)
def test_the_first_message_opts_in_and_is_never_judged_as_an_answer(first):
    world = World()
    decision = world.take(first)
    assert list(world.events) == ["OptIn"]
    assert world.members == {"A1_STARTED_NOT_FINISHED"}
    assert world.stage == "new"
    assert [type(command) for command in decision.commands if isinstance(command, StartAgent)]
    assert isinstance(world.sent[0].content, Menu)
    assert world.answers == []
    assert (world.snapshot.state, world.snapshot.turn, world.snapshot.question) == (State.ASKING, 1, 0)


def test_a_reaction_or_an_opened_chat_begins_nothing():
    world = World()
    for kind in ("reaction", "request_welcome"):
        world.take(Said("", kind))
    assert world.snapshot == Snapshot()
    assert not world.events


# --- answers ------------------------------------------------------------------------------------


def test_each_decision_updates_the_deal_at_most_once():
    world = started()
    write(world, "бла", "noise")
    for value in ("school", "1000_3000", "instagram"):
        tap(world, value)
    write(world, "бла", "noise")
    decision = world.take(Chose(option_id(3, "now", world.snapshot.turn)))
    updates = [command for command in decision.commands if isinstance(command, UpdateDeal)]
    assert updates == [UpdateDeal(stage="qualified", fields={"cf_readiness": "now"}, tags_remove=("trash",))]


def test_a_tap_on_an_answered_question_changes_nothing():
    world = started()
    old = option_id(0, "shop", world.snapshot.turn)
    tap(world, "school")
    before = world.snapshot
    decision = world.take(Chose(old))
    assert decision.snapshot == before
    assert not decision.records
    assert not decision.commands
    assert "question 1" in decision.reason


def test_a_tap_on_the_open_question_counts_whatever_its_turn():
    world = started()
    first = option_id(0, "shop", world.snapshot.turn)
    write(world, "бла", "noise")
    assert world.snapshot.turn > 1
    world.take(Chose(first))
    assert world.snapshot.answers == {"niche": "shop"}


def test_a_template_quick_reply_is_known_by_its_title():
    world = started()
    world.take(Chose("Услуги", "услуги"))
    assert world.snapshot.answers == {"niche": "services"}


def test_texts_are_collected_and_judged_as_one_after_silence():
    world = started()
    first = world.take(Said("у меня")).timers[0]
    world.later(1.5)
    second = world.take(Said("онлайн-школа")).timers[0]
    world.later(1.5)
    third = world.take(Said("английского")).timers[0]
    assert (first.seconds, second.seconds, third.seconds) == (2, 2, 2)
    world.later(1.5)
    assert world.take(Said("для детей")).timers[0].seconds == 0.5, "the limit of 5 s counts from the first"
    decision = world.take(FellSilent(world.snapshot.turn))
    assert decision.commands == (
        Classify(world.snapshot.turn, "niche", "у меня\nонлайн-школа\nанглийского\nдля детей"),
    )
    assert world.snapshot.state is State.CLASSIFYING


def test_a_newer_text_makes_the_judgement_stale_and_keeps_the_earlier_text():
    world = started()
    world.take(Said("у меня"))
    world.take(FellSilent(world.snapshot.turn))
    stale = world.snapshot.turn
    world.take(Said("салон"))
    before = world.snapshot
    assert world.take(Classified(stale, "noise", 0.9, "", "flowise")).snapshot == before
    decision = world.take(FellSilent(world.snapshot.turn))
    assert decision.commands[0].text == "у меня\nсалон"
    assert not world.answers


def test_a_stale_judgement_of_a_running_one_changes_nothing():
    world = started()
    world.take(Said("у меня"))
    world.take(FellSilent(world.snapshot.turn))
    before = world.snapshot
    decision = world.take(Classified(before.turn - 1, "valid", 1.0, "school", "flowise"))
    assert decision.snapshot == before
    assert not decision.records
    assert "stale" in decision.reason


def test_a_tap_while_a_text_is_judged_answers_and_the_judgement_is_ignored():
    world = started()
    world.take(Said("ну"))
    world.take(FellSilent(world.snapshot.turn))
    running = world.snapshot.turn
    tap(world, "school")
    world.take(Classified(running, "noise", 0.9, "", "flowise"))
    assert world.snapshot.answers == {"niche": "school"}
    assert not world.tags


@pytest.mark.parametrize(
    ("confidence", "verdict"), [(0.65, "valid"), (0.6499, "ambiguous"), (1.0, "valid"), (0.0, "ambiguous")]
)
def test_a_valid_judgement_below_the_threshold_counts_as_ambiguous(confidence, verdict):
    world = started()
    write(world, "школа", "valid", "school", confidence)
    assert world.answers[0].verdict == verdict
    assert ("QUALIFY_Q1" in world.events) == (verdict == "valid")
    assert ("AMBIGUOUS:niche:1" in world.events) == (verdict == "ambiguous")


def test_a_closed_form_accepts_no_value_beyond_its_options():
    world = started()
    write(world, "космос", "valid", "space", 0.99)
    assert world.answers[0].verdict == "ambiguous"
    assert not world.snapshot.answers


def test_an_open_form_keeps_a_free_value_without_a_segment():
    world = started()
    tap(world, "school")
    write(world, "зависит от сезона", "valid", "seasonal", 0.9)
    assert world.snapshot.answers["budget"] == "seasonal"
    assert not [name for name in world.members if name.startswith("SEG_BUDGET")]


def test_a_judges_free_wording_of_an_option_joins_its_segment():
    world = started()
    tap(world, "school")
    write(world, "полторы", "valid", "1500 USD", 0.9)
    assert world.snapshot.answers["budget"] == "1000_3000"
    assert "SEG_BUDGET_1000_3000" in world.members


def test_reprompts_use_other_words_and_show_the_same_list():
    world = started()
    asked = world.sent[-1].content
    bodies = []
    for _ in range(3):
        write(world, "бла", "noise")
        content = world.sent[-1].content
        assert isinstance(content, Menu)
        assert [option.title for option in content.options] == [option.title for option in asked.options]
        bodies.append(content.body)
    assert tuple(bodies) == PLAYBOOK.questions[0].reprompts["ru"]


@pytest.mark.parametrize("verdict", ["noise", "ambiguous"])
def test_after_the_last_reprompt_the_lead_is_parked_once_and_a_tap_brings_it_back(verdict):
    world = started()
    for _ in range(4):
        write(world, "бла", verdict)
    assert world.snapshot.state is State.PARKED
    assert world.sent[-1].purpose == "parked"
    sent = len(world.sent)
    write(world, "бла", verdict)
    assert world.snapshot.state is State.PARKED
    assert len(world.sent) == sent, "the parting words are said once"
    assert len([key for key in world.events if key.startswith(verdict.upper())]) == 5
    tap(world, "school")
    assert world.snapshot.state is State.ASKING
    assert world.snapshot.question == 1
    assert "CA_EXCLUDE_NOISE" not in world.members
    assert not world.tags


def test_a_text_of_a_parked_lead_is_judged_again():
    world = started()
    for _ in range(4):
        write(world, "бла", "noise")
    write(world, "школа", "valid", "school")
    assert world.snapshot.answers == {"niche": "school"}


def test_the_marking_attempt_of_the_playbook_is_kept():
    world = World(facts_of(playbook=_playbook(mark_at_attempt=2)))
    world.take(Said("привет"))
    write(world, "бла", "noise")
    assert not world.tags
    assert "CA_EXCLUDE_NOISE" not in world.audiences
    write(world, "бла", "noise")
    assert world.tags == {"trash"}
    assert "CA_EXCLUDE_NOISE" in world.members


def test_an_image_gets_one_hint_per_turn_and_is_not_noise():
    world = started()
    for kind in ("image", "sticker", "audio"):
        world.take(Said("", kind))
    assert [send.purpose for send in world.sent] == ["question:niche", "text"]
    assert world.snapshot.state is State.ASKING
    assert not world.answers
    write(world, "бла", "noise")
    world.take(Said("", "image"))
    assert world.sent[-1].purpose == "text", "a new turn has its own hint"


def test_a_caption_is_read_as_text():
    world = started()
    decision = world.take(Said("моя школа", "image"))
    assert decision.snapshot.pending == ("моя школа",)


def test_a_cart_before_the_last_question_opens_no_order():
    world = started()
    decision = world.take(Ordered(("course-start",)))
    assert not [command for command in decision.commands if isinstance(command, OpenOrder)]
    assert world.snapshot.state is State.ASKING
    assert world.snapshot.question == 0


def test_a_second_noise_answer_does_not_tag_again():
    world = started()
    write(world, "бла", "noise")
    write(world, "бла", "noise")
    assert world.tag_log == ["+trash"]
    assert not [command for command in world.last.commands if isinstance(command, UpdateDeal)]


def test_the_timer_of_an_earlier_turn_judges_nothing():
    world = started()
    old = world.snapshot.turn
    write(world, "бла", "noise")
    world.take(Said("у меня"))
    before = world.snapshot
    decision = world.take(FellSilent(old))
    assert (decision.snapshot, decision.commands) == (before, ())
    assert "stale" in decision.reason


# --- offer and sale -----------------------------------------------------------------------------


def test_the_offer_is_product_cards_of_the_catalog():
    content = qualified().sent[-1].content
    assert isinstance(content, ProductCards)
    assert (content.catalog_id, content.products) == ("55501", PRODUCTS)


def test_without_a_catalog_products_are_buttons_whose_tap_orders():
    world = World(facts_of(playbook=PLAYBOOK))
    world.take(Said("привет"))
    for value in ("school", "1000_3000", "instagram", "now"):
        tap(world, value)
    content = world.sent[-1].content
    assert isinstance(content, Buttons)
    world.take(Chose(content.options[1].id, content.options[1].title))
    assert "AddToCart:course-pro" in world.events
    assert world.snapshot.state is State.CHECKOUT


def test_an_order_takes_the_first_known_product_at_the_playbooks_price():
    world = qualified()
    decision = world.take(Ordered(("gone", "course-pro", "course-start")))
    assert OpenOrder("order-1", "course-pro", 190000, "USD") in decision.commands
    assert world.events["AddToCart:course-pro"].data == {
        "product": "course-pro",
        "amount_minor": 190000,
        "currency": "USD",
    }


def test_an_unknown_product_opens_no_order_and_the_lead_is_told_once():
    world = qualified()
    for _ in range(2):
        decision = world.take(Ordered(("gone",)))
    assert world.snapshot.state is State.OFFERING
    assert not [command for command in decision.commands if isinstance(command, OpenOrder)]
    assert [send.purpose for send in world.sent].count("text") == 1


def test_an_order_cannot_be_opened_without_an_id():
    world = qualified()
    with pytest.raises(ValueError, match="new_order"):
        world.take(Ordered(("course-start",)), new_order="")


def test_the_same_product_twice_opens_one_order():
    world = ordered()
    decision = world.take(Chose(product_option_id("course-start")), new_order="order-2")
    assert world.snapshot.order == "order-1"
    assert not [command for command in decision.commands if isinstance(command, OpenOrder)]


def test_another_product_opens_another_order_and_either_payment_counts():
    world = ordered()
    world.take(Ordered(("course-pro",)), new_order="order-2")
    assert world.take(LinkReady("order-1", "https://pay.example/1")).commands == ()
    world.take(Paid("order-1", 90000, "USD"))
    assert world.events["Purchase:order-1"].data["product"] == "course-start"
    decision = world.take(Paid("order-2", 190000, "USD"))
    assert "Purchase:order-2" in world.events
    assert next(c for c in decision.commands if isinstance(c, UpdateDeal)).price_minor == 280000


def test_the_link_is_a_button_and_the_receipt_a_template():
    world = ordered()
    world.take(LinkReady("order-1", "https://pay.example/1"))
    link = world.sent[-1].content
    assert isinstance(link, LinkButton)
    assert link.url == "https://pay.example/1"
    assert "Курс «Старт», 900 USD" in link.body
    world.take(Paid("order-1", 90000, "USD"))
    receipt = world.sent[-1].content
    assert isinstance(receipt, Template)
    assert (receipt.name, receipt.language) == ("receipt_ru", "ru")
    assert receipt.params[:2] == ("Курс «Старт»", "900 USD")


def test_a_payment_of_an_unknown_order_changes_nothing_in_any_state():
    for world in (World(), started(), qualified(), ordered()):
        before = world.snapshot
        decision = world.take(Paid("stranger", 1, "USD"))
        assert decision.snapshot == before
        assert not decision.records
        assert not decision.commands


def test_a_second_payment_of_the_same_order_changes_nothing():
    world = ordered()
    world.take(Paid("order-1", 90000, "USD"))
    before = world.snapshot
    decision = world.take(Paid("order-1", 90000, "USD"))
    assert (decision.snapshot, decision.records, decision.commands) == (before, (), ())


def test_a_link_that_is_ready_twice_is_sent_once():
    world = ordered()
    for _ in range(2):
        world.take(LinkReady("order-1", "https://pay.example/1"))
    assert [send.purpose for send in world.sent].count("payment_link") == 1


def test_the_deal_is_updated_before_the_lead_is_told():
    world = started()
    decision = world.take(Chose(option_id(0, "school", 1)))
    kinds = [type(command) for command in decision.commands]
    assert kinds.index(UpdateDeal) < kinds.index(Send)
    assert kinds.index(Segment) < kinds.index(Send)


def test_a_link_that_is_ready_after_the_payment_is_not_sent():
    world = ordered()
    world.take(Paid("order-1", 90000, "USD"))
    assert world.take(LinkReady("order-1", "https://pay.example/1")).commands == ()


@pytest.mark.parametrize(
    ("world", "key"), [(qualified, "choose_card"), (ordered, "link_waiting")], ids=["offering", "checkout"]
)
def test_a_text_in_the_sale_is_answered_once_per_turn(world, key):
    world = world()
    world.take(Said("а можно скидку?"))
    assert world.sent[-1].content == Text(PLAYBOOK.texts[key]["ru"])
    assert world.take(Said("алло")).commands == ()


CONCURRENT = [
    CardsDelivered(PRODUCTS),
    CardsDelivered(PRODUCTS),
    LinkSent("order-1"),
    LinkSent("order-1"),
    Paid("order-1", 90000, "USD"),
]


def test_late_and_doubled_statuses_in_any_order_leave_the_same_facts():
    outcomes = []
    for order in set(permutations(CONCURRENT)):
        world = ordered()
        world.take(LinkReady("order-1", "https://pay.example/1"))
        for signal in order:
            world.take(signal)
        outcomes.append((set(world.events), world.audiences, world.stages, [s.purpose for s in world.sent]))
    assert len(outcomes) == 30
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert {"ViewContent:course-start", "InitiateCheckout:course-start", "Purchase:order-1"} <= outcomes[0][0]


def test_an_order_before_the_cards_status_leaves_the_same_facts():
    outcomes = []
    for signals in permutations([CardsDelivered(PRODUCTS), Ordered(("course-pro",))]):
        world = qualified()
        for signal in signals:
            world.take(signal)
        outcomes.append((set(world.events), world.audiences, world.snapshot))
    assert outcomes[0] == outcomes[1]


# --- the silent bot -----------------------------------------------------------------------------

SILENT = [{"opted_out": True}, {"human_holds": True}, {"bot_on": False}, {"published": False}]


@pytest.mark.parametrize("silent", SILENT, ids=lambda facts: next(iter(facts)))
def test_a_silent_bot_records_the_opt_in_once_and_begins_when_it_may_speak(silent):
    world = World()
    world.take(Said("привет"), **silent)
    assert world.snapshot.state is State.NEW
    assert list(world.events) == ["OptIn"]
    assert world.stage == "new"
    assert not world.sent
    again = world.take(Said("алло"), **silent)
    assert (again.records, again.commands) == ((), ())
    decision = world.take(Said("вы тут?"))
    assert world.snapshot.state is State.ASKING
    assert [send.purpose for send in world.sent] == ["question:niche"]
    assert not decision.records


@pytest.mark.parametrize("silent", SILENT, ids=lambda facts: next(iter(facts)))
def test_a_silent_bot_records_a_tap_and_asks_when_it_may_speak(silent):
    world = started()
    world.take(Chose(option_id(0, "school", 1)), **silent)
    assert "QUALIFY_Q1" in world.events
    assert len(world.sent) == 1
    world.take(Said("что дальше?"))
    assert world.sent[-1].purpose == "question:budget"
    assert not world.snapshot.pending, "a text before the question was asked answers nothing"
    assert not world.snapshot.owed


def test_a_silent_bot_owes_cards_link_and_receipt():
    world = started()
    held = {"human_holds": True}
    for value in ("school", "1000_3000", "instagram", "now"):
        world.take(Chose(option_id(world.snapshot.question, value, 1)), **held)
    assert world.snapshot.owed
    world.take(Said("ну?"))
    assert world.sent[-1].purpose == "cards"
    world.take(Ordered(("course-start",)), **held)
    assert not world.snapshot.owed, "the link does not exist yet"
    world.take(LinkReady("order-1", "https://pay.example/1"), **held)
    world.take(Said("где ссылка?"))
    assert world.sent[-1].purpose == "payment_link"
    world.take(Paid("order-1", 90000, "USD"), **held)
    assert world.stage == "paid"
    world.take(Said("оплатил"))
    assert world.sent[-1].purpose == "receipt"


def test_an_order_settles_owed_cards():
    world = started()
    for value in ("school", "1000_3000", "instagram", "now"):
        world.take(Chose(option_id(world.snapshot.question, value, 1)), human_holds=True)
    world.take(Ordered(("course-start",)))
    assert not world.snapshot.owed


def test_texts_to_a_human_are_not_judged_and_end_a_running_judgement():
    world = started()
    world.take(Said("школа"))
    world.take(FellSilent(world.snapshot.turn))
    running = world.snapshot.turn
    world.take(Said("спасибо, понял"), human_holds=True)
    decision = world.take(Classified(running, "noise", 0.9, "", "flowise"))
    assert not decision.records
    assert world.take(Said("и ещё"), human_holds=True).timers == ()
    assert not world.snapshot.pending


def test_an_opted_out_lead_joins_no_audience():
    world = started()
    before = dict(world.audiences)
    world.take(Chose(option_id(0, "school", 1)), opted_out=True)
    assert world.audiences == before


# --- ids and languages --------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "q0", "q0:1:", "qx:1:a", "q0:1:A", "q0:1:a:b", "product:x", "q0:1:a\n"])
def test_a_foreign_id_is_not_read_as_ours(text):
    assert parse_option_id(text) is None


def test_a_lead_is_addressed_in_its_language_and_else_in_the_default_one():
    for language, expected in (("en", "en"), ("kk", "ru")):
        world = World(facts_of(language=language))
        world.take(Said("hi"))
        assert world.sent[0].content.body == PLAYBOOK.questions[0].texts[expected]


def _playbook(**changes):
    return parse({**DOCUMENT, **changes})
