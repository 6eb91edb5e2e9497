"""Consents of later steps, declined permissions, tokens that end (T3.1, T3.5, T3.6; reference meta 7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django_tenants.utils import schema_context

from arriwa.outbox.enqueue import real_now
from arriwa.signin.consent import ConsentMissing, consent_result, workspace_token
from arriwa.signin.facebook import login_client
from arriwa.signin.tasks import watch
from integrations.models import Connection
from tenants.models import Organization
from tenants.signin.grants import NoGrant, grant_token
from tenants.workspaces.models import AuditEntry, Workspace
from tests.support.facebook import FacebookPerson, make_person
from tests.support.sandbox import Sandbox
from tests.support.signin import Browser, asked_of, grant_of, make_organization, query_of, signed_in

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.urls("tests.support.consent_urls")]

#: T3.5 and T3.6, then the additions that settings list.
STEPS = {
    "ads": ["ads_management", "ads_read", "whatsapp_business_manage_events", "whatsapp_business_management"],
    "commerce": [
        "catalog_management",
        "commerce_account_read_orders",
        "commerce_account_read_reports",
        "commerce_account_read_settings",
    ],
}


@pytest.fixture
def member(sandbox: Sandbox) -> tuple[Browser, FacebookPerson, Organization]:
    """An owner with two workspaces."""
    browser, person = signed_in(sandbox, businesses=[{}, {}])
    return browser, person, make_organization(browser, person, businesses=2)


def consent(browser: Browser, person: FacebookPerson, purpose: str, **answers: Any) -> Any:
    dialog = browser.client.post(f"/ask/{purpose}")["Location"]
    answer = browser.come_back(person.consent(dialog, **answers))
    return browser.client.get(answer["Location"]).json()


@pytest.mark.parametrize("purpose", ["ads", "commerce"])
def test_a_later_step_asks_for_exactly_its_scopes(member: Any, sandbox: Sandbox, purpose: str) -> None:
    browser, person, _ = member
    query = query_of(browser.client.post(f"/ask/{purpose}")["Location"])
    assert sorted(query["scope"].split(",")) == STEPS[purpose]
    assert query["auth_type"] == "rerequest"
    told = consent(browser, person, purpose)
    assert told["returned"] and sorted(told["granted"]) == STEPS[purpose] and not told["missing"]
    asked = asked_of(sandbox, person)
    assert [one["requested"] for one in asked][1:] == [STEPS[purpose]]
    assert not set(asked[0]["requested"]) & set(STEPS["ads"] + STEPS["commerce"])


def test_coming_back_is_told_once(member: Any) -> None:
    browser, person, _ = member
    assert consent(browser, person, "ads")["returned"]
    assert not browser.client.get("/ask/ads").json()["returned"]


def test_a_consent_comes_back_to_its_own_workspace(member: Any) -> None:
    browser, person, organization = member
    with schema_context(organization.schema_name):
        first, second = Workspace.objects.order_by("created_at")
    browser.client.post("/switch", {"workspace": str(second.id)})
    dialog = browser.client.post("/ask/ads")["Location"]
    browser.client.post("/switch", {"workspace": str(first.id)})
    browser.come_back(person.consent(dialog))
    told = browser.client.get("/ask/ads").json()
    assert told["workspace"] == str(second.id) and told["returned"]


def test_what_was_declined_is_told_and_asked_again(member: Any, sandbox: Sandbox) -> None:
    browser, person, _ = member
    told = consent(browser, person, "ads", decline=["ads_management"])
    assert told["missing"] == ["ads_management"]
    again = consent(browser, person, "ads")
    assert not again["missing"]
    assert asked_of(sandbox, person)[-1]["shown"] == ["ads_management"]


def test_a_cancelled_later_consent_changes_nothing_and_says_so(member: Any) -> None:
    browser, person, _ = member
    before = grant_token(grant_of(person))
    told = consent(browser, person, "ads", cancel=True)
    assert not told["returned"] and not told["granted"]
    assert grant_token(grant_of(person)) == before
    assert "You cancelled at Facebook" in browser.page("/start")


def test_another_accounts_consent_gives_this_workspace_nothing(member: Any, sandbox: Sandbox) -> None:
    browser, _person, _ = member
    told = consent(browser, make_person(sandbox.url), "ads")
    assert not told["returned"] and not told["granted"]
    assert not consent_result(browser.user, "ads").granted


def test_each_workspace_gets_a_token_of_its_own(member: Any) -> None:
    browser, person, _ = member
    consent(browser, person, "ads")
    one, two = (workspace_token(browser.user, "ads") for _ in range(2))
    assert len({one, two, grant_token(grant_of(person))}) == 3
    info = login_client().debug(one)
    assert info.is_valid and set(STEPS["ads"]) <= set(info.scopes)


def test_no_token_comes_without_a_consent(member: Any) -> None:
    with pytest.raises(ConsentMissing):
        workspace_token(member[0].user, "ads")


def test_a_declined_permission_of_step_one_is_explained_and_asked_again(sandbox: Sandbox) -> None:
    browser, person = Browser(), make_person(sandbox.url)
    browser.sign_in(person, decline=["business_management", "email"])
    page = browser.page("/start")
    assert "business_management" in page and "There is no workspace to set up." in page
    assert "You get no notices by e-mail" in page
    assert 'name="businesses"' not in page
    browser.sign_in(person, next="/start")
    assert asked_of(sandbox, person)[-1]["rerequest"]
    assert person.businesses[0]["name"] in browser.page("/start")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_declined_permissions_are_explained_in_the_readers_language(sandbox: Sandbox, language: str) -> None:
    browser, person = Browser(language), make_person(sandbox.url)
    browser.sign_in(person, decline=["pages_show_list"])
    words = {"en": "There is no organization to set up.", "ru": "Не из чего создать организацию."}
    assert words[language] in browser.page("/start")


def test_only_ticked_pages_and_businesses_are_offered(sandbox: Sandbox) -> None:
    browser, person = Browser(), make_person(sandbox.url, pages=3, businesses=[{}, {}])
    ticks = {"pages": person.pages[:1], "businesses": [person.businesses[1]["id"]]}
    browser.sign_in(person, ticks=ticks)
    page = browser.page("/start")
    assert [one for one in person.pages if f'value="{one}"' in page] == person.pages[:1]
    assert person.businesses[1]["name"] in page and person.businesses[0]["name"] not in page
    assert grant_of(person).granular["pages_show_list"] == person.pages[:1]
    unticked = {"page": person.pages[1], "businesses": [person.businesses[1]["id"]]}
    answer = browser.client.post("/start", unticked)
    assert answer.status_code == 400 and "no longer lists this Page" in answer.content.decode()


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("remove_app", "You removed Arriwa at Facebook"),
        ("change_password", "Your Facebook password was changed"),
        ("expire", "Access through Facebook has run out"),
    ],
)
def test_a_dead_token_is_found_told_and_recovered(sandbox: Sandbox, action: str, words: str) -> None:
    browser, person = signed_in(sandbox)
    person.act(action)
    assert words in browser.page("/start")
    assert grant_of(person).revoked_at is not None
    with pytest.raises(NoGrant, match=words):
        workspace_token(browser.user, "ads")  # type: ignore[arg-type]
    browser.sign_in(person, next="/start")
    assert grant_of(person).revoked_at is None
    assert 'name="page"' in browser.page("/start")


def rest_connection(organization: Organization, user: Any) -> Connection:
    """A Meta connection that rests on the user's consent."""
    with schema_context(organization.schema_name):
        workspace = Workspace.objects.first()
        made = Connection(workspace=workspace, platform="meta", account="1", granted_by=user.id)
        made.set_secrets({"token": "secret-of-a-person"})
        made.save()
        return made


def test_the_daily_watch_ends_dead_grants_and_pauses_what_rests_on_them(
    member: Any, sandbox: Sandbox
) -> None:
    browser, person, organization = member
    other_browser, other = signed_in(sandbox)
    elsewhere = make_organization(other_browser, other)
    mine, others = (
        rest_connection(organization, browser.user),
        rest_connection(elsewhere, other_browser.user),
    )
    person.act("change_password")
    watch()
    watch()
    assert "password was changed" in grant_of(person).revoked_reason
    assert grant_of(other).revoked_at is None
    with schema_context(organization.schema_name):
        mine.refresh_from_db()
        assert mine.state == "paused" and "password was changed" in mine.state_reason
        assert AuditEntry.objects.filter(action="connection.paused").count() == 1
    with schema_context(elsewhere.schema_name):
        others.refresh_from_db()
        assert others.state == "active"


def test_the_watch_leaves_grants_alone_while_facebook_is_silent(sandbox: Sandbox) -> None:
    _, person = signed_in(sandbox)
    person.act("change_password")
    with sandbox.faults({"platform": "meta", "path": "debug_token", "status": 503}):
        watch()
    assert grant_of(person).revoked_at is None


def test_an_end_is_announced_on_pages_and_by_one_mail(member: Any) -> None:
    browser, person, _ = member
    assert "Access through Facebook ends" not in browser.page("/start/workspaces")
    person.act("age", seconds=10 * 86_400)
    mail.outbox.clear()
    watch()
    watch()
    assert "ends in 9 days" in browser.page("/start/workspaces")
    mine = [one for one in mail.outbox if one.to == [browser.user.email]]
    assert len(mine) == 1 and "/start" in mine[0].body and "Facebook" in mine[0].subject
    browser.sign_in(person, next="/start")
    assert "Access through Facebook ends" not in browser.page("/start/workspaces")
    assert grant_of(person).warned_at is None
    end = grant_of(person).expires_at
    assert end is not None and end > real_now() + timedelta(days=50)


def test_nobody_without_an_address_gets_mail(sandbox: Sandbox) -> None:
    _, person = signed_in(sandbox, email=None)
    person.act("age", seconds=86_400)
    mail.outbox.clear()
    watch()
    assert not [one for one in mail.outbox if one.to == [""]]


def test_a_permission_taken_back_at_facebook_is_noticed(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    person.act("decline", scopes=["pages_show_list"])
    watch()
    assert "pages_show_list" not in grant_of(person).granted
    assert "There is no organization to set up." in browser.page("/start")
