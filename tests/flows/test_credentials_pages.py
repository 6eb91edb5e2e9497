"""/credentials: other platforms, actions on a connection, the routing table (T2)."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest

from integrations.base.connect import connection_save
from integrations.models import Asset, Connection, NumberRoute
from tenants.context import in_organization
from tenants.models import Membership, Role
from tests.support.sandbox import Sandbox
from tests.support.tenant import Tenant, connection_of, tenant
from tests.support.two_workspaces import account_like_demo

pytestmark = pytest.mark.usefixtures("database")
HOME = "/credentials"


@pytest.fixture(scope="module")
def owner(database: None, sandbox: Sandbox) -> Tenant:
    return tenant(sandbox)


@pytest.fixture
def account(sandbox: Sandbox) -> dict[str, Any]:
    """Accounts at every platform that nobody has connected."""
    name = f"east{secrets.token_hex(3)}"
    made = account_like_demo(name, 7)
    sandbox.post("/_accounts", {name: made})
    return made


def test_every_platform_is_shown_before_anything_is_connected(owner: Tenant) -> None:
    text = owner.page(HOME)
    for words in ("Before the rest opens", "Kommo", "Stripe", "Flowise", "optional"):
        assert words in text


def test_kommo_is_connected_mapped_and_routed(owner: Tenant, account: dict[str, Any]) -> None:
    subdomain, token = account["kommo"]["subdomain"], account["kommo"]["token"]
    answer = owner.post(f"{HOME}/kommo", subdomain=f"{subdomain}.kommo.com", token=token)
    assert answer.status_code == 302, answer.content.decode()
    text = owner.page(answer["Location"])
    assert "Новый" in text and token not in text
    pipeline = re.search(r'name="pipeline" value="(\d+)"', text)
    assert pipeline is not None
    for _ in range(2):
        owner.post(answer["Location"], pipeline=pipeline[1], create="1")
    with in_organization(owner.schema):
        assets = list(Asset.objects.filter(connection__account=subdomain))
        assert [asset.external_id for asset in assets] == [pipeline[1]]
        assert set(assets[0].details["stages"]) == {"new", "qualified", "paid"}


def test_a_wrong_kommo_token_is_told_at_its_form(owner: Tenant, account: dict[str, Any]) -> None:
    answer = owner.post(f"{HOME}/kommo", subdomain=account["kommo"]["subdomain"], token="wrong")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode() and "wrong" not in answer.content.decode()


def test_stripe_takes_a_restricted_key_and_refuses_others(owner: Tenant, account: dict[str, Any]) -> None:
    refused = owner.post(f"{HOME}/stripe", key="pk_live_123")
    assert refused.status_code == 400 and "pk_live_123" not in refused.content.decode()
    for _ in range(2):
        answer = owner.post(f"{HOME}/stripe", key=account["stripe"]["key"])
        assert answer.status_code == 302, answer.content.decode()
    with in_organization(owner.schema):
        assert Connection.objects.filter(platform="stripe").count() == 1
        assert NumberRoute.objects.get(number=None).payments is not None


def test_flowise_is_connected_the_shared_way_once(owner: Tenant) -> None:
    assert "Use it" in owner.page(f"{HOME}/flowise")
    for _ in range(2):
        assert owner.post(f"{HOME}/flowise", way="shared")["Location"] == HOME
    with in_organization(owner.schema):
        assert Connection.objects.filter(platform="flowise", config__way="shared").count() == 1


def test_a_flowise_inside_our_network_is_refused(owner: Tenant) -> None:
    answer = owner.post(f"{HOME}/flowise", way="own", url="http://10.0.0.7:3000", key="k")
    assert (answer.status_code == 400 and 'class="error"' in answer.content.decode()) or 'role="alert"' in (
        answer.content.decode()
    )


def test_a_connection_is_tested_paused_resumed_and_removed(owner: Tenant, account: dict[str, Any]) -> None:
    owner.post(f"{HOME}/kommo", subdomain=account["kommo"]["subdomain"], token=account["kommo"]["token"])
    with in_organization(owner.schema):
        made = Connection.objects.get(account=account["kommo"]["subdomain"])
    where = f"{HOME}/connections/{made.id}"
    owner.post(f"{where}/test")
    with in_organization(owner.schema):
        made.refresh_from_db()
        assert made.checked_at is not None and made.health_text
    assert made.health_text.split()[0] in owner.page(HOME)
    states = []
    for action in ("pause", "pause", "resume", "resume"):
        owner.post(f"{where}/{action}")
        with in_organization(owner.schema):
            made.refresh_from_db()
            states.append(made.state)
    assert states == ["paused", "paused", "active", "active"]
    assert "Its key is destroyed" in owner.page(f"{where}/remove")
    owner.post(f"{where}/remove")
    assert owner.post(f"{where}/remove").status_code == 404
    with in_organization(owner.schema):
        made.refresh_from_db()
        assert made.removed_at is not None and made.secrets() == {}
    assert str(made.id) not in owner.page(HOME)


def test_another_organizations_connection_is_not_there(owner: Tenant, demo: Any) -> None:
    for connection in demo.connections.values():
        for action in ("test", "pause", "resume", "remove"):
            answer = owner.post(f"{HOME}/connections/{connection.id}/{action}")
            assert answer.status_code == 404


def test_the_routing_table_shows_what_is_inherited_and_saves_what_was_changed(sandbox: Sandbox) -> None:
    mine = tenant(sandbox)
    mine.consent()
    pixels = mine.person.businesses[0]["pixels"]
    mine.post("/credentials/meta/pixels", kind="good_pixel", id=pixels)
    number = connection_of(mine, "gupshup")
    text = mine.page(f"{HOME}/routes")
    assert "As the default" in text and "Default for every number" in text
    with in_organization(mine.schema):
        second = Asset.objects.get(external_id=pixels[1])
    field = f"{number.id}:good_pixel"
    owner_choice = {field: str(second.id), f"was:{field}": ""}
    for _ in range(2):
        assert mine.post(f"{HOME}/routes", **owner_choice)["Location"] == f"{HOME}/routes"
    with in_organization(mine.schema):
        assert NumberRoute.objects.get(number=number.id).good_pixel == second
    # Another tab, opened before, changes something else: the first tab's choice stays.
    mine.post(f"{HOME}/routes", **{field: "", f"was:{field}": "", "default:good_pixel": str(second.id)})
    with in_organization(mine.schema):
        assert NumberRoute.objects.get(number=number.id).good_pixel == second
        assert NumberRoute.objects.get(number=None).good_pixel == second
    mine.post(f"{HOME}/routes", **{field: "nonsense", f"was:{field}": str(second.id)})
    assert "choose from the list" in mine.page(f"{HOME}/routes")


def test_roles_without_the_ability_are_told_so(sandbox: Sandbox, owner: Tenant) -> None:
    mine = tenant(sandbox)
    Membership.objects.filter(organization=mine.organization).update(role=Role.MANAGER)
    assert "role does not allow" in mine.page(HOME, 403)
    for path in ("meta/accounts", "routes", "stripe"):
        assert mine.post(f"{HOME}/{path}").status_code == 403


def test_without_a_number_the_page_is_locked_with_the_reason(sandbox: Sandbox) -> None:
    mine = tenant(sandbox)
    with in_organization(mine.schema):
        Connection.objects.filter(platform="gupshup").delete()
    assert "Connect a WhatsApp number first" in mine.page(HOME, 423)
    assert mine.post(f"{HOME}/meta/consent", purpose="ads").status_code == 423


def test_a_dead_access_is_told_and_the_page_stays(sandbox: Sandbox) -> None:
    mine = tenant(sandbox)
    mine.consent()
    mine.person.act("remove_app")
    text = mine.page(f"{HOME}/meta")
    assert 'role="alert"' in text and "Renew the access" in text
    with in_organization(mine.schema):
        connection_save(workspace=mine.workspaces[0], platform="flowise", account="f", config={}, secrets={})
    assert "Flowise" in mine.page(HOME)
