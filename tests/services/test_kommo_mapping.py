"""Kommo by token, and what of an account stands for the playbook's stages and fields."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.base.errors import ConfigurationError, CredentialRefused, OutcomeUnknown, RemoteFault
from integrations.kommo.connect import kommo_connect_token
from integrations.kommo.mapping import (
    MappingIncomplete,
    kommo_fields_missing,
    kommo_map,
    kommo_pipelines,
)
from integrations.models import Asset, Connection
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.workspaces.models import AuditEntry
from tests.support.sandbox import Sandbox

ACTOR = Actor.system()
_numbers = itertools.count(1)


def account(**changes: Any) -> dict[str, Any]:
    number = next(_numbers)
    made = {"subdomain": f"map{number}", "account_id": 2910000 + number, "token": f"kommo-map-{number}"}
    return {**made, "stages": ["Новый"], **changes}


@pytest.fixture
def inside(demo: Any) -> Iterator[Any]:
    with in_organization(demo.organization.schema_name):
        yield demo
        Connection.objects.filter(platform="kommo", account__startswith="map").delete()


def connected(demo: Any, sandbox: Sandbox, **changes: Any) -> tuple[Connection, dict[str, Any]]:
    kommo = account(**changes)
    sandbox.post("/_accounts", {kommo["subdomain"]: {"kommo": kommo}})
    made = kommo_connect_token(
        workspace=demo.workspace, subdomain=kommo["subdomain"], token=kommo["token"], actor=ACTOR
    )
    return made, kommo


def stages(sandbox: Sandbox, subdomain: str) -> list[str]:
    return [row["name"] for row in sandbox.state("kommo")[subdomain]["pipelines"]["5501"]]


def test_an_account_is_connected_by_its_token_and_told_apart(inside: Any, sandbox: Sandbox) -> None:
    made, kommo = connected(inside, sandbox)
    assert made.config["account_id"] == kommo["account_id"] and made.name == kommo["subdomain"]
    with pytest.raises(CredentialRefused):
        kommo_connect_token(
            workspace=inside.workspace, subdomain=kommo["subdomain"], token="wrong", actor=ACTOR
        )
    assert made.secrets() == Connection.objects.get(id=made.id).secrets(), "a refused token changes nothing"
    for given in ("evil.example/x", "a b", "", "demo.kommo.com.evil.example"):
        with pytest.raises(ConfigurationError):
            kommo_connect_token(workspace=inside.workspace, subdomain=given, token="t", actor=ACTOR)


def test_a_whole_address_may_be_pasted_and_a_tokens_end_is_read(inside: Any, sandbox: Sandbox) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_900_000_000}).encode()).decode().rstrip("=")
    kommo = account(token=f"eyJ0.{claims}.sig")
    sandbox.post("/_accounts", {kommo["subdomain"]: {"kommo": kommo}})
    made = kommo_connect_token(
        workspace=inside.workspace,
        subdomain=f"https://{kommo['subdomain']}.kommo.com/leads/",
        token=kommo["token"],
        actor=ACTOR,
    )
    assert made.account == kommo["subdomain"]
    assert made.expires_at is not None and int(made.expires_at.timestamp()) == 1_900_000_000


def test_missing_stages_and_fields_are_made_on_the_owners_word_only(inside: Any, sandbox: Sandbox) -> None:
    made, kommo = connected(inside, sandbox)
    [choice] = kommo_pipelines(made)
    assert choice.missing == ("Квалифицирован", "Оплачено")
    assert choice.matched["new"] == 6601
    assert len(kommo_fields_missing(made)) == 4
    with pytest.raises(MappingIncomplete, match="Квалифицирован, Оплачено"):
        kommo_map(connection=made, pipeline_id=5501, stages={}, create_missing=False, actor=ACTOR)
    assert stages(sandbox, kommo["subdomain"]).count("Оплачено") == 0
    for _ in range(2):
        asset = kommo_map(connection=made, pipeline_id=5501, stages={}, create_missing=True, actor=ACTOR)
    names = stages(sandbox, kommo["subdomain"])
    assert [names.count(name) for name in ("Новый", "Квалифицирован", "Оплачено")] == [1, 1, 1]
    codes = [row["code"] for row in sandbox.state("kommo")[kommo["subdomain"]]["fields"]["contacts"]]
    assert codes.count("CF_NICHE") == 1
    assert Asset.objects.filter(connection=made, kind="pipeline").count() == 1
    assert asset.details["stages"]["new"] == 6601 and set(asset.details["fields"]) >= {"cf_niche"}
    fresh = Connection.objects.get(id=made.id)
    assert {key: fresh.config[key] for key in asset.details} == asset.details
    written = AuditEntry.objects.filter(action="connection.mapped", subject__contains=kommo["subdomain"])
    assert written.count() == 2


def test_stages_are_found_whatever_their_capitals_and_the_owners_choice_wins(
    inside: Any, sandbox: Sandbox
) -> None:
    made, _ = connected(inside, sandbox, stages=[" новый", "КВАЛИФИЦИРОВАН", "Договор", "Оплачено"])
    asset = kommo_map(
        connection=made, pipeline_id=5501, stages={"paid": 142}, create_missing=True, actor=ACTOR
    )
    assert asset.details["stages"] == {"new": 6601, "qualified": 6602, "paid": 142}


@pytest.mark.parametrize("chosen", [{"new": 142}, {"paid": 143}, {"new": 6600}, {"new": 1}, {"other": 6601}])
def test_a_stage_that_cannot_be_is_refused(inside: Any, sandbox: Sandbox, chosen: dict[str, int]) -> None:
    made, _ = connected(inside, sandbox)
    with pytest.raises(ConfigurationError):
        kommo_map(connection=made, pipeline_id=5501, stages=chosen, create_missing=True, actor=ACTOR)
    with pytest.raises(ConfigurationError):
        kommo_map(connection=made, pipeline_id=77, stages={}, create_missing=True, actor=ACTOR)


def test_a_lost_answer_while_making_stages_makes_none_twice(inside: Any, sandbox: Sandbox) -> None:
    made, kommo = connected(inside, sandbox)
    lost = {"platform": "kommo", "path": "/statuses", "method": "POST", "drop_after_accept": True}
    with sandbox.faults(lost), pytest.raises((OutcomeUnknown, RemoteFault)):
        kommo_map(connection=made, pipeline_id=5501, stages={}, create_missing=True, actor=ACTOR)
    kommo_map(connection=made, pipeline_id=5501, stages={}, create_missing=True, actor=ACTOR)
    names = stages(sandbox, kommo["subdomain"])
    assert [names.count(name) for name in ("Квалифицирован", "Оплачено")] == [1, 1]


def test_without_administrators_rights_nothing_is_made_and_it_is_told(inside: Any, sandbox: Sandbox) -> None:
    made, kommo = connected(inside, sandbox)
    sandbox.post("/kommo/_state", {"subdomain": kommo["subdomain"], "state": "no_admin"})
    with pytest.raises(CredentialRefused, match="administrator"):
        kommo_map(connection=made, pipeline_id=5501, stages={}, create_missing=True, actor=ACTOR)
    assert not Asset.objects.filter(connection=made).exists()


def test_two_accounts_are_asked_with_their_own_tokens(inside: Any, sandbox: Sandbox) -> None:
    pair = [connected(inside, sandbox, stages=["Новый", "Квалифицирован", "Оплачено"]) for _ in range(2)]
    for made, kommo in pair:
        before = len(sandbox.received("kommo"))
        kommo_map(connection=made, pipeline_id=5501, stages={}, create_missing=True, actor=ACTOR)
        calls = sandbox.received("kommo")[before:]
        assert calls and {call["headers"]["Authorization"] for call in calls} == {f"Bearer {kommo['token']}"}
        assert all(f"/{kommo['subdomain']}/" in call["path"] for call in calls)
