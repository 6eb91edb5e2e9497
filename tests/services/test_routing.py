"""Which accounts serve a chat: the number's row, the default row, the only one there is (T2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrations.base.assets import (
    NoSuchOption,
    SamePixel,
    StillUsed,
    asset_add,
    asset_remove,
    connection_remove,
    route_set,
)
from integrations.base.connect import connection_save
from integrations.base.routing import Source, route_of, routing_table
from integrations.models import Asset, Connection, DealMirror, NumberRoute
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.models import AssetClaim
from tenants.services import workspace_create
from tenants.workspaces.models import AuditEntry, Workspace
from tests.support.ledger import subscriber_of
from tests.support.sandbox import Phone

Kind = Asset.Kind
ACTOR = Actor.system()


@pytest.fixture
def workspace(demo: Any) -> Iterator[Workspace]:
    """An empty workspace of the first organization; the test runs in its schema."""
    made = workspace_create(organization=demo.organization, name="Routes", business_id=uuid4().hex[:12])
    with in_organization(demo.organization.schema_name):
        yield made
        NumberRoute.objects.filter(workspace=made).delete()
        made.connections.all().delete()


def connect(workspace: Workspace, platform: str, **config: Any) -> Connection:
    return connection_save(
        workspace=workspace,
        platform=platform,
        account=uuid4().hex[:10],
        config=config,
        secrets={"token": "t"},
    )


def add(connection: Connection, kind: str, **details: Any) -> Asset:
    return asset_add(
        connection=connection,
        kind=kind,
        external_id=str(uuid4().int)[:15],
        name="",
        actor=ACTOR,
        details=details,
    )


def test_the_only_one_of_a_kind_serves_every_number_and_stays_the_default(workspace: Workspace) -> None:
    meta, number = connect(workspace, "meta"), connect(workspace, "gupshup")
    first = add(meta, Kind.GOOD_PIXEL)
    assert route_of(workspace.id, number.id).good_pixel == first
    add(meta, Kind.GOOD_PIXEL)
    assert route_of(workspace.id, number.id).good_pixel == first
    assert NumberRoute.objects.get(workspace=workspace, number=None).good_pixel == first


def test_a_numbers_own_row_wins_over_the_default_field_by_field(workspace: Workspace) -> None:
    meta = connect(workspace, "meta")
    one, two = connect(workspace, "gupshup"), connect(workspace, "gupshup")
    pixel, other = add(meta, Kind.GOOD_PIXEL), add(meta, Kind.GOOD_PIXEL)
    account = add(meta, Kind.AD_ACCOUNT)
    route_set(workspace=workspace, number=two, choices={"good_pixel": other.id}, actor=ACTOR)
    assert route_of(workspace.id, one.id).good_pixel == pixel
    assert route_of(workspace.id, two.id).good_pixel == other
    assert route_of(workspace.id, two.id).ad_account == account
    route_set(workspace=workspace, number=two, choices={"good_pixel": None}, actor=ACTOR)
    assert route_of(workspace.id, two.id).good_pixel == pixel


def test_a_dataset_follows_the_numbers_whatsapp_account(workspace: Workspace) -> None:
    meta = connect(workspace, "meta")
    wabas = [str(uuid4().int)[:14] for _ in range(3)]
    numbers = [connect(workspace, "gupshup", waba_id=waba) for waba in wabas]
    first, second = (add(meta, Kind.DATASET, waba_id=waba) for waba in wabas[:2])
    assert [route_of(workspace.id, one.id).dataset for one in numbers] == [first, second, None]
    choice = routing_table(workspace.id).choice(numbers[1].id, "dataset")
    assert choice.source is Source.ACCOUNT


def test_among_several_nobody_is_guessed(workspace: Workspace) -> None:
    meta, number = connect(workspace, "meta"), connect(workspace, "gupshup")
    first = add(meta, Kind.GOOD_PIXEL)
    for _ in range(2):
        add(meta, Kind.GOOD_PIXEL)
        connect(workspace, "kommo")
    assert route_of(workspace.id, number.id).good_pixel == first
    asset_remove(asset=first, actor=ACTOR)
    route = route_of(workspace.id, number.id)
    assert route.good_pixel is None and route.kommo is None and route.meta == meta


def test_an_option_of_another_workspace_is_refused(workspace: Workspace, demo: Any) -> None:
    foreign = Asset.objects.filter(connection__workspace=demo.workspace, kind=Kind.GOOD_PIXEL)[0]
    connect(workspace, "meta")
    for value in (foreign.id, uuid4()):
        with pytest.raises(NoSuchOption):
            route_set(workspace=workspace, number=None, choices={"good_pixel": value}, actor=ACTOR)
    assert not NumberRoute.objects.filter(workspace=workspace).exclude(good_pixel=None).exists()


def test_a_change_is_written_down_once(workspace: Workspace) -> None:
    pixel = add(connect(workspace, "meta"), Kind.NOISE_PIXEL)
    number = connect(workspace, "gupshup", number="37120009999")
    for _ in range(2):
        route_set(workspace=workspace, number=number, choices={"noise_pixel": pixel.id}, actor=ACTOR)
    [entry] = AuditEntry.objects.filter(workspace=workspace, action="route.changed")
    assert (entry.subject, entry.details) == ("37120009999", {"noise_pixel": pixel.external_id})


def test_one_pixel_is_not_good_and_noise(workspace: Workspace) -> None:
    meta = connect(workspace, "meta")
    pixel = add(meta, Kind.GOOD_PIXEL)
    with pytest.raises(SamePixel):
        asset_add(
            connection=connect(workspace, "meta"),
            kind=Kind.NOISE_PIXEL,
            external_id=pixel.external_id,
            name="",
            actor=ACTOR,
        )


def test_a_deal_stays_in_its_pipeline_and_the_pipeline_with_it(
    demo: Any, phone: Phone, settle: Callable[..., None]
) -> None:
    phone.tap_ad()
    settle()
    schema = demo.organization.schema_name
    person = subscriber_of(schema, phone.number)
    with in_organization(schema):
        mirror = DealMirror.objects.select_related("pipeline__connection").get(
            conversation__subscriber=person
        )
        pipeline = mirror.pipeline
        assert pipeline is not None and mirror.deal_id
        wider = asset_add(
            connection=pipeline.connection,
            kind=Kind.PIPELINE,
            external_id=uuid4().hex[:12],
            name="later",
            actor=ACTOR,
            details=pipeline.details,
        )
        route_set(workspace=demo.workspace, number=None, choices={"pipeline": wider.id}, actor=ACTOR)
    try:
        phone.choose(0)
        settle()
        with in_organization(schema):
            mirror.refresh_from_db()
            assert mirror.pipeline_id == pipeline.id and mirror.desired == mirror.confirmed
            with pytest.raises(StillUsed, match="deals stand"):
                asset_remove(asset=pipeline, actor=ACTOR)
    finally:
        with in_organization(schema):
            route_set(workspace=demo.workspace, number=None, choices={"pipeline": pipeline.id}, actor=ACTOR)
            asset_remove(asset=wider, actor=ACTOR)


def test_a_removed_connection_loses_its_key_and_its_claims_and_comes_back(workspace: Workspace) -> None:
    waba = str(uuid4().int)[:14]
    meta = connect(workspace, "meta")
    dataset = add(meta, Kind.DATASET, waba_id=waba)
    for _ in range(2):
        connection_remove(connection=meta, actor=ACTOR)
    meta.refresh_from_db()
    assert meta.secrets() == {} and meta.removed_at is not None
    assert not AssetClaim.objects.filter(kind="dataset", external_id=dataset.external_id).exists()
    assert route_of(workspace.id, UUID(int=1)).meta is None
    again = connection_save(
        workspace=workspace, platform="meta", account=meta.account, config={}, secrets={"token": "new"}
    )
    assert again.id == meta.id and again.removed_at is None
    assert route_of(workspace.id, UUID(int=1)).meta == meta
