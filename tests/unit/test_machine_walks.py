"""Properties over random walks of signals: what holds whatever happens, in whatever order."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.content import from_json, to_json
from subscribers.conversation.machine import decide, option_id, parse_option_id, product_option_id
from subscribers.conversation.serialise import snapshot_from_json, snapshot_to_json
from subscribers.conversation.types import (
    CardsDelivered,
    Chose,
    Classified,
    Classify,
    FellSilent,
    HeldBack,
    LinkReady,
    LinkSent,
    Ordered,
    Paid,
    Said,
    Send,
    Snapshot,
    StartAgent,
    State,
)
from subscribers.playbook.load import parse
from tests.unit.machine_world import DOCUMENT, PLAYBOOK, WITH_CATALOG, World, facts_of

#: Parks after one re-prompt, marks at the second bad answer, offers without a catalog.
IMPATIENT = parse({**DOCUMENT, "max_attempts": 1, "mark_at_attempt": 2})
VALUES = sorted({option.value for question in PLAYBOOK.questions for option in question.options})
PRODUCTS = st.lists(st.sampled_from(["course-start", "course-pro", "gone"]), max_size=3).map(tuple)
ORDERS = st.sampled_from(["order-0", "order-1", "order-2", "order-3", "stranger"])
TURNS = st.integers(-1, 12)
KINDS = st.sampled_from(["text", "image", "sticker", "reaction", "request_welcome", "unsupported"])
SIGNALS = st.one_of(
    st.builds(Said, st.sampled_from(["", " ", "школа", "1500", "бла"]), KINDS),
    st.builds(
        Chose,
        st.one_of(
            st.builds(option_id, st.integers(0, 4), st.sampled_from(VALUES), st.integers(0, 12)),
            st.sampled_from(["course-start", "gone"]).map(product_option_id),
            st.text(max_size=5),
        ),
        st.sampled_from(["", "Услуги", "Позже", "мимо"]),
    ),
    st.builds(Ordered, PRODUCTS),
    st.builds(FellSilent, TURNS),
    st.builds(
        Classified,
        TURNS,
        st.sampled_from(["valid", "noise", "ambiguous"]),
        st.floats(0, 1),
        st.sampled_from(["", "gone", *VALUES]),
        st.sampled_from(["flowise", "local"]),
    ),
    st.builds(CardsDelivered, PRODUCTS),
    st.builds(LinkReady, ORDERS, st.just("https://pay.example/x")),
    st.builds(LinkSent, ORDERS),
    st.builds(HeldBack, st.sampled_from(["question:niche", "reprompt:budget", "cards", "receipt", "text"])),
    st.builds(Paid, ORDERS, st.sampled_from([90000, 190000, 1]), st.sampled_from(["USD", "EUR"])),
)
#: Steps that take a lead forward whatever its state; without them a random walk rarely reaches the sale.
FORWARD = st.sampled_from(["tap", "write", "babble"])
STEP = st.integers(0, 2).flatmap(lambda kind: SIGNALS if kind == 0 else FORWARD)
SILENT = st.sampled_from(
    [{}, {}, {"opted_out": True}, {"human_holds": True}, {"bot_on": False}, {"published": False}]
)
#: A walk starts anywhere on the way to the sale, then anything happens.
STEPS = st.builds(
    lambda depth, rest: [("tap", {})] * depth + rest,
    st.integers(0, 8),
    st.lists(st.tuples(STEP, SILENT), max_size=25),
)


def forward(snapshot: Snapshot, how: str = "tap"):
    """The signal that a willing lead and healthy platforms bring next."""
    if snapshot.state in (State.ASKING, State.PARKED):
        question = PLAYBOOK.questions[snapshot.question]
        if snapshot.pending:
            return FellSilent(snapshot.turn)
        if how != "tap":
            return Said("школа")
        return Chose(option_id(snapshot.question, question.options[0].value, snapshot.turn))
    return {
        State.NEW: Said("привет"),
        State.CLASSIFYING: Classified(
            snapshot.turn, "valid" if how == "tap" else "noise", 0.9, "school", "flowise"
        ),
        State.OFFERING: Ordered(("course-start",)),
        State.CHECKOUT: Paid(snapshot.order, 90000, "USD"),
        State.PAID: Said("спасибо"),
    }[snapshot.state]


def walk(steps, visit=lambda world, before, decision, silent: None) -> World:
    world = World()
    # To babble is to write, fall silent and be judged as noise.
    flat = [pair for pair in steps for _ in range(3 if pair[0] == "babble" else 1)]
    for number, (step, silent) in enumerate(flat):
        before = world.snapshot
        world.facts = replace(
            facts_of(
                playbook=WITH_CATALOG if len(steps) % 2 else IMPATIENT,
                new_order=f"order-{number % 4}",
            ),
            now=world.facts.now,
        )
        world.later(1.0)
        signal = forward(before, step) if isinstance(step, str) else step
        decision = world.take(signal, **silent)
        visit(world, before, decision, silent)
    return world


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_a_walk_never_fails_keeps_turns_growing_and_explains_itself(steps):
    def visit(world, before, decision, silent):
        assert decision.reason.endswith(".")
        assert decision.snapshot.turn >= before.turn
        assert decision.snapshot.question >= before.question
        assert all(timer.turn == decision.snapshot.turn for timer in decision.timers)
        assert all(0 <= timer.seconds <= 2 for timer in decision.timers)
        keys = [record.key for record in decision.records if hasattr(record, "key")]
        assert len(keys) == len(set(keys))

    walk(steps, visit)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_a_silent_bot_sends_starts_and_judges_nothing(steps):
    def visit(world, before, decision, silent):
        if silent:
            assert not [c for c in decision.commands if isinstance(c, Send | StartAgent | Classify)]
            assert not decision.timers

    walk(steps, visit)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_audiences_stage_and_tags_agree_with_where_the_lead_stands(steps):
    world = walk([(step, {}) for step, _ in steps])
    snapshot, members = world.snapshot, world.members
    qualified = snapshot.question == len(PLAYBOOK.questions)
    assert ("A1_STARTED_NOT_FINISHED" in members) == (snapshot.opted_in and not qualified)
    assert ("A2_QUALIFIED" in members) == (qualified and not snapshot.paid)
    assert ("CA_PURCHASERS" in members) == bool(snapshot.paid)
    assert ("CA_EXCLUDE_NOISE" in members) == bool(snapshot.mark)
    assert world.tags == ({snapshot.mark} if snapshot.mark else set())
    answered = {f"CA_QUAL_Q{n}" for n in range(1, snapshot.question + 1)}
    assert {name for name in members if name.startswith("CA_QUAL")} == answered
    assert world.members <= PLAYBOOK.audiences.keys()
    assert {f"Purchase:{order}" for order in snapshot.paid} == {
        key for key in world.events if key.startswith("Purchase")
    }


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_a_repeated_status_payment_or_timer_leaves_events_and_mirrors_as_they_were(steps):
    world = walk(steps)
    for step, _ in steps:
        if not isinstance(step, CardsDelivered | LinkReady | LinkSent | Paid | FellSilent):
            continue
        world.take(step)
        once = (set(world.events), dict(world.audiences), list(world.stages), world.snapshot)
        world.take(step)
        assert (set(world.events), dict(world.audiences), list(world.stages), world.snapshot) == once


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_snapshots_and_contents_survive_json_and_decisions_are_repeatable(steps):
    def visit(world, before, decision, silent):
        stored = json.loads(json.dumps(snapshot_to_json(before)))
        assert snapshot_from_json(stored) == before
        for command in decision.commands:
            if isinstance(command, Send):
                assert from_json(json.loads(json.dumps(to_json(command.content)))) == command.content

    world = walk(steps, visit)
    signal = forward(world.snapshot)
    assert decide(world.snapshot, signal, world.facts) == decide(world.snapshot, signal, world.facts)


def test_a_row_stored_by_another_version_is_read():
    assert snapshot_from_json({}) == Snapshot()
    old = {"state": "asking", "turn": 3, "retired": True}
    assert snapshot_from_json(old) == Snapshot(state=State.ASKING, turn=3)


@given(st.integers(0, 999), st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True), st.integers(0, 10**9 - 1))
def test_option_ids_come_back_as_they_were(question, value, turn):
    text = option_id(question, value, turn)
    parsed = parse_option_id(text)
    assert (parsed.question, parsed.value, parsed.turn) == (question, value, turn)
    assert len(text) <= 200


def test_the_walks_reach_every_state():
    seen = set()

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(STEPS)
    def visit_all(steps):
        walk(steps, lambda world, before, decision, silent: seen.add(decision.snapshot.state))

    visit_all()
    assert seen == set(State), "the properties above would be empty"
