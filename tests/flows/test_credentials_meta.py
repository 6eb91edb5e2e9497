"""/credentials: the second and third consent, and choosing what a workspace uses at Meta (T3.5, T3.6)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection as db

from integrations.meta.audience_setup import audiences_ensure
from integrations.meta.choosing import pixel_make
from integrations.models import Asset, Audience, Connection, NumberRoute
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.models import AssetClaim
from tests.support.sandbox import Sandbox
from tests.support.signin import asked_of
from tests.support.tenant import Tenant, connection_of, tenant

pytestmark = pytest.mark.usefixtures("database")
META = "/credentials/meta"
STEP_FIVE = {"ads_management", "ads_read", "whatsapp_business_manage_events", "whatsapp_business_management"}


@pytest.fixture
def owner(sandbox: Sandbox) -> Tenant:
    return tenant(sandbox)


def assets(owner: Tenant, place: int = 0) -> dict[str, list[str]]:
    with in_organization(owner.schema):
        found: dict[str, list[str]] = {}
        rows = Asset.objects.filter(connection__workspace=owner.workspaces[place].id)
        for kind, external_id in rows.values_list("kind", "external_id").order_by("external_id"):
            found.setdefault(kind, []).append(external_id)
        return found


def choose_all(owner: Tenant, place: int = 0) -> Any:
    """The required assets of one business; the answer to the last step."""
    business = owner.person.businesses[place]
    owner.post(f"{META}/accounts", id=business["ad_accounts"])
    owner.post(f"{META}/dataset", waba=owner.wabas[place])
    owner.post(f"{META}/pixels", kind="good_pixel", id=business["pixels"][:1])
    return owner.post(f"{META}/pixels", kind="noise_pixel", id=business["pixels"][1:])


def test_a_workspace_opens_when_access_and_assets_are_there(sandbox: Sandbox, owner: Tenant) -> None:
    assert owner.browser.client.get("/")["Location"] == "/credentials"
    assert "Give access to ads" in owner.page("/credentials")
    owner.consent()
    assert "Facebook gave access" in owner.page(META)
    asked = asked_of(sandbox, owner.person)[-1]
    assert set(asked["requested"]) >= STEP_FIVE and "catalog_management" not in asked["requested"]
    last = choose_all(owner)
    assert last["Location"] == "/chatflows"
    business = owner.person.businesses[0]
    found = assets(owner)
    assert found["ad_account"] == business["ad_accounts"]
    assert found["good_pixel"] == business["pixels"][:1] and found["noise_pixel"] == business["pixels"][1:]
    assert len(found["dataset"]) == 1
    with in_organization(owner.schema):
        row = NumberRoute.objects.get(number=None)
        chosen = [row.dataset, row.good_pixel, row.noise_pixel, row.ad_account]
        assert all(one is not None for one in chosen)
        made = Audience.objects.filter(ad_account_id=business["ad_accounts"][0]).exclude(external_id="")
        assert made.count() >= 5


def test_every_step_repeated_changes_nothing_twice(sandbox: Sandbox, owner: Tenant) -> None:
    for _ in range(2):
        owner.consent()
        choose_all(owner)
    found = assets(owner)
    assert {kind: len(ids) for kind, ids in found.items()} == dict.fromkeys(found, 1)
    with in_organization(owner.schema):
        assert Connection.objects.filter(platform="meta").count() == 1
        names = list(Audience.objects.values_list("name", flat=True))
        assert len(names) == len(set(names))
    owner.post(f"{META}/new-pixel", kind="noise_pixel", name="Arriwa NOISE")
    owner.post(f"{META}/new-pixel", kind="noise_pixel", name="Arriwa NOISE")
    assert len(assets(owner)["noise_pixel"]) == 2
    made = [one for one in sandbox.received("meta") if one["path"].endswith("/adspixels")]
    assert len([one for one in made if owner.person.businesses[0]["id"] in one["path"]]) == 1


def test_declined_permissions_are_explained_and_asked_for_again(sandbox: Sandbox, owner: Tenant) -> None:
    owner.consent(decline=["ads_management", "whatsapp_business_manage_events"])
    text = owner.page(META)
    assert "No audiences are filled" in text and "Meta learns of no lead and no sale" in text
    assert "Ask me again" in text
    assert "stays closed" in text
    business = owner.person.businesses[0]
    owner.post(f"{META}/pixels", kind="good_pixel", id=business["pixels"][:1])
    assert assets(owner)["good_pixel"] == business["pixels"][:1], "what was granted can be set up meanwhile"
    owner.post(f"{META}/dataset", waba=owner.wabas[0])
    assert "dataset" not in assets(owner)
    owner.consent()
    assert choose_all(owner)["Location"] == "/chatflows"


def test_declining_everything_leaves_the_page_usable(owner: Tenant) -> None:
    owner.consent(decline=sorted(STEP_FIVE))
    text = owner.page(META)
    assert "Give access at Facebook" in text
    with in_organization(owner.schema):
        assert not Connection.objects.filter(platform="meta").exists()


def test_good_and_noise_are_never_the_same_pixel(owner: Tenant) -> None:
    owner.consent()
    pixel = owner.person.businesses[0]["pixels"][0]
    owner.post(f"{META}/pixels", kind="good_pixel", id=[pixel])
    owner.post(f"{META}/pixels", kind="noise_pixel", id=[pixel])
    assert "noise_pixel" not in assets(owner)
    assert "cannot be GOOD and NOISE at once" in owner.page(META)


def test_terms_that_are_not_accepted_are_shown_and_checked_again(sandbox: Sandbox) -> None:
    owner = tenant(sandbox, businesses=[{"custom_audience_tos": False}])
    owner.consent()
    account = owner.person.businesses[0]["ad_accounts"][0]
    owner.post(f"{META}/accounts", id=[account])
    text = owner.page(META)
    assert f"/customaudiences/tos/?act={account}" in text and "Check again" in text
    sandbox.post("/facebook/_terms", {"ad_account": account, "accepted": True})
    with in_organization(owner.schema):
        asset = Asset.objects.get(kind="ad_account")
        assert not Audience.objects.exclude(external_id="").exists()
    owner.post(f"{META}/audiences", asset=str(asset.id))
    with in_organization(owner.schema):
        assert Audience.objects.exclude(external_id="").count() >= 5
    assert "customaudiences/tos" not in owner.page(META)


def test_an_inactive_ad_account_is_explained_and_refused(sandbox: Sandbox) -> None:
    owner = tenant(sandbox, businesses=[{"account_status": 3}])
    owner.consent()
    assert "settle the balance" in owner.page(META)
    owner.post(f"{META}/accounts", id=owner.person.businesses[0]["ad_accounts"])
    assert "ad_account" not in assets(owner)


def test_what_meta_does_not_list_is_refused(owner: Tenant) -> None:
    owner.consent()
    owner.post(f"{META}/accounts", id=["1001"])
    owner.post(f"{META}/pixels", kind="good_pixel", id=["555000001"])
    owner.post(f"{META}/dataset", waba="100200300001")
    assert assets(owner) == {}
    assert "reload the page" in owner.page(META)


def test_a_dataset_of_another_workspace_is_explained_without_naming_it(
    sandbox: Sandbox, owner: Tenant
) -> None:
    owner.consent()
    owner.post(f"{META}/dataset", waba=owner.wabas[0])
    dataset = assets(owner)["dataset"][0]
    second = tenant(sandbox)
    AssetClaim.objects.filter(external_id=dataset).update(
        organization=second.organization, workspace_uuid=second.workspaces[0].id
    )
    with in_organization(owner.schema):
        Asset.objects.filter(kind="dataset").delete()
    owner.post(f"{META}/dataset", waba=owner.wabas[0])
    assert "dataset" not in assets(owner)
    text = owner.page(META)
    assert "another workspace" in text and second.organization.name not in text


def test_removing_an_asset_tells_what_stops_and_closes_the_gate(owner: Tenant) -> None:
    owner.consent()
    choose_all(owner)
    with in_organization(owner.schema):
        dataset = Asset.objects.get(kind="dataset")
    text = owner.page(f"/credentials/assets/{dataset.id}/remove")
    assert "Meta gets no events" in text
    for _ in range(2):
        owner.post(f"/credentials/assets/{dataset.id}/remove")
    assert "dataset" not in assets(owner)
    assert not AssetClaim.objects.filter(external_id=dataset.external_id).exists()
    assert owner.browser.client.get("/")["Location"] == "/credentials"


def test_each_workspace_gets_a_token_and_assets_of_its_own(sandbox: Sandbox) -> None:
    owner = tenant(sandbox, businesses=[{}, {}])
    for place, workspace in enumerate(owner.workspaces):
        owner.post("/switch", workspace=str(workspace.id))
        owner.consent()
        choose_all(owner, place)
    first, second = (connection_of(owner, "meta", place) for place in (0, 1))
    with in_organization(owner.schema):
        assert first.secrets()["token"] != second.secrets()["token"]
    mine, theirs = assets(owner, 0), assets(owner, 1)
    assert all(set(mine[kind]) & set(theirs[kind]) == set() for kind in mine)


def test_the_catalog_waits_for_its_consent_and_replaces_only_on_demand(sandbox: Sandbox) -> None:
    owner = tenant(sandbox, businesses=[{"catalogs": 2}])
    owner.consent()
    assert "Give access to catalogs" in owner.page(META)
    owner.consent("commerce")
    asked = asked_of(sandbox, owner.person)[-1]
    assert "catalog_management" in asked["requested"]
    first, second = owner.person.businesses[0]["catalogs"]
    owner.post(f"{META}/catalog", catalog=first, waba=owner.wabas[0])
    refused = owner.post(f"{META}/catalog", catalog=second, waba=owner.wabas[0])
    assert refused.status_code == 409 and "Replace the catalog" in refused.content.decode()
    assert assets(owner)["catalog"] == [first]
    owner.post(f"{META}/catalog", catalog=second, waba=owner.wabas[0], replace="1")
    assert second in assets(owner)["catalog"]


def test_two_tabs_at_once_make_one_pixel_and_one_audience_of_each_name(
    sandbox: Sandbox, owner: Tenant
) -> None:
    owner.consent()
    business = owner.person.businesses[0]
    owner.post(f"{META}/accounts", id=business["ad_accounts"])
    account, connection = connection_asset(owner), connection_of(owner, "meta")
    with in_organization(owner.schema):
        Audience.objects.all().delete()
    name = f"NOISE {business['id']}"

    def make(_tab: int) -> None:
        try:
            with in_organization(owner.schema):
                pixel_make(connection=connection, kind="noise_pixel", name=name, actor=Actor.system())
                audiences_ensure(account=account)
        finally:
            db.close()

    with ThreadPoolExecutor(3) as tabs:
        list(tabs.map(make, range(3)))
    created = [row for row in sandbox.received("meta") if row["path"].endswith("/adspixels")]
    assert len([row for row in created if business["id"] in row["path"]]) == 1
    with in_organization(owner.schema):
        ids = list(Audience.objects.values_list("external_id", flat=True))
        assert len(ids) == len(set(ids)) >= 5


def connection_asset(owner: Tenant) -> Asset:
    with in_organization(owner.schema):
        return Asset.objects.select_related("connection__workspace").get(kind="ad_account")
