"""Choosing Page and Business Managers, watching the birth, joining, switching (T1)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django_tenants.utils import schema_context

from tenants.birth import births_advance
from tenants.models import Birth, JoinRequest, Membership, Organization, Role
from tenants.services import membership_create
from tenants.workspaces.models import AuditEntry, Workspace
from tests.support.facebook import make_person
from tests.support.sandbox import Sandbox
from tests.support.signin import Browser, make_organization, signed_in

pytestmark = pytest.mark.usefixtures("database")


def test_a_page_and_two_businesses_become_an_organization_with_two_workspaces(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox, businesses=[{}, {}])
    organization = make_organization(browser, person, businesses=2)
    assert Membership.objects.get(organization=organization).role == Role.OWNER
    with schema_context(organization.schema_name):
        made = set(Workspace.objects.values_list("business_id", flat=True))
    assert made == {one["id"] for one in person.businesses}
    assert browser.client.get("/")["Location"] == "/wa-onboarding"


def test_double_clicks_and_the_back_button_make_one_organization(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    choice = {"page": person.pages[0], "businesses": [person.businesses[0]["id"]]}
    first, second = (browser.client.post("/start", choice)["Location"] for _ in range(2))
    births_advance()
    third = browser.client.post("/start", choice)["Location"]
    assert first == second == third and browser.client.get(third)["Location"] == "/wa-onboarding"
    assert Organization.objects.filter(page_id=person.pages[0]).count() == 1
    assert Birth.objects.filter(page_id=person.pages[0]).count() == 1


def test_the_progress_survives_a_reload_and_leads_on(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    choice = {"page": person.pages[0], "businesses": [person.businesses[0]["id"]]}
    place = browser.client.post("/start", choice)["Location"]
    for _ in range(2):
        assert "data-poll" in browser.page(place)
    fragment = browser.client.get(f"{place}/progress")
    assert "X-Done" not in fragment and b"<html" not in fragment.content
    assert f'href="{place}"' in browser.page("/start")
    births_advance()
    fragment = browser.client.get(f"{place}/progress")
    assert fragment["X-Done"] == "1" and fragment["X-Location"] == "/wa-onboarding"


def test_a_failed_birth_is_told_and_tried_again(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    choice = {"page": person.pages[0], "businesses": [person.businesses[0]["id"]]}
    place = browser.client.post("/start", choice)["Location"]
    Birth.objects.filter(page_id=person.pages[0]).update(state="failed", error_text="The disk is full.")
    assert "The disk is full." in browser.page(place)
    assert browser.client.post(f"{place}/again")["Location"] == place
    births_advance()
    assert browser.client.get(place)["Location"] == "/wa-onboarding"


def test_somebody_elses_birth_is_not_there(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    choice = {"page": person.pages[0], "businesses": [person.businesses[0]["id"]]}
    place = browser.client.post("/start", choice)["Location"]
    stranger, _ = signed_in(sandbox)
    for answer in (
        stranger.client.get(place),
        stranger.client.get(f"{place}/progress"),
        stranger.client.post(f"{place}/again"),
    ):
        assert answer.status_code == 404
    births_advance()


def test_a_foreign_page_or_business_cannot_be_chosen(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox)
    other = make_person(sandbox.url)
    for choice in (
        {"page": other.pages[0], "businesses": [person.businesses[0]["id"]]},
        {"page": person.pages[0], "businesses": [other.businesses[0]["id"]]},
        {"page": person.pages[0]},
        {},
    ):
        assert browser.client.post("/start", choice).status_code == 400
    assert not Birth.objects.filter(page_id__in=[*person.pages, *other.pages]).exists()


def test_a_taken_page_leads_to_one_request_to_join(sandbox: Sandbox) -> None:
    owner, person = signed_in(sandbox)
    organization = make_organization(owner, person)
    colleague, _ = signed_in(sandbox, pages=0, shared_pages=person.pages)
    page = colleague.page("/start")
    assert "Ask to join" in page and 'name="page" value=' in page
    for _ in range(2):
        colleague.client.post("/start/join", {"page": person.pages[0]})
    asked = JoinRequest.objects.get(organization=organization)
    assert asked.user == colleague.user and asked.state == "pending"
    with schema_context(organization.schema_name):
        assert AuditEntry.objects.filter(action="join_request.made").count() == 1
    assert "decides" in colleague.page("/start")
    JoinRequest.objects.filter(pk=asked.pk).update(state="declined")
    assert "declined your request" in colleague.page("/start")
    colleague.client.post("/start/join", {"page": person.pages[0]})
    assert JoinRequest.objects.get(pk=asked.pk).state == "declined"
    assert not Membership.objects.filter(user=colleague.user).exists()


def test_nobody_asks_to_join_through_a_page_that_is_not_his(sandbox: Sandbox) -> None:
    owner, person = signed_in(sandbox)
    organization = make_organization(owner, person)
    stranger, _ = signed_in(sandbox)
    stranger.client.post("/start/join", {"page": person.pages[0]})
    assert not JoinRequest.objects.filter(organization=organization).exists()


def test_who_has_nothing_to_choose_is_told_what_to_do(sandbox: Sandbox) -> None:
    browser, _ = signed_in(sandbox, pages=0, businesses=[])
    page = browser.page("/start")
    assert "https://www.facebook.com/pages/create" in page
    assert "https://business.facebook.com/overview" in page
    assert 'name="businesses"' not in page


def test_a_small_role_on_a_page_sets_nothing_up(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox, tasks=["ANALYZE", "MODERATE"])
    assert "Role too small" in browser.page("/start")
    choice = {"page": person.pages[0], "businesses": [person.businesses[0]["id"]]}
    answer = browser.client.post("/start", choice)
    assert answer.status_code == 400 and "Choose again" in answer.content.decode()
    assert not Birth.objects.filter(page_id=person.pages[0]).exists()


def test_a_silent_facebook_is_told(sandbox: Sandbox) -> None:
    browser, _ = signed_in(sandbox)
    with sandbox.faults({"platform": "meta", "path": "/me/accounts", "status": 503}):
        assert "Facebook does not answer" in browser.page("/start", status=503)


def test_several_pages_are_several_organizations_with_a_switcher(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox, pages=2)
    first = make_organization(browser, person)
    choice = {"page": person.pages[1], "businesses": [person.businesses[0]["id"]]}
    place = browser.client.post("/start", choice)["Location"]
    births_advance()
    browser.client.get(place)
    second = Organization.objects.get(page_id=person.pages[1])
    assert chosen(browser) == second.name
    browser.client.post("/switch", {"organization": str(first.id)})
    assert chosen(browser) == first.name


def chosen(browser: Browser) -> str:
    """The organization that the pages show."""
    found = re.search(r"<option value=\"[^\"]+\" selected>([^<]+)", browser.page("/start/workspaces"))
    assert found is not None
    return found[1].strip()


@pytest.mark.parametrize("field", ["organization", "workspace"])
def test_nobody_switches_to_what_is_not_his(sandbox: Sandbox, field: str) -> None:
    browser, person = signed_in(sandbox)
    make_organization(browser, person)
    stranger, other = signed_in(sandbox)
    theirs = make_organization(stranger, other)
    with schema_context(theirs.schema_name):
        ids = {"organization": str(theirs.id), "workspace": str(Workspace.objects.get().id)}
    for value in (ids[field], "nonsense", ""):
        before = dict(browser.client.session)
        browser.client.post("/switch", {field: value})
        after = dict(browser.client.session)
        assert {k: after.get(k) for k in ("organization", "workspace")} == {
            k: before.get(k) for k in ("organization", "workspace")
        }


def test_workspaces_are_added_later_each_once(sandbox: Sandbox) -> None:
    browser, person = signed_in(sandbox, businesses=[{}, {}])
    organization = make_organization(browser, person)
    page = browser.page("/start/workspaces")
    assert f'value="{person.businesses[1]["id"]}"' in page
    assert f'value="{person.businesses[0]["id"]}"' not in page
    place = browser.client.post("/start/workspaces", {"businesses": [person.businesses[1]["id"]]})["Location"]
    births_advance()
    assert browser.client.get(place)["Location"] == "/wa-onboarding"
    again = browser.client.post("/start/workspaces", {"businesses": [person.businesses[1]["id"]]})
    assert again["Location"] == "/start/workspaces"
    with schema_context(organization.schema_name):
        assert Workspace.objects.count() == 2


@pytest.mark.parametrize("role", ["admin", "manager", "analyst"])
def test_only_an_owner_adds_workspaces(sandbox: Sandbox, role: str) -> None:
    owner, person = signed_in(sandbox)
    organization = make_organization(owner, person)
    member, _ = signed_in(sandbox)
    membership_create(user=member.user, organization=organization, role=Role(role))  # type: ignore[arg-type]
    assert member.client.get("/start/workspaces").status_code == 403


def test_a_member_whose_role_opens_nothing_yet_is_told(sandbox: Sandbox) -> None:
    owner, person = signed_in(sandbox)
    organization = make_organization(owner, person)
    member, _ = signed_in(sandbox)
    membership_create(user=member.user, organization=organization, role=Role.ANALYST)  # type: ignore[arg-type]
    assert "still setting this organization up" in member.page("/")


def test_sign_out_ends_the_session(sandbox: Sandbox) -> None:
    browser, _ = signed_in(sandbox)
    key = browser.client.session.session_key
    assert browser.client.post("/sign-out")["Location"] == "/"
    assert browser.user is None and browser.client.session.session_key != key
    assert browser.client.get("/start").status_code == 302
    assert "You are signed out." in browser.page("/")


@pytest.mark.parametrize("path", ["/", "/privacy", "/terms"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_open_pages_need_nobody(path: str, language: str, database: Any) -> None:
    page = Browser(language).page(path)
    assert f'<html lang="{language}">' in page
