"""The trial chat: the same machine, with the world played."""

from __future__ import annotations

from subscribers.conversation.types import Chose, Classified, Said, Snapshot, State
from subscribers.trial.chat import TRIAL_LINK, pay, trial_take
from tests.unit.machine_world import PLAYBOOK, START, WITH_CATALOG


def chat(*signals, playbook=PLAYBOOK, **given):
    snapshot, entries = Snapshot(), []
    for signal in signals:
        step = trial_take(
            signal(snapshot, entries) if callable(signal) else signal,
            snapshot=snapshot,
            playbook=playbook,
            language="ru",
            now=START,
            **given,
        )
        snapshot, entries = step.snapshot, entries + step.entries
    return snapshot, entries, step


def tap(index):
    """Taps an option of the last message, as the page does."""

    def signal(snapshot, entries):
        option = [e for e in entries if e["direction"] == "out"][-1]["content"]["options"][index]
        return Chose(option["id"], option["title"])

    return signal


def test_a_whole_trial_from_the_first_word_to_the_receipt():
    snapshot, entries, step = chat(Said("привет"), tap(0), Said("1500"), Said("инстаграм"), tap(0), tap(0))
    assert snapshot.state is State.CHECKOUT
    assert step.offered
    links = [e for e in entries if e["content"].get("type") == "link_button"]
    assert [link["content"]["url"] for link in links] == [TRIAL_LINK]
    effects = [effect for entry in entries for effect in entry["effects"]]
    assert {"OptIn", "QUALIFY_Q1", "QUALIFY_COMPLETE", "AddToCart:course-start"} <= set(effects)
    paid = trial_take(pay(snapshot, PLAYBOOK), snapshot=snapshot, playbook=PLAYBOOK, language="ru", now=START)
    assert paid.snapshot.state is State.PAID
    assert paid.entries[-1]["content"]["type"] == "template"


def test_every_decision_gives_its_reason_and_a_text_is_judged_at_once():
    snapshot, entries, step = chat(Said("привет"), Said("абракадабра"))
    assert not step.offered
    assert all(e["reason"] for e in entries if e["direction"] != "in")
    assert any("ambiguous" in e["reason"] for e in entries)
    assert snapshot.attempt == 1


def test_another_judge_is_asked_when_one_is_given():
    asked = []

    def judge(question, text, language, turn):
        asked.append((question.key, text, language))
        return Classified(turn, "noise", 0.9, "", "flowise")

    snapshot, _, _ = chat(Said("привет"), Said("продам гараж"), judge=judge)
    assert asked == [("niche", "продам гараж", "ru")]
    assert snapshot.mark == "trash"


def test_the_owner_can_play_a_known_customer():
    snapshot, entries, _ = chat(Said("привет"), known_customer=True, playbook=WITH_CATALOG)
    assert snapshot.state is State.OFFERING
    shown = [e["content"] for e in entries if e["direction"] == "out"]
    assert shown[0]["body"] == WITH_CATALOG.texts["known_customer"]["ru"]


def test_nothing_can_be_paid_before_an_order():
    assert pay(Snapshot(), PLAYBOOK) is None
