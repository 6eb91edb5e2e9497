"""Two Business Managers, two numbers, two CRM accounts, two pixels: no effect crosses (T1, T2)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from tenants.context import in_organization
from tenants.workspaces.models import Workspace
from tests.browser.lead import buy, tap
from tests.browser.owner import Owner
from tests.browser.seen import accounts_of, events_of, keys_seen, organization_of
from tests.support.ledger import unfinished
from tests.support.onboarding import fresh_number
from tests.support.sandbox import Sandbox
from tests.support.workers import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
BOTH = (0, 1)


def opened(owner: Owner, business: int) -> dict[str, dict[str, Any]]:
    """The workspace of this business, from its number to a live bot."""
    own = owner.platform_accounts()
    owner.switch_workspace(business)
    owner.connect_number(fresh_number(), business)
    owner.give_ads_access()
    owner.choose_assets(business)
    owner.connect_kommo(own["kommo"])
    owner.connect_stripe(own["stripe"])
    owner.connect_flowise()
    owner.choose_preset()
    owner.try_it()
    owner.publish()
    return own


def test_two_businesses_of_one_owner_share_nothing(owner_of: Any, sandbox: Sandbox) -> None:
    owner: Owner = owner_of(name="Clara Berzina", businesses=[{}, {}])
    owner.sign_in()
    owner.set_up(businesses=2)
    own = [opened(owner, business) for business in BOTH]
    phones = [tap(sandbox, owner.ad(business)) for business in BOTH]
    for phone in phones:
        buy(phone)
    schema = organization_of(owner).schema_name
    wait_until(lambda: not any(unfinished(schema, one.number) for one in phones), 60, "the sales' effects")

    first, second = kept = [accounts_of(owner, business) for business in BOTH]
    for kind in ("ad_account", "dataset", "good_pixel", "noise_pixel"):
        assert first.assets[kind] != second.assets[kind]
    for platform in ("gupshup", "meta", "kommo", "stripe", "flowise"):
        assert not first.secrets[platform] & second.secrets[platform], f"{platform}: a token is shared"
    for business in BOTH:
        mine, other, keys = kept[business], phones[1 - business], kept[business].secrets
        assert events_of(sandbox, mine.assets["dataset"]).count("Purchase") == 1
        assert events_of(sandbox, mine.assets["good_pixel"]).count("QUALIFY_COMPLETE") == 1
        for kind in ("dataset", "good_pixel"):
            assert keys_seen(sandbox, "meta", f"/{mine.assets[kind]}/events") <= keys["meta"]
        subdomain = own[business]["kommo"]["subdomain"]
        assert keys_seen(sandbox, "kommo", f"/{subdomain}/") == {own[business]["kommo"]["token"]}
        account = sandbox.state("kommo")[subdomain]
        assert len(account["leads"]) == 1 and len(account["contacts"]) == 1
        assert other.number not in str(account)
        assert senders(sandbox, phones[business].number) == {mine.accounts["gupshup"]}
        assert people_in(sandbox, mine.assets["dataset"]) == {
            sha256(phones[business].number.encode()).hexdigest()
        }
        links = [one for one in sandbox.state("stripe")["links"] if workspace_id(owner, business) in str(one)]
        assert len(links) == 1


def senders(sandbox: Sandbox, number: str) -> set[str]:
    """The Gupshup apps that wrote to the phone."""
    return {row["app_id"] for row in sandbox.state("gupshup")["messages"] if row["to"] == number}


def people_in(sandbox: Sandbox, dataset: str) -> set[str]:
    """The hashed phones of the dataset's events."""
    rows = [row for row in sandbox.state("meta")["events"] if row["dataset_id"] == dataset]
    return {phone for row in rows for phone in row["event"]["user_data"]["ph"]}


def workspace_id(owner: Owner, business: int) -> str:
    """The id of a business's workspace."""
    with in_organization(organization_of(owner).schema_name):
        return str(Workspace.objects.get(business_id=owner.person.businesses[business]["id"]).id)
