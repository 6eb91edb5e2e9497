"""Every endpoint and who may use it: one table of abilities decides (design, "Members and roles")."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver

from arriwa.api.permissions import ANYONE, SIGNED_IN
from arriwa.api.urls import urlpatterns
from tenants import gates
from tenants.abilities import SUBJECTS
from tenants.context import in_organization
from tenants.models import Role
from tenants.services import api_token_create
from tenants.workspaces.models import Workspace
from tests.support.members import Club, signed_in

NONE = str(uuid.UUID(int=0))
ALL = {"owner", "admin", "manager", "analyst"}
BOSSES = {"owner", "admin"}
#: (method, path) -> the roles that may; what they get is not 401 or 403.
MATRIX: dict[tuple[str, str], set[str]] = {
    ("get", "auth/me"): ALL,
    ("get", "workspaces/"): ALL,
    ("get", "members/"): BOSSES,
    ("patch", "members/0/"): BOSSES,
    ("delete", "members/0/"): BOSSES,
    ("get", "invitations/"): BOSSES,
    ("post", "invitations/"): BOSSES,
    ("delete", f"invitations/{NONE}/"): BOSSES,
    ("get", "join-requests/"): BOSSES,
    ("post", f"join-requests/{NONE}/"): BOSSES,
    ("get", "tokens/"): BOSSES,
    ("post", "tokens/"): BOSSES,
    ("delete", f"tokens/{NONE}/"): BOSSES,
    ("get", "audit/"): BOSSES,
    ("get", "connections/"): BOSSES,
    ("get", "number-routes/"): BOSSES,
    ("patch", "number-routes/"): BOSSES,
    ("get", f"number-routes/{NONE}/"): BOSSES,
    ("patch", f"number-routes/{NONE}/"): BOSSES,
    ("get", "playbook/draft/"): {"owner", "admin", "manager"},
    ("put", "playbook/draft/"): BOSSES,
    ("get", "playbook/versions/"): {"owner", "admin", "manager"},
    ("post", "playbook/publish/"): BOSSES,
    ("post", "playbook/rollback/"): BOSSES,
    ("get", "bot/"): {"owner", "admin", "manager"},
    ("patch", "bot/"): BOSSES,
    ("get", "subscribers/"): ALL,
    ("get", f"subscribers/{NONE}/ledger/"): ALL,
}


def views(patterns: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(address, view class) of every pattern of the API."""
    for pattern in patterns:
        where = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns, where)
        elif isinstance(pattern, URLPattern):
            yield (
                where,
                getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None),
            )


VIEWS = list(views(urlpatterns))


@pytest.mark.parametrize(("where", "view"), VIEWS, ids=[where for where, _ in VIEWS])
def test_every_endpoint_declares_what_it_takes(where: str, view: Any) -> None:
    declared = view.ability
    stage = getattr(view, "stage", gates.OPEN)
    assert stage in gates.STAGES
    for ability in declared.values() if isinstance(declared, dict) else [declared]:
        if ability not in (ANYONE, SIGNED_IN):
            verb, subject = ability
            assert verb in ("read", "create", "update", "delete", "manage") and subject in SUBJECTS


def test_only_the_document_and_signing_in_are_open_to_anyone() -> None:
    assert {where for where, view in VIEWS if view.ability == ANYONE} == {"v1/auth/login", "schema/", "docs/"}


def test_every_endpoint_is_in_the_matrix() -> None:
    known = {path.replace(NONE, "*").replace("/0/", "/*/") for _, path in MATRIX}
    for where, view in VIEWS:
        if view.ability == ANYONE or "rest" in where:
            continue
        path = "/".join(
            "*" if part.startswith("<") else part for part in where.removeprefix("v1/").split("/")
        )
        assert path in known | {"auth/logout"}, f"{path}: say who may"


def ask(method: str, path: str, token: str = "", **headers: str) -> Any:
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"content_type": "application/json", "data": "{}"} if method in ("post", "put", "patch") else {}
    return getattr(Client(), method)(f"/api/v1/{path}", headers={**bearer, **headers}, **body)


@pytest.fixture(scope="module")
def by_role(organizations: Any) -> dict[str, str]:
    """A token of each role in an organization that has come all the way."""
    connection.set_schema_to_public()
    here = organizations.demo.organization
    return {role: api_token_create(organization=here, name=role, role=Role(role)) for role in Role.values}


@pytest.mark.parametrize("role", sorted(ALL))
@pytest.mark.parametrize(("method", "path"), MATRIX, ids=[" ".join(key) for key in MATRIX])
def test_the_role_decides(demo: Any, by_role: dict[str, str], method: str, path: str, role: str) -> None:
    answer = ask(method, path, by_role[role])
    if role in MATRIX[method, path]:
        assert answer.status_code in (200, 400, 404), answer.content
    else:
        assert answer.status_code == 403
        assert answer.json()["code"] == "permission_denied"
        assert "owner or admin" in answer.json()["message"]


@pytest.mark.parametrize(("method", "path"), MATRIX, ids=[" ".join(key) for key in MATRIX])
def test_nobody_comes_in_unknown(database: None, method: str, path: str) -> None:
    for token in ("", "arw_wrong", "ara_wrong"):
        answer = ask(method, path, token)
        assert answer.status_code == 401
        assert set(answer.json()) == {"errors", "code", "message"}


@pytest.mark.parametrize("role", sorted(ALL))
def test_a_page_of_the_browser_has_the_same_rights(demo: Any, role: str) -> None:
    from tests.support.members import join

    user = join(demo.organization, role)
    client = signed_in(user)
    for (method, path), roles in MATRIX.items():
        if method == "get":
            expected = 200 if role in roles else 403
            # Other tests leave further workspaces: the playbook's endpoints want one to be named.
            status = client.get(f"/api/v1/{path}?workspace={demo.workspace.id}").status_code
            assert status == expected or (expected == 200 and status == 404), path
    user.membership.delete()


def scoped(demo: Any, role: Role, *scopes: str) -> str:
    from tenants.abilities import abilities_of
    from tenants.audit import Actor
    from tenants.tokens import token_create

    with in_organization(demo.organization.schema_name):
        return token_create(
            organization=demo.organization,
            name="scoped",
            role=role,
            scopes=scopes,
            created_by=None,
            actor=Actor.system(),
            by=abilities_of("owner"),
        )[1]


def test_scopes_narrow_a_token(demo: Any) -> None:
    token = scoped(demo, Role.OWNER, "read:subscribers")
    assert ask("get", "subscribers/", token).status_code == 200
    for path in ("members/", "audit/", "tokens/", "workspaces/"):
        assert ask("get", path, token).status_code == 403


def test_a_token_of_reading_cannot_change(demo: Any) -> None:
    token = scoped(demo, Role.OWNER, "read:members", "read:audit")
    assert ask("get", "audit/", token).status_code == 200
    assert ask("post", "invitations/", token).status_code == 403


def test_a_token_cannot_make_a_greater_one(demo: Any) -> None:
    token = scoped(demo, Role.ADMIN, "manage:tokens")
    answer = Client().post(
        "/api/v1/tokens/",
        json.dumps({"name": "greater", "role": "admin"}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 403
    assert answer.json()["code"] == "not_allowed"


# --- how far the workspace has come ------------------------------------------------------------------


@pytest.fixture
def waiting(club: Club) -> tuple[Club, str]:
    """An organization whose only workspace has no number yet, and a token of its owner."""
    with in_organization(club.schema):
        Workspace.objects.create(name="New", business_id="1")
    connection.set_schema_to_public()
    return club, api_token_create(organization=club.organization, name="t", role=Role.OWNER)


@pytest.mark.parametrize("path", ["subscribers/", f"subscribers/{NONE}/ledger/", "tokens/"])
def test_a_locked_endpoint_says_why_and_where_to_go_on(waiting: tuple[Club, str], path: str) -> None:
    answer = ask("get", path, waiting[1])
    assert answer.status_code == 423
    body = answer.json()
    assert body["code"] == "locked" and body["errors"] == {}
    assert "WhatsApp number" in body["message"]
    assert body["location"] == "/wa-onboarding"
    russian = ask("get", path, waiting[1], **{"Accept-Language": "ru"}).json()
    assert russian["message"] != body["message"]


@pytest.mark.parametrize("path", ["members/", "audit/", "workspaces/", "invitations/", "auth/me"])
def test_what_the_organization_needs_before_is_open(waiting: tuple[Club, str], path: str) -> None:
    assert ask("get", path, waiting[1]).status_code == 200


def test_workspaces_tell_how_far_they_are(
    waiting: tuple[Club, str], demo: Any, by_role: dict[str, str]
) -> None:
    (new,) = ask("get", "workspaces/", waiting[1]).json()["workspaces"]
    assert (new["stage"], new["location"]) == ("onboarding", "/wa-onboarding")
    told = {one["id"]: one for one in ask("get", "workspaces/", by_role["analyst"]).json()["workspaces"]}
    done = told[str(demo.workspace.id)]
    assert (done["stage"], done["reason"]) == ("open", "")


def test_the_chosen_workspace_decides(demo: Any, by_role: dict[str, str]) -> None:
    with in_organization(demo.organization.schema_name):
        new = Workspace.objects.create(name="New", business_id="business-of-its-own")
    try:
        token = by_role["owner"]
        assert ask("get", "subscribers/", token).status_code == 200
        assert ask("get", "subscribers/", token, **{"X-Workspace": str(new.id)}).status_code == 423
        assert ask("get", f"subscribers/?workspace={new.id}", token).status_code == 423
        assert ask("get", "subscribers/", token, **{"X-Workspace": str(demo.workspace.id)}).status_code == 200
    finally:
        with in_organization(demo.organization.schema_name):
            new.delete()


@pytest.mark.parametrize("named", [NONE, "x", "other"])
def test_an_unknown_workspace_is_404(
    demo: Any, organizations: Any, by_role: dict[str, str], named: str
) -> None:
    other = str(organizations.other.workspace.id)
    answer = ask(
        "get", "subscribers/", by_role["owner"], **{"X-Workspace": other if named == "other" else named}
    )
    assert answer.status_code == 404
    assert "/api/v1/workspaces/" in answer.json()["message"]
