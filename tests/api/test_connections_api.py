"""/api/v1/connections/ and /api/v1/number-routes/ (T2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from arriwa.common.schema import enter_public
from integrations.models import Asset, NumberRoute
from tenants.context import in_organization
from tenants.models import Role
from tenants.services import api_token_create


@pytest.fixture
def tokens(demo: Any, organizations: Any) -> dict[str, str]:
    """An admin's token of each organization, and an analyst's."""
    enter_public()
    made = {
        name: api_token_create(organization=one.organization, name="routes", role=Role.ADMIN)
        for name, one in (("own", organizations.demo), ("foreign", organizations.other))
    }
    return made | {"analyst": api_token_create(organization=demo.organization, name="routes")}


def ask(method: str, path: str, token: str, body: Any = None) -> Any:
    enter_public()
    headers = {"Authorization": f"Bearer {token}"}
    return getattr(Client(), method)(
        f"/api/v1/{path}", data=body, content_type="application/json", headers=headers
    )


@pytest.fixture
def second_pixel(demo: Any) -> Iterator[Asset]:
    """A second GOOD pixel of the first organization."""
    with in_organization(demo.organization.schema_name):
        made = Asset.objects.create(
            connection=demo.connections["meta"], kind="good_pixel", external_id=uuid4().hex[:12], name="2"
        )
    yield made
    with in_organization(demo.organization.schema_name):
        NumberRoute.objects.exclude(number=None).delete()
        made.delete()


def test_connections_are_listed_without_secrets(demo: Any, tokens: dict[str, str]) -> None:
    answer = ask("get", "connections/?itemsPerPage=50", tokens["own"])
    found = {row["platform"]: row for row in answer.json()["connections"]}
    assert {"gupshup", "meta", "kommo", "stripe", "flowise"} <= set(found)
    assert {asset["kind"] for asset in found["meta"]["assets"]} >= {"ad_account", "dataset", "good_pixel"}
    with in_organization(demo.organization.schema_name):
        secrets = [value for one in demo.connections.values() for value in one.secrets().values() if value]
    assert [secret for secret in secrets if secret in answer.content.decode()] == []


def test_a_numbers_row_is_read_changed_and_given_back(
    demo: Any, tokens: dict[str, str], second_pixel: Asset
) -> None:
    number = demo.connections["gupshup"].id
    first = ask("get", f"number-routes/{number}/", tokens["own"]).json()
    assert first["choices"]["goodPixel"]["source"] == "default" and first["phone"]
    changed = ask("patch", f"number-routes/{number}/", tokens["own"], {"goodPixel": str(second_pixel.id)})
    told = changed.json()["choices"]["goodPixel"]
    assert told == {"own": str(second_pixel.id), "value": str(second_pixel.id), "source": "own"}
    back = ask("patch", f"number-routes/{number}/", tokens["own"], {"goodPixel": None})
    assert back.json()["choices"] == first["choices"]
    rows = ask("get", "number-routes/", tokens["own"]).json()["numberRoutes"]
    assert [row["number"] for row in rows][:2] == [None, str(number)]


def test_another_organization_finds_nothing_to_read_or_change(
    demo: Any, tokens: dict[str, str], second_pixel: Asset
) -> None:
    number = demo.connections["gupshup"].id
    assert ask("get", f"number-routes/{number}/", tokens["foreign"]).status_code == 404
    body = {"goodPixel": str(second_pixel.id)}
    assert ask("patch", f"number-routes/{number}/", tokens["foreign"], body).status_code == 404
    refused = ask("patch", "number-routes/", tokens["foreign"], body)
    assert refused.status_code == 400 and "choose from the list" in refused.json()["message"]
    listed = ask("get", "connections/", tokens["foreign"]).content.decode()
    assert str(demo.connections["meta"].id) not in listed


def test_an_analyst_may_not_and_nonsense_is_named(demo: Any, tokens: dict[str, str]) -> None:
    assert ask("get", "connections/", tokens["analyst"]).status_code == 403
    refused = ask("patch", "number-routes/", tokens["own"], {"goodPixel": "nonsense"})
    assert refused.status_code == 400 and "goodPixel" in refused.json()["errors"]
