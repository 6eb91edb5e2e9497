"""An owner makes a playbook theirs, tries it and publishes it, in a browser; also on a phone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore

from integrations.models import Asset, Connection
from subscribers.selectors import playbook_latest
from tenants.context import in_organization
from tenants.models import Membership, User
from tenants.services import workspace_create
from tests import environment

pytestmark = pytest.mark.browser
WAIT = 45_000


@pytest.fixture
def workspace(demo: Any) -> Iterator[Any]:
    """An open workspace without a playbook."""
    made = workspace_create(organization=demo.organization, name="Fresh", business_id=f"bm-{uuid.uuid4()}")
    with in_organization(demo.organization.schema_name):
        for row in Connection.objects.filter(workspace=demo.workspace).exclude(platform="kommo"):
            secrets, assets = row.secrets(), list(row.assets.all())
            row.pk, row.workspace = uuid.uuid4(), made
            row.set_secrets(secrets)
            row.save(force_insert=True)
            for asset in assets:
                Asset.objects.create(connection=row, kind=asset.kind, external_id=asset.external_id)
    yield made
    with in_organization(demo.organization.schema_name):
        Connection.objects.filter(workspace=made).delete()


@pytest.fixture
def site() -> Iterator[str]:
    """The pages over HTTP."""
    from django.core.wsgi import get_wsgi_application

    from tests.support.receiver import serve

    port = environment.free_port()
    server = serve(get_wsgi_application(), port)
    yield f"http://127.0.0.1:{port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def owner(demo: Any, workspace: Any) -> dict[str, str]:
    """A session's cookie of an owner who has chosen the workspace."""
    user = User.objects.create(username=str(uuid.uuid4()), first_name="Ана")
    Membership.objects.create(user=user, organization=demo.organization, role="owner")
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "tenants.signin.backends.FacebookSessions"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session["organization"], session["workspace"] = str(demo.organization.id), str(workspace.id)
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": str(session.session_key)}


def opened(browser: Any, site: str, cookie: dict[str, str], **options: Any) -> tuple[Any, list[str]]:
    context = browser.new_context(**{"locale": "en-US", **options})
    context.add_cookies([{**cookie, "url": site}])
    page = context.new_page()
    page.set_default_timeout(WAIT)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    return page, errors


def test_an_owner_edits_tries_and_publishes(
    browser: Any, site: str, owner: dict[str, str], demo: Any, workspace: Any
) -> None:
    page, errors = opened(browser, site, owner, viewport={"width": 1400, "height": 900})
    page.goto(f"{site}/chatflows/playbook")
    page.locator(".card", has_text="Clinic").get_by_role("button").click()
    page.get_by_label("Question · English").first.fill("Which doctor do you need?")
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.get_by_text("Saved in the draft").wait_for()

    # The chat beside the editor, without leaving it.
    chat = page.locator("[data-trial]")
    chat.get_by_role("button", name="Begin", exact=True).click()
    chat.get_by_label("Your message").fill("hello")
    page.keyboard.press("Enter")
    chat.get_by_role("button", name="Терапевт").click()
    for answer in ("Для меня", "Утром", "Сегодня"):
        chat.get_by_role("button", name=answer).click()
    chat.get_by_text("You have come to the offer").wait_for()
    chat.get_by_role("button", name="Первичный приём").click()
    chat.get_by_role("button", name="Play the payment").click()
    chat.get_by_text("The payment came").wait_for()
    assert page.url.endswith("/chatflows/playbook/questions")

    page.get_by_role("link", name="Go live").first.click()
    page.get_by_label("Note").fill("first")
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_text("Version 1 is live").wait_for()
    page.get_by_role("button", name="Stop the bot", exact=True).click()
    page.get_by_text("it says nothing from now on").wait_for()
    assert not errors
    with in_organization(demo.organization.schema_name):
        latest = playbook_latest(workspace)
        assert latest is not None
        assert latest.document["questions"][0]["texts"]["en"] == "Which doctor do you need?"
        workspace.refresh_from_db()
        assert not workspace.bot_on
    page.context.close()


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Any, site: str, owner: dict[str, str]) -> None:
    page, errors = opened(browser, site, owner, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.goto(f"{site}/chatflows/playbook")
    page.get_by_role("button", name="Start with this").first.click()
    page.goto(f"{site}/chatflows")
    page.get_by_role("button", name="Install").first.click()
    page.get_by_text("is installed").wait_for()
    for path in ("", "/playbook/questions", "/trial", "/publish", "/customers"):
        page.goto(f"{site}/chatflows{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent").strip() == "To the content", path
    assert not errors
    page.context.close()
