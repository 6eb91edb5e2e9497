"""/wa-onboarding at a phone's width: a number is brought live while the page looks on (T3.3)."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests import environment
from tests.support.sandbox import Sandbox

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def site(demo: Any, sandbox: Sandbox) -> Iterator[str]:
    """The pages over HTTP, and the workers' loops in a thread."""
    from django.core.wsgi import get_wsgi_application

    from tests.support.receiver import serve
    from tests.support.settle import work_once

    sandbox.post("/gupshup/_partner", {"limits": False, "live_delay": 1.5, "review_delay": 0.5})
    port = environment.free_port()
    server = serve(get_wsgi_application(), port)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            if not work_once():
                time.sleep(0.02)
        connection.close()

    worker = threading.Thread(target=work, name="worker")
    worker.start()
    yield f"http://127.0.0.1:{port}"
    stop.set()
    worker.join()
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Any, site: str, demo: Any) -> Iterator[Any]:
    """An owner's phone in a workspace without a number."""
    from django.test import Client

    from tenants.models import Role, User
    from tenants.services import membership_create
    from tests.support.onboarding import own_workspace

    made = own_workspace(demo)
    user = User.objects.create_user(f"look-{uuid.uuid4().hex[:8]}", first_name="Ана", email="ana@example.com")
    membership_create(user=user, organization=demo.organization, role=Role.OWNER)
    client = Client()
    client.force_login(user, backend="tenants.signin.backends.FacebookSessions")
    session = client.session
    session["workspace"] = str(made.workspace.id)
    session.save()
    context = browser.new_context(viewport=PHONE, base_url=site, locale=os.environ.get("LOOK_LOCALE", "en"))
    context.add_cookies([{"name": "sessionid", "value": str(session.session_key), "url": site}])
    yield context.new_page()
    context.close()


def look(page: Any, name: str) -> None:
    """Keeps a picture when somebody wants to see the page (LOOK_AT: a folder)."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= page.viewport_size["width"], f"{name} is {wide} px wide"
    if os.environ.get("LOOK_AT"):
        page.screenshot(path=Path(os.environ["LOOK_AT"]) / f"{name}.png", full_page=True)


def test_a_number_comes_live_before_the_owner_s_eyes(page: Any) -> None:
    from tests.support.onboarding import fresh_number

    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto("/wa-onboarding")
    look(page, "1-overview")
    page.click("a[href='/wa-onboarding/new']")
    page.fill("[name=phone]", "+371 2999 00 00")
    page.fill("[name=name]", "Ана")
    page.fill("[name=email]", "ana@example.com")
    look(page, "2-form")
    page.click("main form button.primary")
    page.wait_for_url("**/wa-onboarding/*-*")
    look(page, "3-begun")
    link = page.wait_for_selector("a[href*='/gupshup/onboard/']", timeout=30_000)
    assert "in 4 days" in page.inner_text("[data-until]") or os.environ.get("LOOK_LOCALE")
    look(page, "4-link")
    with page.context.expect_page() as opened:
        link.click()
    signup = opened.value
    signup.fill("[name=name]", "Cafe Nord")
    signup.fill("[name=number]", fresh_number())
    signup.fill("[name=otp]", "123456")
    look(signup, "5-signup")
    signup.check("[name=outcome][value=refused]")
    signup.click("button.primary")
    page.wait_for_selector(".step.failed", timeout=30_000)
    page.wait_for_selector("main [role=alert] form[action$='/again'] button", timeout=30_000)
    look(page, "6-refused")
    with page.context.expect_page() as opened:
        page.click("a[href*='/gupshup/onboard/']")
    signup = opened.value
    signup.fill("[name=otp]", "123456")
    signup.click("button.primary")
    page.wait_for_selector("a[href='/credentials'].button", timeout=30_000)
    page.wait_for_selector("text=Test message", timeout=30_000) if not os.environ.get("LOOK_LOCALE") else None
    page.wait_for_timeout(3000)
    look(page, "7-live")
    page.goto("/wa-onboarding")
    look(page, "8-list")
    page.goto("/wa-onboarding/how-to-get-a-number")
    look(page, "9-how-to")
    page.goto("/wa-onboarding/existing")
    look(page, "10-existing")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/wa-onboarding")
    page.click("main .grid .card a.button")
    look(page, "11-wide")
    assert faults == []
