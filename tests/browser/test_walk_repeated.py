"""Every step by double click, in two tabs and after the back button: nothing is there twice (T1, T3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from integrations.models import Agentflow, Asset, Connection, NumberOnboarding
from subscribers.models import PlaybookVersion
from tenants.context import in_organization
from tenants.models import Birth, FacebookGrant, Membership, Organization
from tenants.workspaces.models import Workspace
from tests.browser.owner import Owner
from tests.browser.seen import organization_of
from tests.support.onboarding import fresh_number
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

Press = Callable[[Page], Locator]


def nothing(_page: Page) -> None:
    """A form without fields to fill in."""


class Twice:
    """A form sent from two tabs at once, twice in each, and once more after "back"."""

    def __init__(self, owner: Owner) -> None:
        self.owner, self.other = owner, owner.tab()

    def send(self, path: str, press: Press, fill: Callable[[Page], None] = nothing) -> None:
        """`press` finds the button. The owner's tab ends where its last sending has led."""
        tabs = (self.owner.page, self.other)
        for tab in tabs:
            tab.goto(path)
            fill(tab)
        for tab in tabs:
            self._press(press(tab))
        for tab in tabs:
            self._wait(tab)
        first = tabs[0]
        first.go_back()
        if press(first).count() and press(first).is_enabled():
            fill(first)
            self._press(press(first))
            self._wait(first)

    @staticmethod
    def _press(button: Locator) -> None:
        """Two clicks in one breath; the page marks itself, so that its successor is known."""
        button.evaluate(
            "button => { window.before = 1; setTimeout(() => { button.click(); button.click(); }) }"
        )

    @staticmethod
    def _wait(tab: Page) -> None:
        tab.wait_for_function("() => !window.before && document.readyState === 'complete'")


def button(name: str, card: str = "") -> Press:
    """The button of this name, in the card with these words where given."""
    return lambda page: (
        (page.locator(".card", has_text=card) if card else page)
        .get_by_role("button", name=name, exact=True)
        .first
    )


def ticking(heading: str, words: str) -> Callable[[Page], None]:
    """Ticks a box in a section, unless it is taken already."""

    def fill(page: Page) -> None:
        box = page.locator("section.card", has_text=heading).get_by_label(words)
        if box.count():
            box.check()

    return fill


def test_every_step_repeated_changes_nothing_twice(owner_of: Any, sandbox: Sandbox) -> None:
    owner: Owner = owner_of(name="Dana Repeats")
    twice = Twice(owner)
    signs_in_and_sets_up(owner, twice)
    connects_a_number(owner, twice)
    chooses_assets(owner, twice)
    own = owner.platform_accounts()
    connects_platforms(owner, twice, own)
    goes_live(owner, twice)
    one_of_each_is_ours(owner)
    one_of_each_is_theirs(owner, sandbox, own)


def signs_in_and_sets_up(owner: Owner, twice: Twice) -> None:
    """Two dialogs, each answered; then the choice."""
    for tab in (owner.page, twice.other):
        tab.goto("/")
    for tab in (owner.page, twice.other):
        tab.get_by_role("button", name="Continue with Facebook").dblclick()
        tab.wait_for_url("**/dialog/**")
    for tab in (owner.page, twice.other):
        owner.consent(page=tab)

    def choose(page: Page) -> None:
        page.get_by_role("radio").first.check()
        page.get_by_label(owner.person.businesses[0]["name"]).check()

    twice.send("/start", button("Set up"), choose)
    owner.page.goto("/start")
    expect(owner.page.get_by_role("button", name="Open")).to_be_visible()


def connects_a_number(owner: Owner, twice: Twice) -> None:
    """The wizard's form; its page goes on by itself."""
    twice.send("/wa-onboarding/new", button("Go on"), owner.tell_contact)
    owner.page.goto("/wa-onboarding")
    owner.click("Go on", role="link", exact=True)
    owner.open_signup(fresh_number())
    owner.reads("The number is live")


def chooses_assets(owner: Owner, twice: Twice) -> None:
    """The second consent from two tabs, then each required kind."""
    for tab in (owner.page, twice.other):
        tab.goto("/credentials/meta")
    for tab in (owner.page, twice.other):
        tab.get_by_role("button", name="Give access at Facebook").dblclick()
        owner.consent(page=tab)
    known = owner.person.businesses[0]
    for heading, name, tick in (
        ("Ad accounts", "Choose", known["ad_accounts"][0]),
        ("Messaging datasets", "Find or make it", ""),
        ("GOOD pixels", "Choose", known["pixels"][0]),
        ("NOISE pixels", "Choose", known["pixels"][1]),
    ):
        fill = ticking(heading, tick) if tick else nothing
        twice.send("/credentials/meta", button(name, heading), fill)


def connects_platforms(owner: Owner, twice: Twice, own: dict[str, dict[str, Any]]) -> None:
    """Kommo with its mapping, Stripe, Flowise with an agentflow."""

    def kommo(page: Page) -> None:
        page.get_by_label("Address of your account").fill(own["kommo"]["subdomain"])
        page.get_by_label("Long-lived token").fill(own["kommo"]["token"])

    twice.send("/credentials/kommo", button("Connect"), kommo)
    twice.send(owner.path(), button("Use this pipeline"))
    twice.send(
        "/credentials/stripe",
        button("Connect"),
        lambda page: page.get_by_label("Restricted key").fill(own["stripe"]["key"]),
    )
    twice.send("/credentials/flowise", button("Use it"))
    twice.send("/chatflows", button("Install"))


def goes_live(owner: Owner, twice: Twice) -> None:
    """The preset, then the publication."""
    twice.send("/chatflows/playbook", button("Start with this", "Arriwa's own"))
    owner.try_it()
    twice.send("/chatflows/publish", button("Publish"))
    owner.page.goto("/chatflows/publish")
    owner.reads("There is no draft")


def one_of_each_is_ours(owner: Owner) -> None:
    """Rows of the organization, and the organization itself."""
    organization = organization_of(owner)
    assert Organization.objects.filter(page_id=owner.person.pages[0]).count() == 1
    assert Birth.objects.filter(page_id=owner.person.pages[0]).count() == 1
    assert Membership.objects.filter(organization=organization).count() == 1
    assert FacebookGrant.objects.filter(facebook_user_id=owner.person.id).count() == 1
    with in_organization(organization.schema_name):
        assert Workspace.objects.count() == 1
        assert NumberOnboarding.objects.count() == 1
        platforms = Counter(Connection.objects.values_list("platform", flat=True))
        assert platforms == dict.fromkeys(("gupshup", "meta", "kommo", "stripe", "flowise"), 1)
        kinds = Counter(Asset.objects.values_list("kind", flat=True))
        assert set(kinds.values()) == {1}, kinds
        assert Agentflow.objects.count() == 1
        # Number 0 stands for "nothing published yet".
        versions = PlaybookVersion.objects.filter(number__gt=0).values_list("number", "published_at")
        assert [number for number, at in versions if at] == [1] and len(versions) == 1


def one_of_each_is_theirs(owner: Owner, sandbox: Sandbox, own: dict[str, dict[str, Any]]) -> None:
    """What the platforms hold."""
    gupshup, name = sandbox.state("gupshup"), "arriwaDanaRepeats"
    apps = [one for key, one in sandbox.get("/_accounts").items() if key.startswith(name)]
    assert len(apps) == 1
    app_id = apps[0]["gupshup"]["app_id"]
    mine = [one for one in gupshup["subscriptions"] if one["appId"] == app_id]
    assert Counter(one["version"] for one in mine) == {2: 1, 3: 1}
    account = owner.person.businesses[0]["ad_accounts"][0]
    audiences = [one for one in sandbox.state("meta")["audiences"] if one["ad_account_id"] == account]
    assert audiences and max(Counter(one["name"] for one in audiences).values()) == 1
    pipelines = sandbox.state("kommo")[own["kommo"]["subdomain"]]["pipelines"]
    stages = Counter(stage["name"] for stage in next(iter(pipelines.values())))
    assert {stages[name] for name in ("Новый", "Квалифицирован", "Оплачено")} == {1}
    tag = own["stripe"]["account"].removeprefix("acct_")
    endpoints = [one for one in sandbox.state("stripe")["webhook_endpoints"] if tag in one["_account"]]
    assert len(endpoints) == 1
    with in_organization(organization_of(owner).schema_name):
        workspace = str(Workspace.objects.get().id)
        flow = Agentflow.objects.get()
    flowise = sandbox.state("flowise")
    assert len([one for one in flowise["keys"] if workspace in one["name"]]) == 1
    assert len([one for one in flowise["flows"] if flow.id.hex[:12] in one["name"]]) == 1
