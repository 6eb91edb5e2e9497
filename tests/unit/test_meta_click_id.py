"""Meta: what can be told of a click id without asking Meta (L7)."""

from __future__ import annotations

import pytest

from subscribers.click_id import ClickState, click_id_problem, judge_click_id

GOOD = "Af" + "k3Zq-_9bCdLm" * 9
REFERRAL = {"source_type": "ad", "source_id": "120219876543210987", "ctwa_clid": GOOD}


@pytest.mark.parametrize(
    ("clid", "reason"),
    [
        (GOOD, None),
        (12345, "not_text"),
        ("", "empty"),
        (" " + GOOD, "alphabet"),
        (GOOD + "\n", "alphabet"),
        (GOOD + "=", "alphabet"),
        ("Ä" + GOOD, "alphabet"),
        ("fb.1.1795350000.AbC", "web_click_id"),
        ("IwAR" + GOOD, "web_click_id"),
        ("1" * 90, "digits_only"),
        ("3f2b8c1e-0000-4000-8000-00000000000a", "uuid"),
        ("Af_test_click_id_000000000", "placeholder"),
        ("REPLACE_WITH_CLICK_ID_HERE", "placeholder"),
        ("ARAattest" + GOOD, None),
        ("A" * 19, "too_short"),
        ("A" * 20, None),
        ("A" * 512, None),
        ("A" * 513, "too_long"),
    ],
)
def test_hard_format(clid: object, reason: str | None) -> None:
    assert click_id_problem(clid) == reason


@pytest.mark.parametrize(
    ("referral", "reason"),
    [
        (None, "no_referral"),
        ({"source_type": "ad"}, "no_click_id"),
        ({**REFERRAL, "ctwa_clid": ""}, "no_click_id"),
        ({**REFERRAL, "ctwa_clid": None}, "no_click_id"),
    ],
)
def test_missing_click_id_is_absent_not_malformed(referral: dict[str, str] | None, reason: str) -> None:
    judged = judge_click_id(referral)
    assert (judged.state, judged.reason, judged.sendable) == (ClickState.ABSENT, reason, False)


def test_plausible_value_is_untouched() -> None:
    judged = judge_click_id(REFERRAL)
    assert (judged.value, judged.state, judged.reason) == (GOOD, ClickState.PLAUSIBLE, "")


def test_malformed_value_is_kept_as_it_came_and_never_sent() -> None:
    judged = judge_click_id({**REFERRAL, "ctwa_clid": GOOD + " "})
    assert (judged.value, judged.state, judged.sendable) == (GOOD + " ", ClickState.MALFORMED, False)


def test_value_copied_from_another_id_is_malformed() -> None:
    wamid = "wamid-HBgLNzcwMTAwMDAwMDE"
    assert judge_click_id({**REFERRAL, "ctwa_clid": wamid}, other_ids=[wamid]).state is ClickState.MALFORMED


@pytest.mark.parametrize(
    ("change", "facts", "reason"),
    [
        ({"ctwa_clid": "A" * 79}, {}, "unusual_length"),
        ({"ctwa_clid": "A" * 201}, {}, "unusual_length"),
        ({"ctwa_clid": "B" + GOOD}, {}, "unusual_first_letter"),
        ({"source_id": None}, {}, "no_source_id"),
        ({"source_type": "post"}, {}, "not_an_ad"),
        ({}, {"age_seconds": 7 * 86_400 + 1}, "old_click"),
        ({}, {"seen_with_other_contact": True}, "other_contact"),
        ({}, {"waba_matches": False}, "other_whatsapp_account"),
        ({}, {"ad_account_known": False}, "unknown_ad_account"),
        ({"source_type": "post"}, {"waba_matches": False}, "not_an_ad,other_whatsapp_account"),
    ],
)
def test_soft_flags_make_it_suspicious_yet_sendable(
    change: dict[str, str | None], facts: dict[str, object], reason: str
) -> None:
    judged = judge_click_id({**REFERRAL, **change}, **facts)  # type: ignore[arg-type]
    assert (judged.state, judged.reason, judged.sendable) == (ClickState.SUSPICIOUS, reason, True)


@pytest.mark.parametrize("length", [80, 200])
@pytest.mark.parametrize("age", [0, 7 * 86_400])
def test_bounds_of_the_usual_are_plausible(length: int, age: int) -> None:
    assert judge_click_id({**REFERRAL, "ctwa_clid": "A" * length}, age_seconds=age).state == "plausible"
