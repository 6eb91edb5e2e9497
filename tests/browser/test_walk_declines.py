"""A tenant declines, cancels, loses access at each step, is told what it means, and recovers (T3)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.owner import Owner
from tests.browser.seen import accounts_of
from tests.support.onboarding import fresh_number
from tests.support.sandbox import Sandbox
from tests.support.signin import asked_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


def explained(owner: Owner, scope: str) -> None:
    """The page names the permission, and what does not work without it."""
    row = owner.page.locator("dl > div, .card[role=alert] > div").filter(has_text=scope)
    expect(row.get_by_text("declined").or_(row.get_by_text("not granted"))).to_be_visible()
    expect(row.get_by_text("Without it:")).to_be_visible()


def test_a_tenant_who_declines_at_each_step_recovers(owner_of: Any, sandbox: Sandbox) -> None:
    owner: Owner = owner_of(name="Beka Akhmetov")
    signs_in_at_the_third_time(owner)
    owner.set_up()
    owner.connect_number(fresh_number())
    gives_access_at_the_third_time(owner)
    owner.choose_assets()
    owner.at("/chatflows")
    links_a_catalog_at_the_second_time(owner)
    is_told_of_a_dead_token(owner)
    is_told_what_is_lost_with_the_app(owner)
    declined = [set(one["declined"]) for one in asked_of(sandbox, owner.person)]
    assert {"business_management"} in declined and {"ads_management"} in declined
    assert {"catalog_management"} in declined


def signs_in_at_the_third_time(owner: Owner) -> None:
    """Cancelled; without the Business Managers; whole."""
    owner.sign_in(cancel=True)
    owner.reads("You cancelled at Facebook")
    owner.click("Try again")
    owner.consent(decline=["business_management"])
    owner.at("/start")
    explained(owner, "business_management")
    expect(owner.page.get_by_role("button", name="Set up")).to_have_count(0)
    owner.click("Ask me again")
    owner.consent()
    owner.at("/start")


def gives_access_at_the_third_time(owner: Owner) -> None:
    """Cancelled; without ads_management, so that the workspace stays closed; whole."""
    owner.give_ads_access(cancel=True)
    owner.reads("You cancelled at Facebook")
    owner.give_ads_access(decline=["ads_management"])
    explained(owner, "ads_management")
    owner.reads("the workspace stays closed")
    assert owner.asks("/chatflows")[0] == 423
    owner.give_ads_access()
    expect(owner.page.get_by_text("the workspace stays closed")).to_have_count(0)


def links_a_catalog_at_the_second_time(owner: Owner) -> None:
    """Without catalog_management cards are plain text; then with it."""
    owner.give_commerce_access(decline=["catalog_management"])
    explained(owner, "catalog_management")
    owner.give_commerce_access()
    owner.card("Catalog").get_by_role("button", name="Link").click()
    expect(owner.card("Catalog").get_by_text(owner.person.businesses[0]["catalogs"][0])).to_be_visible()
    assert accounts_of(owner).assets["catalog"] == owner.person.businesses[0]["catalogs"][0]


def is_told_of_a_dead_token(owner: Owner) -> None:
    """A new password at Facebook ends all tokens: the test says so in words; a new access works."""
    owner.person.act("change_password")
    tested(owner, re.compile("Does not work|Paused"))
    owner.give_ads_access()
    tested(owner, "Works")


def is_told_what_is_lost_with_the_app(owner: Owner) -> None:
    """Who removes the app takes back what he allowed at sign-in, too: the second consent alone mends nothing."""
    owner.person.act("remove_app")
    owner.give_ads_access()
    tested(owner, "business_management")
    owner.page.goto("/start")
    explained(owner, "business_management")
    owner.click("Ask me again")
    owner.consent()
    owner.give_ads_access()
    tested(owner, "Works")


def tested(owner: Owner, told: str | re.Pattern[str]) -> None:
    """Meta's test button makes a real call, and its card says this."""
    owner.page.goto("/credentials")
    meta = owner.page.locator("section.stack").filter(has=owner.page.locator("#p-meta"))
    meta.get_by_role("button", name="Test").click()
    expect(meta.get_by_text(told).first).to_be_visible()
