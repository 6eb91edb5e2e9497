"""An owner in front of a browser: the way from `/` on, step by step, as a person takes it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.support.facebook import FacebookPerson
from tests.support.sandbox import Sandbox

#: Milliseconds; a loaded machine keeps it.
WAIT = 45_000
expect.set_options(timeout=WAIT)


class Owner:
    """Somebody with a Page and businesses at Facebook, and a browser that knows nobody yet."""

    def __init__(self, browser: Any, origin: str, sandbox: Sandbox, person: FacebookPerson) -> None:
        self.origin, self.sandbox, self.person = origin, sandbox, person
        self.context: BrowserContext = browser.new_context(
            locale="en-US", viewport={"width": 1280, "height": 900}, base_url=origin
        )
        self.context.set_default_timeout(WAIT)
        #: What the pages' scripts and the browser complained of.
        self.errors: list[str] = []
        self.page = self.tab()

    def tab(self) -> Page:
        """One more tab of the same browser."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda said: self.errors.append(f"{page.url}: {said.text}") if said.type == "error" else None,
        )
        return page

    def close(self) -> None:
        """Ends the browser's session."""
        self.context.close()

    def path(self) -> str:
        """Where the browser is."""
        return self.page.url.removeprefix(self.origin).partition("?")[0].partition("#")[0]

    def at(self, path: str) -> None:
        """Waits until the browser has come to this page of ours."""
        self.page.wait_for_url(re.compile(rf"^{re.escape(self.origin + path)}([?#].*)?$"))

    def click(self, name: str, *, role: Any = "button", exact: bool = False) -> None:
        """Presses the first button, or link, of this name."""
        self.page.get_by_role(role, name=name, exact=exact).first.click()

    def reads(self, text: str) -> None:
        """Waits until the text can be seen."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    # --- Facebook's dialog ----------------------------------------------------------------------

    def consent(self, *, decline: Collection[str] = (), cancel: bool = False) -> None:
        """Answers Facebook's dialog, whose page is open or coming, and is sent back."""
        page = self.page
        page.wait_for_url(re.compile(re.escape(self.sandbox.url) + "/dialog/"))
        me = page.get_by_role("button", name=self.person.name)
        if page.get_by_role("heading", name="Log in to Facebook").count():
            me.first.click()
        for scope in decline:
            page.get_by_label(re.compile(rf"\({scope}\)")).uncheck()
        page.get_by_role("button", name="Cancel" if cancel else "Continue as").first.click()
        page.wait_for_url(re.compile("^" + re.escape(self.origin)))

    # --- from `/` to an organization ------------------------------------------------------------

    def sign_in(self, **answers: Any) -> None:
        """From the landing page through the first dialog."""
        self.page.goto("/")
        self.click("Continue with Facebook")
        self.consent(**answers)

    def set_up(self, businesses: int = 1) -> None:
        """Chooses Page and Business Managers and watches the birth to its end."""
        self.at("/start")
        self.page.get_by_role("radio").first.check()
        for place in range(businesses):
            self.page.get_by_label(self.person.businesses[place]["name"]).check()
        self.click("Set up")
        self.at("/wa-onboarding")
