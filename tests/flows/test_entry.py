"""How people come in: referrals on whatever message, click ids of every kind, organic, again (L1, L4–L7)."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from subscribers.models import Touchpoint
from tenants.context import in_organization
from tests.support.hooks import Door
from tests.support.journey import sent_to
from tests.support.ledger import canonical, subscriber_of, unfinished
from tests.support.sandbox import Phone, Sandbox

AD = "120219876543210001"
OPT_IN = ("fact", "", "OptIn", None, "", "")
TOLD = ("delivery", "meta", "messaging:OptIn", None, "", "confirmed")
PIXEL = ("delivery", "meta", "good_pixel:OptIn", None, "", "confirmed")


def referral(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    """A referral block with Meta's keys and a click id that Meta knows."""
    block: dict[str, Any] = Phone(sandbox).tap_ad()["referral"]
    return {key: value for key, value in {**block, **changes}.items() if value is not ...}


def touchpoints(schema: str, phone: Phone) -> list[Touchpoint]:
    """The phone's touchpoints, oldest first."""
    subscriber = subscriber_of(schema, phone.number)
    with in_organization(schema):
        return list(Touchpoint.objects.filter(subscriber=subscriber).order_by("occurred_at", "id"))


def test_a_referral_on_an_image_counts(
    schema: str, phone: Phone, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    block = referral(sandbox)
    image = {"id": "1", "mime_type": "image/jpeg", "caption": "Такое есть?"}
    door.message(phone, {"type": "image", "image": image, "referral": block})
    settle()
    [touch] = touchpoints(schema, phone)
    assert (touch.kind, touch.ad_id, touch.referral) == ("ctwa", AD, block)
    assert (touch.campaign_id, touch.adset_id) == ("120210000000000001", "120211000000000001")
    assert touch.utm["utm_campaign"] == "courses_2026"
    assert touch.utm["utm_medium"] == "cpc"
    assert touch.click_id_state == "accepted"
    ledger = canonical(schema, phone.number)
    assert (ledger[OPT_IN], ledger[TOLD]) == (1, 1)


def test_a_referral_on_a_chat_that_was_only_opened_counts(
    schema: str, phone: Phone, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    """An ad without typed text: WhatsApp says no more than that the chat was opened."""
    door.message(phone, {"type": "request_welcome", "referral": referral(sandbox)})
    settle()
    [touch] = touchpoints(schema, phone)
    assert (touch.kind, touch.ad_id, touch.click_id_state) == ("ctwa", AD, "accepted")
    ledger = canonical(schema, phone.number)
    assert (ledger[OPT_IN], ledger[TOLD]) == (1, 1)


def test_a_chat_that_was_only_opened_is_asked_the_first_question(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    phone.act("send", kind="request_welcome")
    settle()
    assert [message["subtype"] for message in sent_to(sandbox, phone.number)] == ["list"]
    phone.choose(0)
    settle()
    assert len(sent_to(sandbox, phone.number)) == 2
    assert unfinished(schema, phone.number) == []


@pytest.mark.parametrize(
    ("click_id", "state"),
    [
        pytest.param("", "absent", id="empty"),
        pytest.param(..., "absent", id="left out"),
        pytest.param(None, "absent", id="null"),
        pytest.param("12345", "malformed", id="digits"),
        pytest.param(AD, "malformed", id="the ad's id"),
        pytest.param("fb.1.1700000000000.IwAR0abc", "malformed", id="a website's click id"),
        pytest.param("ARA" + "x y" * 40, "malformed", id="foreign signs"),
        pytest.param({"id": "x"}, "malformed", id="no text"),
    ],
)
def test_a_click_id_that_cannot_be_one_is_kept_from_meta(
    click_id: Any, state: str, schema: str, phone: Phone, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    door.text(phone, "Здравствуйте", referral=referral(sandbox, ctwa_clid=click_id))
    settle()
    [touch] = touchpoints(schema, phone)
    assert (touch.kind, touch.click_id_state, touch.ad_id) == ("ctwa", state, AD)
    assert touch.campaign_id == "120210000000000001"
    ledger = canonical(schema, phone.number)
    assert (ledger[OPT_IN], ledger[TOLD], ledger[PIXEL]) == (1, 0, 1)


def test_a_click_id_that_meta_does_not_know_is_rejected_and_the_pixel_hears_on(
    schema: str, phone: Phone, sandbox: Sandbox, door: Door, settle: Any
) -> None:
    door.text(phone, "Здравствуйте", referral=referral(sandbox, ctwa_clid="ARA" + secrets.token_hex(64)))
    settle()
    [touch] = touchpoints(schema, phone)
    assert touch.click_id_state == "rejected"
    assert [key for _, key, *_ in unfinished(schema, phone.number)] == ["messaging:OptIn"]
    assert canonical(schema, phone.number)[PIXEL] == 1


def test_somebody_who_simply_writes_is_organic(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    phone.say("Здравствуйте")
    settle()
    [touch] = touchpoints(schema, phone)
    assert (touch.kind, touch.referral, touch.click_id_state) == ("organic", {}, "absent")
    ledger = canonical(schema, phone.number)
    assert (ledger[OPT_IN], ledger[PIXEL], ledger[TOLD]) == (1, 1, 0)
    assert unfinished(schema, phone.number) == []


def test_a_second_click_is_a_second_touchpoint_and_no_second_opt_in(
    schema: str, phone: Phone, sandbox: Sandbox, settle: Any
) -> None:
    clicks = []
    for _ in range(2):
        clicks.append(phone.tap_ad()["referral"]["ctwa_clid"])
        settle()
    touches = touchpoints(schema, phone)
    # WhatsApp's times are whole seconds: two clicks may share one.
    assert sorted(touch.click_id for touch in touches) == sorted(clicks)
    ledger = canonical(schema, phone.number)
    assert ledger["fact", "", "ctwa", None, "", ""] == 2
    assert (ledger[OPT_IN], ledger[TOLD], ledger[PIXEL]) == (1, 1, 1)
    assert ledger["delivery", "kommo", "deal", None, "", "confirmed"] == 1
    assert unfinished(schema, phone.number) == []
