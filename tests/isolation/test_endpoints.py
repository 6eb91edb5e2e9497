"""Every endpoint of the API against a token of another organization (design 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern

from arriwa.api.urls import urlpatterns
from subscribers.models import Subscriber
from tenants.context import in_organization
from tenants.models import ApiToken
from tenants.services import api_token_create, api_token_revoke
from tests.support.ledger import subscriber_of
from tests.support.sandbox import Phone

#: Addresses that everybody may see, and the one that is none.
PUBLIC = {"schema/", "docs/", "^v1/(?P<rest>.*)$"}
ENDPOINTS = [
    str(p.pattern) for p in urlpatterns if isinstance(p, URLPattern) and str(p.pattern) not in PUBLIC
]
METHODS = ("get", "post", "put", "patch", "delete")


def address(endpoint: str, ids: dict[str, str]) -> str:
    """The endpoint with its parameters filled in. A KeyError asks for an id of the new parameter."""
    parts = []
    for part in endpoint.split("/"):
        parts.append(ids[part.strip("<>").partition(":")[2]] if part.startswith("<") else part)
    return "/api/" + "/".join(parts)


def ask(path: str, token: str | None, method: str = "get") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return getattr(Client(), method)(path, headers=headers)


@pytest.fixture(scope="module")
def foreign(organizations: Any) -> str:
    """A token of the second organization."""
    connection.set_schema_to_public()
    return api_token_create(organization=organizations.other.organization, name="isolation")


@pytest.fixture(scope="module")
def own(organizations: Any) -> str:
    """A token of the first organization."""
    connection.set_schema_to_public()
    return api_token_create(organization=organizations.demo.organization, name="isolation")


@pytest.fixture
def ids(demo: Any, phone: Phone, settle: Callable[..., None]) -> dict[str, str]:
    """Ids of the first organization, by the name of the parameter that takes them."""
    phone.tap_ad()
    settle()
    return {"subscriber": str(subscriber_of(demo.organization.schema_name, phone.number).id)}


def test_there_are_endpoints_to_look_at() -> None:
    assert len(ENDPOINTS) >= 2


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_another_organization_sees_nothing(
    demo: Any, ids: dict[str, str], own: str, foreign: str, endpoint: str
) -> None:
    with in_organization(demo.organization.schema_name):
        theirs = [str(pk) for pk in Subscriber.objects.values_list("id", flat=True)]
    path = address(endpoint, ids)
    mine = ask(path, own)
    assert mine.status_code == 200
    assert any(pk in mine.content.decode() for pk in theirs), "there is something to hide"
    for method in METHODS:
        answer = ask(path, foreign, method)
        assert answer.status_code in ((404, 405) if "<" in endpoint else (200, 405))
        assert [pk for pk in theirs if pk in answer.content.decode()] == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_nobody_enters_without_a_valid_token(demo: Any, ids: dict[str, str], endpoint: str) -> None:
    connection.set_schema_to_public()
    revoked = api_token_create(organization=demo.organization, name="revoked")
    api_token_revoke(token=ApiToken.objects.get(digest=ApiToken.digest_of(revoked)))
    for token in (None, revoked, "arw_unknown"):
        for method in METHODS:
            assert ask(address(endpoint, ids), token, method).status_code == 401
