"""The *test* button: a real call, told in words, kept on the connection (T2)."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import translation

from arriwa.outbox.enqueue import real_now
from integrations.base.checks import CheckResult, connection_check
from integrations.base.connect import connection_pause, connection_reconnect, connection_resume
from integrations.base.tasks import check_organization
from integrations.models import Connection
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.workspaces.models import AuditEntry
from tests.support.sandbox import Sandbox

ACTOR = Actor.system()
PLATFORMS = ("gupshup", "meta", "kommo", "stripe", "flowise")


@pytest.fixture
def inside(demo: Any, sandbox: Sandbox) -> Iterator[Any]:
    """The first organization's schema; its connections are as before at the end."""
    with in_organization(demo.organization.schema_name):
        names = ("config", "secrets_sealed", "state", "state_reason", "paused_by", "expires_at")
        kept = {c.id: {name: getattr(c, name) for name in names} for c in Connection.objects.all()}
        yield demo
        for number, values in kept.items():
            Connection.objects.filter(id=number).update(**values)
    sandbox.post("/kommo/_state", {"subdomain": "demo", "state": ""})


def of(demo: Any, platform: str) -> Connection:
    return Connection.objects.get(id=demo.connections[platform].id)


def checked(demo: Any, platform: str) -> CheckResult:
    return connection_check(of(demo, platform), ACTOR)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_connection_that_works_says_so(inside: Any, sandbox: Sandbox, platform: str) -> None:
    before = len(sandbox.received(platform))
    result = checked(inside, platform)
    assert result.health == "ok", result.text
    assert len(sandbox.received(platform)) > before, "it asks the platform"
    kept = of(inside, platform)
    assert (kept.health, kept.health_text) == ("ok", result.text)
    assert kept.checked_at is not None and kept.last_success_at is not None


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_refused_credential_pauses_and_a_good_one_lets_it_work_on(inside: Any, platform: str) -> None:
    connection = of(inside, platform)
    good = connection.secrets()
    name = "key" if "key" in good else "token"
    connection.set_secrets({**good, name: "rk_test_wrong" if platform == "stripe" else "wrong"})
    connection.save(update_fields=["secrets_sealed"])
    result = checked(inside, platform)
    kept = of(inside, platform)
    assert (result.health, kept.health, kept.state) == ("broken", "broken", "paused"), result.text
    assert kept.state_reason and kept.paused_by is None
    assert "wrong" not in kept.health_text + kept.state_reason
    connection.set_secrets(good)
    connection.save(update_fields=["secrets_sealed"])
    assert checked(inside, platform).health == "ok"
    assert of(inside, platform).state == "active"


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("status", [429, 503])
def test_a_platform_that_does_not_serve_us_pauses_nothing(
    inside: Any, sandbox: Sandbox, platform: str, status: int
) -> None:
    body = {"error": {"message": "for a moment", "type": "api_error", "code": 2}}
    with sandbox.faults({"platform": platform, "status": status, "body": body}):
        result = checked(inside, platform)
    assert result.health == ("warning" if status == 429 else "broken"), result.text
    assert of(inside, platform).state == "active"


def test_what_a_person_paused_a_check_leaves_paused(inside: Any) -> None:
    person = Actor(inside.workspace.id, "Ana", "page")
    connection = of(inside, "kommo")
    for _ in range(2):
        connection_pause(connection=connection, actor=person, reason="Stocktaking")
    assert checked(inside, "kommo").health == "ok"
    assert (of(inside, "kommo").state, of(inside, "kommo").state_reason) == ("paused", "Stocktaking")
    for _ in range(2):
        connection_resume(connection=connection, actor=person)
    assert of(inside, "kommo").state == "active"
    written = AuditEntry.objects.filter(actor=person.id).values_list("action", flat=True)
    assert sorted(written) == ["connection.paused", "connection.resumed"]


def test_reconnecting_keeps_what_was_mapped(inside: Any) -> None:
    connection = of(inside, "kommo")
    stages = connection.config["stages"]
    connection_reconnect(connection=connection, secrets={"token": "new"}, actor=ACTOR)
    kept = of(inside, "kommo")
    assert kept.secrets()["token"] == "new" and kept.config["stages"] == stages


@pytest.mark.parametrize(
    ("state", "health", "words", "paused"),
    [
        ("unpaid", "broken", "not paid", True),
        ("blocked", "warning", "blocked", False),
        ("revoked", "broken", "no longer accepts", True),
    ],
)
def test_what_kommo_says_is_told_in_words(
    inside: Any, sandbox: Sandbox, state: str, health: str, words: str, paused: bool
) -> None:
    sandbox.post("/kommo/_state", {"subdomain": "demo", "state": state})
    result = checked(inside, "kommo")
    assert result.health == health and words in result.text
    assert (of(inside, "kommo").state == "paused") is paused


def test_a_stage_that_was_deleted_in_kommo_is_a_warning(inside: Any) -> None:
    connection = of(inside, "kommo")
    connection.config = {**connection.config, "stages": {**connection.config["stages"], "paid": 9999}}
    connection.save(update_fields=["config"])
    result = checked(inside, "kommo")
    assert result.health == "warning" and "paid" in result.text


def test_the_words_are_in_the_workspaces_language(inside: Any) -> None:
    with translation.override("ru"):
        result = connection_check(of(inside, "kommo"), ACTOR)
    assert result.health == "ok"


def test_the_command_tells_all_and_fails_for_a_broken_one(
    inside: Any, organizations: Any, sandbox: Sandbox
) -> None:
    number = str(organizations.demo.organization.id)
    out = StringIO()
    mine = [one.id for one in inside.connections.values()]
    others = list(
        Connection.objects.filter(removed_at=None).exclude(id__in=mine).values_list("id", flat=True)
    )
    # What other tests have connected, and broken, is none of this one's.
    Connection.objects.filter(id__in=others).update(removed_at=real_now())
    try:
        call_command("check_connections", "--organization", number, stdout=out)
        lines = out.getvalue().splitlines()
        assert len(lines) == len(PLATFORMS) and all(": ok – " in line for line in lines)
        with sandbox.faults({"platform": "stripe", "status": 500}), pytest.raises(SystemExit):
            call_command("check_connections", "--organization", number, stdout=StringIO())
    finally:
        Connection.objects.filter(id__in=others).update(removed_at=None)


def test_beat_tests_an_organization_and_no_other(inside: Any, organizations: Any) -> None:
    schema, other = inside.organization.schema_name, organizations.other.organization.schema_name
    Connection.objects.update(checked_at=None)
    check_organization(schema)
    assert not Connection.objects.filter(checked_at=None).exists()
    assert not AuditEntry.objects.filter(action="connection.checked", actor=None).exists()
    with in_organization(other):
        assert not Connection.objects.exclude(checked_at=None).exists()
