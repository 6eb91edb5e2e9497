"""A new tenant comes from the first visit to an open workspace, and its first lead buys (T1, T2, T3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.lead import buy, tap
from tests.browser.owner import Owner
from tests.browser.seen import accounts_of, events_of, keys_seen, organization_of
from tests.support.ledger import canonical, unfinished
from tests.support.onboarding import fresh_number
from tests.support.sandbox import Sandbox
from tests.support.signin import asked_of
from tests.support.workers import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

#: What may be asked for at each step: the brief's T3 lists and the additions in settings.
ADS = {"ads_management", "ads_read", "whatsapp_business_manage_events", "whatsapp_business_management"}
COMMERCE = {
    "catalog_management",
    "commerce_account_manage_orders",
    "commerce_account_read_orders",
    "commerce_account_read_reports",
    "commerce_account_read_settings",
}
NUMBER_FIRST = "Connect a WhatsApp number first"
CONSENT_FIRST = "Give access to ads, audiences and events first."


def told_why(owner: Owner, reason: str, *paths: str) -> None:
    """Pages and endpoints answer 423, each with the reason."""
    for path in paths:
        status, text = owner.asks(path)
        assert status == 423, (path, status)
        said = json.loads(text)["message"] if path.startswith("/api/") else text
        assert reason in said, path


def test_a_new_tenant_comes_from_the_first_visit_to_a_first_sale(owner_of: Any, sandbox: Sandbox) -> None:
    owner: Owner = owner_of(name="Ana Ozola")
    owner.sign_in()
    owner.set_up()
    assert list(owner.locked()) == ["Credentials", "Chatflows", "API tokens"]
    assert all(NUMBER_FIRST in reason for reason in owner.locked().values())
    told_why(owner, NUMBER_FIRST, "/credentials", "/chatflows", "/api/v1/subscribers/")

    number = fresh_number()
    owner.connect_number(number)
    owner.click("Go on to credentials", role="link")
    owner.at("/credentials")
    assert list(owner.locked()) == ["Chatflows", "API tokens"]
    told_why(owner, CONSENT_FIRST, "/chatflows/publish", "/api/v1/subscribers/")

    owner.give_ads_access()
    told_why(owner, "Missing: ad account", "/chatflows", "/api/v1/subscribers/")
    owner.choose_assets()
    owner.at("/chatflows")
    assert owner.locked() == {}
    assert owner.asks("/api/v1/subscribers/")[0] == 200

    own = owner.platform_accounts()
    owner.connect_kommo(own["kommo"])
    owner.connect_stripe(own["stripe"])
    owner.connect_flowise()
    owner.choose_preset()
    owner.try_it()
    owner.publish()
    assert owner.complaints() == []

    phone = tap(sandbox, owner.ad())
    buy(phone)
    the_sale_is_on_record(owner, sandbox, own, phone.number)
    first, second = (set(one["requested"]) for one in asked_of(sandbox, owner.person))
    assert second == ADS and not (first & COMMERCE) and not (first & {"ads_management", "ads_read"})


def the_sale_is_on_record(owner: Owner, sandbox: Sandbox, own: dict[str, Any], phone: str) -> None:
    """Ours, with a proof for each effect, and the platforms', under this tenant's tokens and ids."""
    schema = organization_of(owner).schema_name
    wait_until(lambda: not unfinished(schema, phone) and sold(schema, phone), 60, "the sale's effects")
    kept = accounts_of(owner)
    assert kept.accounts["kommo"] == own["kommo"]["subdomain"]
    ours = owner.person.businesses[0]
    assert kept.assets["ad_account"] in ours["ad_accounts"]
    assert [kept.assets[kind] for kind in ("good_pixel", "noise_pixel")] == ours["pixels"]

    assert events_of(sandbox, kept.assets["dataset"]).count("Purchase") == 1
    assert events_of(sandbox, kept.assets["good_pixel"]).count("QUALIFY_COMPLETE") == 1
    assert events_of(sandbox, kept.assets["noise_pixel"]) == []
    for kind in ("dataset", "good_pixel"):
        assert keys_seen(sandbox, "meta", f"/{kept.assets[kind]}/events") <= kept.secrets["meta"]
    deals = sandbox.state("kommo")[own["kommo"]["subdomain"]]["leads"]
    assert [deal["price"] for deal in deals] == [900]
    assert keys_seen(sandbox, "kommo", f"/{own['kommo']['subdomain']}/") == {own["kommo"]["token"]}
    paid = [one for one in sandbox.state("stripe")["payment_intents"] if own_stripe(one, own)]
    assert [(one["amount"], one["currency"], one["status"]) for one in paid] == [(90000, "usd", "succeeded")]
    assert keys_seen(sandbox, "flowise", "/prediction/") & kept.secrets["flowise"]


def own_stripe(row: dict[str, Any], own: dict[str, Any]) -> bool:
    """Whether the row is of this tenant's Stripe account."""
    return str(row["_account"]).removeprefix("own-") == own["stripe"]["account"].removeprefix("acct_")


def sold(schema: str, phone: str) -> bool:
    """Whether the ledger has the sale as Meta and the CRM were told it."""
    keys = {(kind, platform, key) for kind, platform, key, *_ in canonical(schema, phone)}
    return {
        ("fact", "", "Purchase"),
        ("delivery", "meta", "messaging:Purchase"),
        ("delivery", "meta", "join:CA_PURCHASERS"),
        ("delivery", "kommo", "stage:paid"),
        ("delivery", "gupshup", "receipt:template"),
    } <= keys
