"""Every endpoint of the API against a token of another organization (design 7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern

from arriwa.api.urls import urlpatterns
from integrations.models import Connection
from subscribers.models import Subscriber
from tenants.context import in_organization
from tenants.models import ApiToken, Invitation, JoinRequest, Membership, Role
from tenants.services import api_token_create, api_token_revoke
from tests.support.ledger import subscriber_of
from tests.support.members import join, person
from tests.support.sandbox import Phone

#: Addresses that everybody may see, and the one that is none.
PUBLIC = {"schema/", "docs/", "^v1/(?P<rest>.*)$", "v1/auth/login"}
ENDPOINTS = [
    str(p.pattern) for p in urlpatterns if isinstance(p, URLPattern) and str(p.pattern) not in PUBLIC
]
FAR = datetime(2100, 1, 1, tzinfo=UTC)
METHODS = ("get", "post", "put", "patch", "delete")


#: What a changing call needs to come as far as the look-up of the row.
BODIES: dict[str, dict[str, Any]] = {
    "member": {"role": "analyst"},
    "join_request": {"accept": False},
    "number": {},
}


def address(endpoint: str, ids: dict[str, str]) -> str:
    """The endpoint with its parameters filled in. A KeyError asks for an id of the new parameter."""
    parts = []
    for part in endpoint.split("/"):
        parts.append(ids[part.strip("<>").partition(":")[2]] if part.startswith("<") else part)
    return "/api/" + "/".join(parts)


def ask(path: str, token: str | None, method: str = "get", body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body is not None and method != "get":
        kwargs = {"data": json.dumps(body), "content_type": "application/json"}
        return getattr(Client(), method)(path, headers=headers, **kwargs)
    return getattr(Client(), method)(path, headers=headers)


@pytest.fixture(scope="module")
def foreign(organizations: Any) -> str:
    """An owner's token of the second organization."""
    connection.set_schema_to_public()
    here = organizations.other.organization
    return api_token_create(organization=here, name="isolation", role=Role.OWNER)


@pytest.fixture(scope="module")
def own(organizations: Any) -> str:
    """An owner's token of the first organization."""
    connection.set_schema_to_public()
    here = organizations.demo.organization
    return api_token_create(organization=here, name="isolation", role=Role.OWNER)


@pytest.fixture
def ids(demo: Any, phone: Phone, settle: Callable[..., None]) -> Iterator[dict[str, str]]:
    """Ids of the first organization, by the name of the parameter that takes them."""
    phone.tap_ad()
    settle()
    connection.set_schema_to_public()
    here = demo.organization
    user = join(here, "analyst")
    invitation = Invitation.objects.create(
        organization=here, role="analyst", digest=uuid4().hex, created_by=user.id, expires_at=FAR
    )
    wish = JoinRequest.objects.create(organization=here, user=person())
    api_token_create(organization=here, name="theirs", token=(secret := ApiToken.new_token()))
    token = ApiToken.objects.get(digest=ApiToken.digest_of(secret))
    yield {
        "subscriber": str(subscriber_of(here.schema_name, phone.number).id),
        "member": str(user.membership.id),
        "invitation": str(invitation.id),
        "join_request": str(wish.id),
        "token": str(token.id),
        "number": str(demo.connections["gupshup"].id),
    }
    connection.set_schema_to_public()
    assert Membership.objects.filter(id=user.membership.id, role="analyst").exists()
    assert Invitation.objects.filter(id=invitation.id, revoked_at=None).exists()
    assert JoinRequest.objects.filter(id=wish.id, state="pending").exists()
    assert ApiToken.objects.filter(id=token.id, revoked_at=None).exists()
    for row in (user, invitation, wish.user, token):
        row.delete()


def test_there_are_endpoints_to_look_at() -> None:
    assert len(ENDPOINTS) >= 15


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if "<" in e])
def test_a_row_of_another_organization_is_not_there(
    demo: Any, ids: dict[str, str], foreign: str, endpoint: str
) -> None:
    parameter = endpoint.partition(":")[2].partition(">")[0]
    for method in METHODS:
        answer = ask(address(endpoint, ids), foreign, method, BODIES.get(parameter))
        assert answer.status_code in (404, 405), (method, answer.content)
        assert [pk for pk in ids.values() if len(pk) > 8 and pk in answer.content.decode()] == []


#: Lists in which the first organization has something to hide.
LISTS = {"subscribers", "invitations", "tokens", "connections", "number-routes"}


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if "<" not in e])
def test_a_list_shows_nothing_of_another_organization(
    demo: Any, ids: dict[str, str], own: str, foreign: str, endpoint: str
) -> None:
    with in_organization(demo.organization.schema_name):
        theirs = {str(pk) for pk in Subscriber.objects.values_list("id", flat=True)}
        theirs |= {str(pk) for pk in Connection.objects.values_list("id", flat=True)}
        theirs |= {str(demo.workspace.id), str(demo.organization.id)}
    theirs |= {pk for pk in ids.values() if len(pk) > 8}
    path = address(endpoint, ids)
    # Where tests have made further workspaces, the playbook's endpoints want one to be named.
    mine, others = ask(f"{path}?workspace={demo.workspace.id}", own), ask(path, foreign)
    assert mine.status_code == others.status_code
    assert mine.status_code in (200, 404, 405)
    if endpoint.strip("/").rpartition("/")[2] in LISTS:
        assert any(pk in mine.content.decode() for pk in theirs), "there is something to hide"
    assert [pk for pk in theirs if pk in others.content.decode()] == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_nobody_enters_without_a_valid_token(demo: Any, ids: dict[str, str], endpoint: str) -> None:
    connection.set_schema_to_public()
    revoked = api_token_create(organization=demo.organization, name="revoked")
    api_token_revoke(token=ApiToken.objects.get(digest=ApiToken.digest_of(revoked)))
    for token in (None, revoked, "arw_unknown"):
        for method in METHODS:
            assert ask(address(endpoint, ids), token, method).status_code == 401
