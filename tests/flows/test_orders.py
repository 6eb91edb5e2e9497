"""What is causally concurrent, in every order, ends in the same ledger (issue 1; design 3)."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from integrations.models import OrphanStatus
from integrations.receipts.intake import drain_receipts
from subscribers.models import Conversation, DecisionLog, Judgement, Message, Subscriber, SubscriberAlias
from subscribers.services.identity import phone_hash
from tenants.context import in_organization
from tests.support.hooks import Door
from tests.support.journey import STATUSES_OFF, STRIPE_OFF, sent_to, to_link, to_offer, user_id_of
from tests.support.ledger import canonical, subscriber_of, unfinished
from tests.support.sandbox import Phone, Sandbox
from tests.support.workers import PATIENCE, Workers, wait_until

FULL = ("sent", "delivered", "read")
STATUS_ORDERS = [
    *itertools.permutations(FULL),
    *itertools.permutations(("sent", "read")),
    ("read",),
    ("delivered", "delivered", "sent", "sent", "read", "read"),
    ("enqueued", *FULL),
    (*FULL, "enqueued"),
]


def message_of(schema: str, gs_id: str) -> Message:
    """Our row of a message of WhatsApp's record."""
    with in_organization(schema):
        return Message.objects.get(gs_id=gs_id)


def reached(message: Message) -> set[str]:
    """The statuses that our row knows."""
    return {name for name in FULL if getattr(message, f"{name}_at") is not None}


def test_statuses_of_a_message_in_every_order(
    schema: str, phones: Any, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    leads = phones(len(STATUS_ORDERS))
    with sandbox.faults(STATUSES_OFF):
        for lead in leads:
            lead.tap_ad()
        settle(queues=("interactive",))
        first = [sent_to(sandbox, lead.number)[0] for lead in leads]
        for message, order in zip(first, STATUS_ORDERS, strict=True):
            door.statuses(message, *order)
        settle(queues=("interactive",))
    ledgers = [canonical(schema, lead.number) for lead in leads]
    assert all(ledger == ledgers[0] for ledger in ledgers)
    for message, order in zip(first, STATUS_ORDERS, strict=True):
        row = message_of(schema, message["gs_id"])
        assert reached(row) == set(order) & set(FULL), order
        assert row.external_id == message["wamid"]


def test_a_repeated_status_moves_no_time(
    schema: str, phone: Phone, sandbox: Sandbox, door: Door, settle: Any, clocks: Any
) -> None:
    with sandbox.faults(STATUSES_OFF):
        phone.tap_ad()
        settle()
        [message] = sent_to(sandbox, phone.number)
        door.statuses(message, *FULL)
        settle()
        before = message_of(schema, message["gs_id"])
        clocks(0.1)
        door.statuses(message, *FULL)
        settle()
    after = message_of(schema, message["gs_id"])
    assert [getattr(after, f"{n}_at") for n in FULL] == [getattr(before, f"{n}_at") for n in FULL]


@pytest.mark.parametrize("order", [FULL, FULL[::-1], ("read",)], ids=" ".join)
def test_statuses_that_come_before_the_answer_is_recorded(
    order: tuple[str, ...], schema: str, phone: Phone, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    held = {"platform": "gupshup", "path": "/v3/message", "answer_delay": 60, "times": 1}
    with Workers(), sandbox.faults(STATUSES_OFF, held):
        phone.tap_ad()
        wait_until(lambda: sent_to(sandbox, phone.number), PATIENCE, "the first question")
        [message] = sent_to(sandbox, phone.number)
        wait_until(lambda: sandbox.pending() == 0, PATIENCE, "the platform's own statuses are over")
        door.statuses(message, *order)

        def kept() -> bool:
            with in_organization(schema):
                return OrphanStatus.objects.filter(gs_id=message["gs_id"]).count() == len(order)

        # The end of the faults lets the answer go.
        wait_until(kept, PATIENCE, "the statuses wait for their message")
    settle()
    assert reached(message_of(schema, message["gs_id"])) == set(order)
    assert len(sent_to(sandbox, phone.number)) == 1
    assert unfinished(schema, phone.number) == []
    with in_organization(schema):
        assert not OrphanStatus.objects.filter(gs_id=message["gs_id"]).exists()


def test_stripes_pair_of_events_in_both_orders_once_and_twice(
    schema: str, phones: Any, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    orders = [(0, 1), (1, 0), (1,), (1, 0, 1, 0)]
    leads = phones(len(orders))
    to_link(leads, settle)
    with sandbox.faults(STRIPE_OFF):
        for lead, order in zip(leads, orders, strict=True):
            pair = paid_events(sandbox, lead)
            for index in order:
                door.stripe(pair[index])
        settle()
    ledgers = [canonical(schema, lead.number) for lead in leads]
    assert all(ledger == ledgers[0] for ledger in ledgers)
    assert ledgers[0]["fact", "", "paid:course-start", 90000, "USD", ""] == 1
    for lead in leads:
        assert [m["type"] for m in lead.received()].count("template") == 1


def test_the_pair_of_events_at_the_same_moment_books_one_sale(
    schema: str, phone: Phone, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    to_link(phone, settle)
    with sandbox.faults(STRIPE_OFF):
        pair = paid_events(sandbox, phone)
    for event in (*pair, *pair):
        door.stripe(event)
    race(drain_receipts, threads=4)
    settle()
    ledger = canonical(schema, phone.number)
    assert ledger["fact", "", "Purchase", 90000, "USD", ""] == 1
    assert ledger["delivery", "stripe", "payment:course-start", 90000, "USD", "confirmed"] == 1
    assert [m["type"] for m in phone.received()].count("template") == 1


def test_a_burst_of_texts_in_every_order_is_one_answer(
    schema: str, phones: Any, door: Door, settle: Any
) -> None:
    texts = ("около", "2000", "долларов")
    orders = list(itertools.permutations(texts))
    leads = phones(len(orders))
    for lead in leads:
        lead.tap_ad()
    settle()
    for lead in leads:
        lead.choose(0)
    settle()
    for lead, order in zip(leads, orders, strict=True):
        for text in order:
            door.text(lead, text)
    settle()
    ledgers = [canonical(schema, lead.number) for lead in leads]
    assert all(ledger == ledgers[0] for ledger in ledgers)
    for lead in leads:
        with in_organization(schema):
            assert Judgement.objects.filter(conversation=conversation_of(schema, lead)).count() == 1


def test_first_messages_that_race_make_one_person_and_one_chat(
    schema: str, phones: Any, sandbox: Sandbox, settle: Any
) -> None:
    leads = phones(4)
    for lead in leads:
        for text in ("Здравствуйте", "Хочу узнать", "о курсе"):
            lead.say(text)
    wait_until(lambda: sandbox.pending() == 0, PATIENCE, "the hooks")
    race(drain_receipts, threads=3)
    settle()
    for lead in leads:
        with in_organization(schema):
            user_id = user_id_of(sandbox, lead)
            aliases = SubscriberAlias.objects.filter(key__in=[phone_hash(lead.number), user_id])
            people = Subscriber.objects.filter(aliases__in=aliases).distinct()
            assert (aliases.count(), people.count()) == (2, 1)
            chat = Conversation.objects.get(subscriber=people.get())
            assert chat.messages.filter(direction="in").count() == 3
            assert DecisionLog.objects.filter(conversation=chat, state_before="new").count() == 1
        ledger = canonical(schema, lead.number)
        assert ledger["fact", "", "OptIn", None, "", ""] == 1
        assert ledger["fact", "", "organic", None, "", ""] == 1
        assert ledger["delivery", "gupshup", "question:niche:menu", None, "", "confirmed"] == 1
        assert ledger["delivery", "kommo", "deal", None, "", "confirmed"] == 1


def test_the_same_message_by_two_hooks_at_once_is_one(schema: str, phone: Phone, door: Door) -> None:
    content = {"type": "text", "text": {"body": "Здравствуйте"}, "id": f"wamid.race{phone.number}"}
    for _ in range(6):
        door.message(phone, content)
    race(drain_receipts, threads=4)
    with in_organization(schema):
        assert Message.objects.filter(external_id=content["id"]).count() == 1


def test_the_cards_delivered_before_and_after_the_order(
    schema: str, phones: Any, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    def cards(lead: Phone) -> None:
        message = next(m for m in sent_to(sandbox, lead.number) if m["subtype"] == "product_list")
        door.statuses(message, "sent", "delivered")

    steps: list[Callable[[Phone], Any]] = [cards, Phone.order]
    ledgers = in_both_orders(schema, phones(3), steps, to_offer, sandbox, settle)
    assert all(ledger == ledgers[0] for ledger in ledgers)
    assert ledgers[0]["delivery", "meta", "messaging:ViewContent:course-start", None, "", "confirmed"] == 1


def test_the_payment_links_sent_before_and_after_the_payment(
    schema: str, phones: Any, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    def link(lead: Phone) -> None:
        message = next(m for m in sent_to(sandbox, lead.number) if m["subtype"] == "cta_url")
        door.statuses(message, "sent")

    steps: list[Callable[[Phone], Any]] = [link, Phone.pay]
    ledgers = in_both_orders(schema, phones(3), steps, to_link, sandbox, settle)
    assert all(ledger == ledgers[0] for ledger in ledgers)
    key = ("fact", "", "InitiateCheckout:course-start", 90000, "USD", "")
    assert ledgers[0][key] == 1


# --- how orders are made ------------------------------------------------------------------------


def in_both_orders(
    schema: str,
    leads: list[Phone],
    steps: list[Callable[[Phone], Any]],
    begin: Callable[..., None],
    sandbox: Sandbox,
    settle: Any,
) -> list[Any]:
    """The ledgers of leads for whom the steps come in order, reversed, and in one drain."""
    with sandbox.faults(STATUSES_OFF):
        begin(leads, settle)
        for lead, order in zip(leads, (steps, steps[::-1]), strict=False):
            for step in order:
                step(lead)
                settle()
        for step in steps:
            step(leads[2])
        settle()
    return [canonical(schema, lead.number) for lead in leads]


def paid_events(sandbox: Sandbox, phone: Phone) -> list[dict[str, Any]]:
    """Pays while Stripe's hooks are held back: the session's event, then the intent's."""
    result = phone.pay()["results"][0]
    assert result["paid"]
    events = sandbox.state("stripe")["events"]
    return [
        next(e for e in events if e["data"]["object"]["id"] == result[name])
        for name in ("session", "payment_intent")
    ]


def conversation_of(schema: str, phone: Phone) -> Conversation:
    """The phone's chat."""
    subscriber = subscriber_of(schema, phone.number)
    with in_organization(schema):
        return Conversation.objects.get(subscriber=subscriber)


def race(work: Callable[[], int], *, threads: int) -> None:
    """Runs `work` in several threads that begin at the same moment."""
    gate, failures = threading.Barrier(threads), list[BaseException]()

    def run() -> None:
        try:
            gate.wait(timeout=30)
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert not failures, failures
