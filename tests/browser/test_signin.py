"""A stranger comes in by Facebook, chooses and watches his organization being made, in a browser."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connection

from tenants.birth import births_advance
from tenants.models import Birth, User
from tests import environment
from tests.support.facebook import FacebookPerson, make_person
from tests.support.receiver import serve
from tests.support.sandbox import Sandbox

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("database")]
WAIT = 45_000
#: Browsers carry Facebook's own fragment along.
START = re.compile(r"/start(#_=_)?$")
#: Folder for pictures of the pages, for whoever wants to look at them.
PICTURES = os.environ.get("TEST_PICTURES", "")


@pytest.fixture
def site() -> Iterator[str]:
    """The pages over HTTP, and a worker that makes organizations."""
    port = environment.free_port()
    server = serve(get_wsgi_application(), port)
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.2):
            births_advance()
        connection.close()

    worker = threading.Thread(target=work, name="births")
    worker.start()
    yield f"http://127.0.0.1:{port}"
    stop.set()
    worker.join()
    server.shutdown()
    server.server_close()


@pytest.fixture
def person(sandbox: Sandbox) -> FacebookPerson:
    return make_person(sandbox.url, name="Ольга Ким", pages=2, businesses=[{}, {}])


class Visitor:
    """A page of the browser whose errors are kept."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.page = browser.new_context(**{"locale": "en-US", **options}).new_page()
        self.page.set_default_timeout(WAIT)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    def picture(self, name: str) -> None:
        """For people to look at; the page fits its screen in any case."""
        assert self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        if PICTURES:
            self.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)

    def consent(self, person: FacebookPerson, button: str = "Continue as") -> None:
        """At Facebook: says who he is, then answers."""
        self.page.locator(f'button[name="as"][value="{person.key}"]').click()
        self.page.get_by_role("button", name=button).click()


def test_a_stranger_signs_in_chooses_and_gets_his_organization(
    browser: Any, site: str, person: FacebookPerson
) -> None:
    visitor = Visitor(browser, viewport={"width": 1280, "height": 900})
    page = visitor.page
    page.goto(site)
    visitor.picture("desktop-home")
    page.get_by_role("button", name="Continue with Facebook").click()
    visitor.consent(person)
    page.wait_for_url(START)
    visitor.picture("desktop-choose")
    page.get_by_label("Ольга Ким · Page 1").check()
    for one in person.businesses:
        page.get_by_label(one["name"]).check()
    page.get_by_role("button", name="Set up").click()
    page.wait_for_url("**/wa-onboarding")
    page.goto(f"{site}/start/workspaces")
    assert page.locator("#choose-workspace option").count() == 2
    visitor.picture("desktop-workspaces")
    failed = Birth.objects.create(
        page_id=person.pages[1],
        page_name="Ольга Ким · Page 2",
        requested_by=User.objects.get(username=f"facebook-{person.id}"),
        businesses=[{"id": person.businesses[0]["id"], "name": "Kim"}],
        state=Birth.State.FAILED,
        error_text="Setting up was interrupted too often. Try again.",
    )
    page.goto(f"{site}/start/{failed.id}")
    visitor.picture("desktop-failed")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_url("**/wa-onboarding")
    page.goto(f"{site}/start")
    assert page.get_by_role("button", name="Open").count() == 2
    visitor.picture("desktop-mine")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("You are signed out.").wait_for()
    assert not [one for one in visitor.errors if "404" not in one]


def test_it_works_on_a_phone_by_keyboard_and_in_russian(
    browser: Any, site: str, person: FacebookPerson
) -> None:
    visitor = Visitor(browser, viewport={"width": 390, "height": 844}, locale="ru-RU", color_scheme="dark")
    page = visitor.page
    page.goto(site)
    assert page.evaluate("document.documentElement.lang") == "ru"
    visitor.picture("phone-home")
    button = page.locator('form[action="/sign-in/facebook"] button')
    button.focus()
    page.keyboard.press("Enter")
    page.locator(f'button[name="as"][value="{person.key}"]').click()
    page.locator('button[value="continue"]').click()
    page.wait_for_url(START)
    visitor.picture("phone-choose")
    page.locator('input[name="page"]').first.focus()
    page.keyboard.press("Space")
    page.locator('input[name="businesses"]').first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**/wa-onboarding")
    assert not [one for one in visitor.errors if "404" not in one]


def test_who_cancels_or_declines_is_told_and_goes_on(browser: Any, site: str, person: FacebookPerson) -> None:
    visitor = Visitor(browser, viewport={"width": 390, "height": 844})
    page = visitor.page
    page.goto(site)
    page.get_by_role("button", name="Continue with Facebook").click()
    visitor.consent(person, "Cancel")
    page.get_by_text("Nothing was changed", exact=False).wait_for()
    visitor.picture("phone-cancelled")
    page.get_by_role("button", name="Try again").click()
    page.locator('input[value="business_management"]').uncheck()
    page.get_by_role("button", name="Continue as").click()
    page.get_by_text("There is no workspace to set up.").wait_for()
    visitor.picture("phone-declined")
    page.get_by_role("button", name="Ask me again").click()
    page.get_by_role("button", name="Continue as").click()
    page.get_by_label(person.businesses[0]["name"]).check()
    for place in ("privacy", "terms"):
        page.goto(f"{site}/{place}")
        visitor.picture(f"phone-{place}")
