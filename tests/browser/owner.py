"""An owner in front of a browser: the way from `/` on, step by step, as a person takes it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Sequence
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

    def complaints(self) -> list[str]:
        """What the pages' scripts and the browser complained of; refusals that were meant are none."""
        return [one for one in self.errors if not re.search("status of (400|409|423)", one)]

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

    def locked(self) -> dict[str, str]:
        """The menu's locked entries that can be seen: name -> why."""
        found = {}
        for entry in self.page.locator(".menu .locked a").all():
            expect(entry).to_be_visible()
            name = entry.locator("span").first.inner_text()
            found[name] = entry.get_attribute("title") or ""
        return found

    def asks(self, path: str) -> tuple[int, str]:
        """A direct visit in this session, or a call to the API: status and text."""
        answer = self.context.request.get(path, max_redirects=0)
        return answer.status, answer.text()

    # --- Facebook's dialog ----------------------------------------------------------------------

    def consent(
        self, *, decline: Collection[str] = (), cancel: bool = False, page: Page | None = None
    ) -> None:
        """Answers Facebook's dialog, whose page is open or coming, and is sent back."""
        page = page or self.page
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

    def switch_workspace(self, business: int) -> None:
        """By the menu's chooser, to the workspace of a business."""
        self.page.goto("/settings/members")
        with self.page.expect_navigation():
            self.page.get_by_label("Workspace", exact=True).select_option(
                label=self.person.businesses[business]["name"]
            )

    # --- the number -----------------------------------------------------------------------------

    def connect_number(self, number: str, business: int = 0) -> None:
        """The wizard of a new number, with Meta's signup in a tab of its own, until it is live."""
        self.page.goto("/wa-onboarding/new")
        self.tell_contact(self.page)
        self.click("Go on")
        self.open_signup(number, business)
        # Gupshup tells us, and the page looks by itself.
        self.reads("The number is live")

    def tell_contact(self, page: Page) -> None:
        """Fills in the wizard's first form."""
        page.get_by_label("Contact person", exact=True).fill(self.person.name)
        page.get_by_label("E-mail").fill(f"{self.person.key}@example.com")
        page.get_by_label("Phone of the contact person").fill("+371 2999 0000")

    def open_signup(self, number: str, business: int = 0) -> None:
        """Meta's signup, once its link is there."""
        link = self.page.get_by_role("link", name="Open the signup page")
        with self.context.expect_page() as opened:
            link.click()
        self.sign_up(opened.value, number, business)

    def sign_up(self, signup: Page, number: str, business: int = 0, *, refused: bool = False) -> None:
        """Meta's embedded signup, as the fake shows it."""
        signup.get_by_label("Business", exact=True).select_option(self.person.businesses[business]["id"])
        signup.get_by_label("Display name", exact=True).fill("Cafe Nord")
        signup.get_by_label("Number with country code").fill(number)
        signup.get_by_label("Code from the SMS").fill("123456")
        if refused:
            signup.get_by_label("Meta refuses the display name").check()
        signup.get_by_role("button", name="Finish", exact=True).click()
        expect(signup.get_by_text("You can close this page")).to_be_visible()
        signup.close()

    # --- credentials ----------------------------------------------------------------------------

    def give_ads_access(self, **answers: Any) -> None:
        """The second consent (T3.5)."""
        self.page.goto("/credentials/meta")
        asks = re.compile("Give access at Facebook|Ask me again|Renew the access")
        self.card("Access").get_by_role("button", name=asks).click()
        self.consent(**answers)
        self.at("/credentials/meta")

    def give_commerce_access(self, **answers: Any) -> None:
        """The third consent (T3.6)."""
        self.page.goto("/credentials/meta")
        self.card("Catalog").get_by_role("button", name="Give access to catalogs").click()
        self.consent(**answers)
        self.at("/credentials/meta")

    def card(self, heading: str) -> Any:
        """The page's section under this heading."""
        return self.page.locator("section.card").filter(
            has=self.page.get_by_role("heading", name=heading, exact=False)
        )

    def choose_assets(self, business: int = 0) -> None:
        """Every required kind: ad account, dataset, GOOD and NOISE pixel."""
        known = self.person.businesses[business]
        page = self.page
        for heading, tick in (
            ("Ad accounts", known["ad_accounts"][0]),
            ("Messaging datasets", ""),
            ("GOOD pixels", known["pixels"][0]),
            ("NOISE pixels", known["pixels"][1]),
        ):
            page.goto("/credentials/meta")
            section = self.card(heading)
            if tick:
                section.get_by_label(re.compile(tick)).check()
            section.get_by_role("button", name="Choose" if tick else "Find or make it").click()
            page.wait_for_load_state()

    # --- CRM, payments, agent -------------------------------------------------------------------

    def platform_accounts(self) -> dict[str, dict[str, Any]]:
        """A Kommo account that lacks two of the stages, and a Stripe account, of his own."""
        tag = secrets.token_hex(4)
        made: dict[str, dict[str, Any]] = {
            "kommo": {
                "subdomain": f"kommo{tag}",
                "account_id": secrets.randbelow(10**9),
                "token": f"kommo-{tag}",
                "stages": ["Новый"],
            },
            "stripe": {"key": f"rk_test_{tag}", "account": f"acct_{tag}"},
        }
        self.sandbox.post("/_accounts", {f"own-{tag}": made})
        return made

    def connect_kommo(self, account: dict[str, Any]) -> None:
        """By a long-lived token; the account has a pipeline and lacks what is then made in it."""
        self.page.goto("/credentials/kommo")
        self.page.get_by_label("Address of your account").fill(f"{account['subdomain']}.kommo.com")
        self.page.get_by_label("Long-lived token").fill(account["token"])
        self.click("Connect", exact=True)
        self.click("Use this pipeline")
        self.reads("Kommo is connected")

    def connect_stripe(self, account: dict[str, Any]) -> None:
        """By a restricted key."""
        self.page.goto("/credentials/stripe")
        self.page.get_by_label("Restricted key").fill(account["key"])
        self.click("Connect", exact=True)
        self.reads("Stripe is connected")

    def connect_flowise(self) -> None:
        """The server that Arriwa runs, and the first of its agentflows."""
        self.page.goto("/credentials/flowise")
        self.click("Use it", exact=True)
        self.reads("Flowise is connected")
        self.page.goto("/chatflows")
        self.click("Install", exact=True)
        self.reads("is installed")

    # --- the agent ------------------------------------------------------------------------------

    def choose_preset(self, name: str = "Arriwa's own") -> None:
        """A preset becomes the draft."""
        self.page.goto("/chatflows/playbook")
        self.page.locator(".card", has_text=name).get_by_role("button", name="Start with this").click()
        self.at("/chatflows/playbook/questions")

    def try_it(self, words: Sequence[str] = ("2000 долларов", "инстаграм")) -> None:
        """The trial chat up to the offer: the first answer offered, else the next of `words`."""
        self.page.goto("/chatflows/trial")
        chat = self.page.locator("[data-trial]")
        chat.get_by_role("button", name=re.compile("^Begin( anew)?$")).click()
        said = ["Здравствуйте", *words]
        # It counts the messages: a new value is a new chat on the page.
        seen = chat.locator("[name=seen]")
        expect(seen).to_have_value("1")
        offered = chat.get_by_role("group").get_by_role("button")
        while not chat.get_by_text("You have come to the offer").is_visible():
            before = seen.input_value()
            if offered.count():
                offered.first.click()
            else:
                chat.get_by_label("Your message").fill(said.pop(0))
                self.page.keyboard.press("Enter")
            expect(seen).not_to_have_value(before)

    def publish(self, note: str = "first") -> None:
        """The draft goes live."""
        self.page.goto("/chatflows/publish")
        self.page.get_by_label("Note").fill(note)
        self.click("Publish", exact=True)
        self.reads("Version 1 is live")

    # --- his leads ------------------------------------------------------------------------------

    def ad(self, business: int = 0) -> dict[str, Any]:
        """The ad that runs in the business's ad account, as the sandbox's page lists it."""
        accounts = self.sandbox.get("/demo/accounts")["accounts"]
        wanted = self.person.businesses[business]["ad_accounts"][0]
        found: dict[str, Any] = next(
            {**ad, "account": one["account"], "number": one["number"]}
            for one in accounts
            for ad in one["ads"]
            if ad["id"].endswith(wanted.zfill(12))
        )
        return found
