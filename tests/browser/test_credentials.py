"""An owner chooses what a workspace uses at Meta, in a browser; the pages fit a phone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import environment
from tests.support.sandbox import Sandbox
from tests.support.tenant import Tenant, tenant

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("database")]
WAIT = 45_000
PAGES = ("", "/meta", "/routes", "/kommo", "/stripe", "/flowise")
#: A folder for pictures of every page, for people who change them.
SHOTS = os.environ.get("ARRIWA_TEST_SHOTS", "")


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
def owner(sandbox: Sandbox) -> Tenant:
    made = tenant(sandbox, businesses=[{"ad_accounts": 2, "pixels": 3}])
    made.consent()
    return made


def entered(browser: Any, site: str, owner: Tenant, **options: Any) -> Any:
    """A page in which the owner is signed in."""
    context = browser.new_context(base_url=site, **options)
    value = owner.browser.client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": value, "url": site}])
    page = context.new_page()
    page.set_default_timeout(WAIT)
    return page


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def test_choosing_the_last_asset_opens_the_workspace(
    browser: Any, site: str, owner: Tenant, sandbox: Sandbox
) -> None:
    page = entered(browser, site, owner, locale="en")
    page.goto("/credentials")
    shot(page, "overview-before")
    page.get_by_role("link", name="Go on with Meta").click()
    accounts = page.get_by_role("region", name="2. Ad accounts")
    accounts.get_by_role("checkbox").first.check()
    accounts.get_by_role("button", name="Choose").click()
    page.get_by_text("its audiences are ready").wait_for()
    page.get_by_role("button", name="Find or make it").click()
    page.get_by_text("The messaging dataset is connected").wait_for()
    good = page.get_by_role("region", name="4. GOOD pixels")
    good.get_by_role("checkbox").first.check()
    good.get_by_role("button", name="Choose").click()
    page.get_by_text("Chosen.").wait_for()
    shot(page, "meta-almost")
    noise = page.get_by_role("region", name="5. NOISE pixels")
    noise.get_by_text("Make a new pixel").click()
    # By keyboard, and twice: the second press finds the button switched off or the pixel made.
    noise.get_by_label("Name").press("Enter")
    page.wait_for_url("**/chatflows")
    assert "the rest is open now" in page.content()


@pytest.mark.parametrize(("width", "language"), [(390, "ru"), (1280, "en")])
def test_no_page_is_wider_than_its_screen(
    browser: Any, site: str, owner: Tenant, width: int, language: str
) -> None:
    scheme = "dark" if width > 400 else "light"
    page = entered(
        browser, site, owner, viewport={"width": width, "height": 800}, locale=language, color_scheme=scheme
    )
    for path in PAGES:
        page.goto(f"/credentials{path}")
        shot(page, f"{path.strip('/') or 'overview'}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
