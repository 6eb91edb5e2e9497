"""Every locked page and endpoint answers with the reason, and with where to go on (T3).

Generated from the menu, the pages' and the API's URLs: what is added later is held to it too.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver

from arriwa.api.permissions import ANYONE, SIGNED_IN
from arriwa.api.urls import urlpatterns as api_patterns
from arriwa.pages.navigation import MENU
from arriwa.pages.urls import urlpatterns as page_patterns
from integrations.base.connect import connection_save
from tenants import gates
from tenants.context import in_organization
from tenants.gates import STAGES
from tenants.models import Role
from tenants.services import api_token_create
from tenants.workspaces.models import Workspace
from tests.support.members import Club, signed_in

SAMPLES = {"uuid": str(uuid.UUID(int=0)), "int": "0", "slug": "questions", "str": "none"}


def addresses(patterns: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """(address with samples in place of its parameters, pattern)."""
    for pattern in patterns:
        where = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, where)
        elif "(?P" not in where:
            yield re.sub(r"<(\w+):\w+>", lambda found: SAMPLES[found[1]], where), pattern


def page_stage(path: str) -> str | None:
    """The stage from which a page is open: that of the menu's entry that it is under."""
    under = [one for one in MENU if path == one.url or path.startswith(f"{one.url}/")]
    return max(under, key=lambda one: len(one.url)).stage if under else None


PAGES = [(f"/{where}", page_stage(f"/{where}")) for where, _ in addresses(page_patterns)]
ENDPOINTS = [
    (f"/api/{where}", getattr(pattern.callback, "view_class", None) or pattern.callback.cls)  # type: ignore[attr-defined]
    for where, pattern in addresses(api_patterns)
]


@dataclass(frozen=True)
class Waiting:
    """An organization whose only workspace has come to a stage, its owner's browser and token."""

    stage: str
    reason: str
    location: str
    browser: Client
    token: str

    def locks(self, stage: str) -> bool:
        """Whether something open from `stage` on is locked here."""
        return STAGES.index(stage) > STAGES.index(self.stage)


@pytest.fixture(params=[gates.ONBOARDING, gates.CREDENTIALS])
def waiting(club: Club, request: pytest.FixtureRequest) -> Waiting:
    with in_organization(club.schema):
        workspace = Workspace.objects.create(name="New", business_id="1")
        if request.param == gates.CREDENTIALS:
            connection_save(
                workspace=workspace,
                platform="gupshup",
                account="app-live",
                config={"app_id": "app-live", "number": "37120000099", "waba_id": "1"},
                secrets={"token": "sk_none"},
            )
    browser = signed_in(club.member("owner"))
    connection.set_schema_to_public()
    token = api_token_create(organization=club.organization, name="t", role=Role.OWNER)
    told = {
        gates.ONBOARDING: ("Connect a WhatsApp number first", "/wa-onboarding"),
        gates.CREDENTIALS: ("Give access to ads, audiences and events first", "/credentials"),
    }
    return Waiting(request.param, *told[request.param], browser, token)


def test_every_locked_page_says_why_and_leads_on(waiting: Waiting) -> None:
    locked = [path for path, stage in PAGES if stage and waiting.locks(stage)]
    assert {"/chatflows", "/settings/tokens"} <= set(locked)
    for path in locked:
        answers = [waiting.browser.get(path), waiting.browser.post(path)]
        # A page that takes one of the two alone says so to the other.
        statuses = [one.status_code for one in answers]
        assert 423 in statuses and set(statuses) <= {423, 405}, (path, statuses)
        for answer in answers:
            if answer.status_code == 423:
                text = answer.content.decode()
                assert waiting.reason in text and f'href="{waiting.location}"' in text, path


def test_what_is_not_locked_is_never_423(waiting: Waiting) -> None:
    for path, stage in PAGES:
        if stage and not waiting.locks(stage):
            assert waiting.browser.get(path).status_code != 423, path


def test_the_menu_shows_locked_entries_with_the_reason(waiting: Waiting) -> None:
    text = waiting.browser.get("/settings/members").content.decode()
    for entry in MENU:
        item = re.search(rf'<li[^>]*>\s*<a href="{re.escape(entry.url)}".*?</li>', text, re.DOTALL)
        assert item is not None, f"{entry.url} is not in the menu"
        locked = waiting.locks(entry.stage)
        assert (waiting.reason in item[0]) == locked, entry.url


def test_every_locked_endpoint_says_why_and_leads_on(waiting: Waiting) -> None:
    checked = 0
    for path, view in ENDPOINTS:
        stage = getattr(view, "stage", gates.OPEN)
        for method in ("get", "post", "patch", "put", "delete"):
            declared = view.ability
            ability = declared.get(method.upper()) if isinstance(declared, dict) else declared
            if not hasattr(view, method) or ability in (None, ANYONE, SIGNED_IN):
                continue
            answer = ask(waiting, method, path)
            if not waiting.locks(stage):
                assert answer.status_code != 423, (method, path)
                continue
            body = answer.json()
            assert (answer.status_code, body["code"]) == (423, "locked"), (method, path, body)
            assert waiting.reason in body["message"] and body["location"] == waiting.location, path
            checked += 1
    assert checked >= 5


def ask(waiting: Waiting, method: str, path: str) -> Any:
    body = {} if method == "get" else {"data": "{}", "content_type": "application/json"}
    headers = {"Authorization": f"Bearer {waiting.token}"}
    return getattr(Client(), method)(path, headers=headers, **body)
