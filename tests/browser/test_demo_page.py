"""The page of `bin/demo`: a person taps the ad, chats as the lead, pays, and sees the ledger grow."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.browser
WAIT = 45_000


def said(page: Any, text: str) -> Any:
    """The chat's bubble or control with this text."""
    return page.locator("#messages").get_by_text(text, exact=False).last


def test_a_person_goes_from_the_ad_to_the_receipt(browser: Any, product: None, sandbox: Sandbox) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(sandbox.url)
    page.get_by_role("button", name="Send message on WhatsApp").first.click()
    said(page, "Выбрать нишу").click(timeout=WAIT)
    page.locator("#sheet-rows").get_by_text("Онлайн-школа").click(timeout=WAIT)
    for question, answer in (("бюджет", "около 2000 долларов"), ("Откуда", "в основном инстаграм")):
        said(page, question).wait_for(timeout=WAIT)
        page.get_by_label("Message").fill(answer)
        page.keyboard.press("Enter")
    page.locator("#messages").get_by_role("button").filter(has_text="Сейчас").last.click(timeout=WAIT)
    page.get_by_label("Add to cart", exact=False).first.click(timeout=WAIT)
    page.locator("#messages").get_by_role("button", name="Send cart").click(timeout=WAIT)
    with page.context.expect_page(timeout=WAIT) as opened:
        said(page, "Оплатить").click(timeout=WAIT)
    opened.value.get_by_role("button").first.click(timeout=WAIT)
    said(page, "Кабинет курса").wait_for(timeout=WAIT)
    rows = page.locator("#rows")
    rows.get_by_text("Purchase").first.wait_for(timeout=WAIT)
    rows.get_by_text("stage Оплачено").wait_for(timeout=WAIT)
    assert not errors
    page.close()


def test_the_page_serves_a_phone_and_speaks_russian(browser: Any, product: None, sandbox: Sandbox) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(sandbox.url)
    page.get_by_role("button", name="Русский").click()
    page.locator("#ads button").first.click(timeout=WAIT)
    said(page, "В какой нише").wait_for(timeout=WAIT)
    page.locator("[data-go=ledger]").click()
    page.locator("#rows").get_by_text("OptIn").first.wait_for(timeout=WAIT)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0
    page.close()


def test_a_ledger_that_cannot_be_reached_says_so(browser: Any, demo: Any, sandbox: Sandbox) -> None:
    sandbox.post("/_product", {"url": "http://127.0.0.1:9", "token": "none"})
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(sandbox.url)
    page.locator("#ledger-state").get_by_text("does not answer", exact=False).wait_for(timeout=WAIT)
    page.close()


def test_the_page_leads_to_the_product_and_gives_keys_to_enter_there(
    browser: Any, product: None, sandbox: Sandbox
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(sandbox.url)
    link = page.get_by_role("link", name="Become a tenant")
    link.wait_for(timeout=WAIT)
    page.get_by_role("button", name="Keys to enter there").click()
    token = page.locator("#keys-made dd").nth(1)
    token.wait_for(timeout=WAIT)
    accounts = sandbox.get("/_accounts").values()
    assert token.inner_text() in {one.get("kommo", {}).get("token") for one in accounts}
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.goto(link.get_attribute("href"))
    page.get_by_role("button", name="Continue with Facebook").wait_for(timeout=WAIT)
    page.close()
