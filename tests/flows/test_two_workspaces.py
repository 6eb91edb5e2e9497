"""Two workspaces of one organization: no effect crosses from one's accounts to the other's (T2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integrations.base.assets import asset_add, asset_remove, route_set
from integrations.models import Asset, Audience, AudienceMembership
from tenants.audit import Actor
from tenants.context import in_organization
from tests.support.journey import BUDGET, CHANNEL, walk
from tests.support.ledger import rows_of, subscriber_of
from tests.support.sandbox import Phone, Sandbox
from tests.support.two_workspaces import NAMES, TwoWorkspaces, two_workspaces

PLATFORMS = ("gupshup", "meta", "kommo", "stripe", "flowise")


@pytest.fixture(scope="module")
def two(organizations: Any, sandbox: Sandbox) -> TwoWorkspaces:
    return two_workspaces(sandbox)


def ids_of(account: dict[str, Any]) -> set[str]:
    """What names an account at any platform, tokens included."""
    keys = (
        ("gupshup", ("app_id", "token", "number")),
        ("meta", ("token", "ad_account_id", "dataset_id", "good_pixel_id", "noise_pixel_id", "catalog_id")),
        ("kommo", ("subdomain", "token")),
        ("stripe", ("key",)),
        ("flowise", ("key", "flow_id")),
    )
    return {str(account[platform][key]) for platform, names in keys for key in names}


def text_of(request: dict[str, Any]) -> str:
    return f"{request['path']} {request['query']} {request['headers']} {request['body']}"


def test_two_leads_reach_only_the_accounts_of_their_own_workspace(
    demo: Any, two: TwoWorkspaces, settle: Callable[..., None], sandbox: Sandbox
) -> None:
    before = {platform: len(sandbox.received(platform)) for platform in PLATFORMS}
    people = {name: Phone(sandbox, account=name) for name in NAMES}
    for phone in people.values():
        walk(phone, settle)
    mine, theirs = (ids_of(two.accounts[name]) for name in NAMES)
    for platform in PLATFORMS:
        fresh = [text_of(row) for row in sandbox.received(platform)[before[platform] :]]
        north = [text for text in fresh if any(one in text for one in mine)]
        south = [text for text in fresh if any(one in text for one in theirs)]
        assert len(north) >= 1 and len(south) >= 1, platform
        assert set(north) & set(south) == set(), platform
        assert len(north) + len(south) == len(fresh), f"{platform}: a request without a workspace's token"
    schema = two.made["north"].organization.schema_name
    for name, foreign in zip(NAMES, (theirs, mine), strict=True):
        rows = [row for row in rows_of(schema, people[name].number) if row.kind == "delivery"]
        assert {row.state for row in rows} == {"confirmed"}
        told = " ".join(str(row) for row in rows)
        assert {one for one in foreign if one in told} == set()


def test_both_workspaces_have_default_routes_of_their_own(demo: Any, two: TwoWorkspaces) -> None:
    from integrations.models import NumberRoute

    with in_organization(two.made["north"].organization.schema_name):
        rows = NumberRoute.objects.filter(number=None).select_related("dataset", "good_pixel", "pipeline")
        found = {row.workspace_id: row for row in rows}
        for name in NAMES:
            row = found[two.made[name].workspace.id]
            assert row.dataset is not None and row.good_pixel is not None
            assert row.dataset.external_id == two.accounts[name]["meta"]["dataset_id"]
            assert row.good_pixel.external_id == two.accounts[name]["meta"]["good_pixel_id"]
            assert row.pipeline is not None and row.payments is not None


def test_who_joined_in_one_ad_account_leaves_there_after_the_route_has_changed(
    demo: Any, phone: Phone, settle: Callable[..., None]
) -> None:
    started = "A1_STARTED_NOT_FINISHED"
    phone.tap_ad()
    settle()
    schema = demo.organization.schema_name
    person = subscriber_of(schema, phone.number)
    with in_organization(schema):
        joined = AudienceMembership.objects.get(subscriber=person, audience__name=started)
        assert joined.desired and joined.confirmed
        account = Asset.objects.get(connection=demo.connections["meta"], kind="ad_account")
        later = asset_add(
            connection=account.connection,
            kind="ad_account",
            external_id="1999",
            name="later",
            actor=Actor.system(),
        )
        route_set(
            workspace=demo.workspace, number=None, choices={"ad_account": later.id}, actor=Actor.system()
        )
    try:
        for words in ("", BUDGET, CHANNEL, ""):
            phone.say(words) if words else phone.choose(0)
            settle()
    finally:
        with in_organization(schema):
            route_set(
                workspace=demo.workspace,
                number=None,
                choices={"ad_account": account.id},
                actor=Actor.system(),
            )
            asset_remove(asset=later, actor=Actor.system())
    with in_organization(schema):
        left = AudienceMembership.objects.get(id=joined.id)
        assert not left.desired and left.confirmed_version == left.version
        newer = AudienceMembership.objects.filter(subscriber=person, audience__ad_account_id="1999")
        assert newer.filter(desired=True).exists(), "new audiences are those of the new account"
        # No later test has to look into two ad accounts.
        Audience.objects.filter(ad_account_id="1999").delete()
