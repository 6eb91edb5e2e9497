"""The playbook and the switches over the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from subscribers.playbook.load import default_document
from tenants.models import Role
from tenants.services import api_token_create


@pytest.fixture
def call(demo: Any, workspace: Any) -> Callable[..., Any]:
    """`call("put", "playbook/draft/", …)` as an owner, or as another role, in the fresh workspace."""
    connection.set_schema_to_public()
    tokens = {
        role: api_token_create(organization=demo.organization, name=f"t-{role}", role=role)
        for role in (Role.OWNER, Role.MANAGER)
    }

    def ask(method: str, path: str, body: Any = None, role: str = Role.OWNER, named: bool = True) -> Any:
        headers = {"Authorization": f"Bearer {tokens[Role(role)]}"}
        if named:
            headers["X-Workspace"] = str(workspace.id)
        data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return getattr(Client(), method)(f"/api/v1/{path}", headers=headers, **data)

    return ask


def test_a_draft_is_kept_with_its_problems_and_a_stale_one_is_refused(call: Callable[..., Any]) -> None:
    assert call("get", "playbook/draft/").status_code == 404
    spoilt = default_document() | {"threshold": 7}
    first = call("put", "playbook/draft/", {"document": spoilt, "base": ""}).json()
    assert [problem["path"] for problem in first["problems"]] == ["/threshold"]
    assert call("get", "playbook/draft/").json() == first
    good = call("put", "playbook/draft/", {"document": default_document(), "base": first["base"]}).json()
    assert good["problems"] == []
    stale = call("put", "playbook/draft/", {"document": spoilt, "base": first["base"]})
    assert (stale.status_code, stale.json()["code"]) == (409, "draft_stale")
    shapeless = call("put", "playbook/draft/", {"document": {"languages": "ru"}, "base": good["base"]})
    assert shapeless.status_code == 400
    assert "/languages" in shapeless.json()["errors"]
    assert call("delete", "playbook/draft/").status_code == 204
    assert call("get", "playbook/draft/").status_code == 404


def test_the_checklist_holds_for_the_api_too(call: Callable[..., Any]) -> None:
    draft = call("put", "playbook/draft/", {"document": default_document(), "base": ""}).json()
    refused = call("post", "playbook/publish/", {"base": draft["base"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_ready")
    assert "Trial chat" in refused.json()["message"]
    assert call("get", "playbook/versions/").json()["versions"] == []
    assert call("post", "playbook/rollback/", {"number": 1}).status_code == 404


def test_switches_are_turned_over_the_api(call: Callable[..., Any], demo: Any) -> None:
    bot = call("get", "bot/").json()
    (number,) = bot["numbers"]
    assert (bot["on"], number["on"]) == (True, True)
    off = call("patch", "bot/", {"on": False, "number": number["id"]}).json()
    assert (off["on"], off["numbers"][0]["on"]) == (True, False)
    assert call("patch", "bot/", {"on": False}).json()["on"] is False
    foreign = str(demo.connections["gupshup"].id)
    assert call("patch", "bot/", {"on": False, "number": foreign}).status_code == 404
    assert call("patch", "bot/", {}).status_code == 400


def test_a_manager_reads_and_does_not_change_and_the_workspace_is_named(call: Callable[..., Any]) -> None:
    assert call("get", "bot/", role="manager").status_code == 200
    for method, path in (
        ("patch", "bot/"),
        ("put", "playbook/draft/"),
        ("delete", "playbook/draft/"),
        ("post", "playbook/publish/"),
        ("post", "playbook/rollback/"),
    ):
        assert call(method, path, {"on": False}, role="manager").status_code == 403, path
    unnamed = call("get", "bot/", named=False)
    assert (unnamed.status_code, list(unnamed.json()["errors"])) == (400, ["workspace"])
