"""Signing in at Kommo over HTTP: state, host, codes, and tokens that only one worker renews."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.db import connection as db

from arriwa.common import http, sealing
from arriwa.outbox.enqueue import real_now
from integrations.base.errors import ConfigurationError, CredentialRefused, Rejected, RemoteFault
from integrations.kommo.connect import (
    SESSION_KEY,
    SigninBroken,
    SigninDeclined,
    kommo_oauth_finish,
    kommo_oauth_start,
)
from integrations.kommo.tasks import kommo_renew_due
from integrations.kommo.tokens import MARK, client_of, keeper_of
from integrations.models import Connection
from subscribers.models import Conversation
from tenants.audit import Actor
from tenants.context import in_organization
from tests.support.ledger import subscriber_of
from tests.support.sandbox import Phone, Sandbox

ACTOR = Actor.system()
SECOND = {
    "subdomain": "second",
    "account_id": 2900333,
    "token": "kommo-second-long-lived-0003",
    "stages": ["Новый"],
}


@pytest.fixture(scope="module")
def accounts(sandbox: Sandbox) -> None:
    """A further account at the sandbox, whose state no other test compares."""
    sandbox.post("/_accounts", {"second": {"kommo": SECOND}})


@pytest.fixture
def inside(demo: Any, sandbox: Sandbox, accounts: None) -> Iterator[Any]:
    """The first organization's schema; the further account's connection is removed at the end."""
    sandbox.post("/kommo/_state", {"subdomain": "second", "state": ""})
    with in_organization(demo.organization.schema_name):
        yield demo
    with in_organization(demo.organization.schema_name):
        Connection.objects.filter(platform="kommo", account="second").delete()
    sandbox.post("/kommo/_settings", {"token_seconds": 86400})


def allow(url: str, subdomain: str = "second", decision: str = "allow") -> dict[str, str]:
    """The owner at Kommo's page; answers what his browser brings back."""
    page = requests.get(url, timeout=30)
    assert page.status_code == 200 and "Allow" in page.text
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    form = {"client_id": asked["client_id"], "state": asked["state"], "subdomain": subdomain}
    answer = requests.post(
        url.partition("?")[0], data={**form, "decision": decision}, timeout=30, allow_redirects=False
    )
    assert answer.status_code == 302
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def signed_in(demo: Any) -> Connection:
    session: dict[str, Any] = {}
    params = allow(kommo_oauth_start(workspace=demo.workspace, session=session))
    return kommo_oauth_finish(session=session, params=params, actor=ACTOR)


def refreshes(sandbox: Sandbox) -> int:
    found = [r for r in sandbox.received("kommo") if r["path"].endswith("/oauth2/access_token")]
    return sum("refresh_token" in r["body"].partition("grant_type")[2][:30] for r in found)


def test_an_owner_signs_in_and_a_second_account_stands_beside_the_first(inside: Any) -> None:
    made = signed_in(inside)
    assert (made.account, made.config["account_id"], made.config["auth"]) == ("second", 2900333, "oauth")
    assert made.expires_at is not None and timedelta(hours=23) < made.expires_at - real_now()
    assert client_of(made).account().id == 2900333
    kept = Connection.objects.filter(workspace=inside.workspace, platform="kommo")
    assert {one.account for one in kept} == {"demo", "second"}
    again = signed_in(inside)
    assert again.id == made.id, "signing in once more renews the same connection"


def test_what_did_not_begin_in_this_browser_is_refused(inside: Any) -> None:
    mine: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    params = allow(kommo_oauth_start(workspace=inside.workspace, session=mine))
    kommo_oauth_start(workspace=inside.workspace, session=theirs)
    for session in (theirs, {}):
        with pytest.raises(SigninBroken):
            kommo_oauth_finish(session=session, params=params, actor=ACTOR)
    kommo_oauth_finish(session=mine, params=params, actor=ACTOR)
    with pytest.raises(SigninBroken):
        kommo_oauth_finish(session=mine, params=params, actor=ACTOR)


def test_a_sign_in_of_another_organization_is_refused(inside: Any, organizations: Any) -> None:
    session: dict[str, Any] = {}
    params = allow(kommo_oauth_start(workspace=inside.workspace, session=session))
    with (
        in_organization(organizations.other.organization.schema_name),
        pytest.raises(SigninBroken, match="organization"),
    ):
        kommo_oauth_finish(session=session, params=params, actor=ACTOR)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "second.kommo.com.evil.example", "second.kommo.com\n", "", "kommo.com", "a.b.kommo.com"],
)
def test_our_secret_goes_to_no_host_but_kommos(inside: Any, sandbox: Sandbox, host: str) -> None:
    session: dict[str, Any] = {}
    params = allow(kommo_oauth_start(workspace=inside.workspace, session=session))
    before = len(sandbox.received("kommo"))
    with pytest.raises(ConfigurationError):
        kommo_oauth_finish(session=session, params={**params, "referer": host}, actor=ACTOR)
    assert len(sandbox.received("kommo")) == before


def test_declining_at_kommo_is_told(inside: Any) -> None:
    session: dict[str, Any] = {}
    params = allow(kommo_oauth_start(workspace=inside.workspace, session=session), decision="deny")
    with pytest.raises(SigninDeclined):
        kommo_oauth_finish(session=session, params=params, actor=ACTOR)
    assert SESSION_KEY not in session


def test_a_used_code_is_refused(inside: Any) -> None:
    first: dict[str, Any] = {}
    params = allow(kommo_oauth_start(workspace=inside.workspace, session=first))
    kept = dict(first)
    kommo_oauth_finish(session=first, params=params, actor=ACTOR)
    with pytest.raises(Rejected, match="once more"):
        kommo_oauth_finish(session=kept, params=params, actor=ACTOR)


def test_of_many_workers_one_renews_and_all_get_its_token(inside: Any, sandbox: Sandbox) -> None:
    made = signed_in(inside)
    keeper = keeper_of(made)
    assert keeper is not None
    old, before, found = str(made.secrets()["token"]), refreshes(sandbox), []
    gate = threading.Barrier(6)

    def work() -> None:
        gate.wait()
        found.append(keeper.renew(old))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 6 and len(set(found)) == 1 and found[0] != old
    assert refreshes(sandbox) == before + 1
    fresh = Connection.objects.get(id=made.id)
    assert fresh.secrets()["token"] == found[0]
    assert client_of(fresh).account().id == 2900333


def test_a_token_that_kommo_no_longer_takes_is_renewed_once_in_the_middle_of_a_call(
    inside: Any, sandbox: Sandbox
) -> None:
    made = signed_in(inside)
    # We believe that it lives for a day; at Kommo it is over.
    secrets = made.secrets()
    made.set_secrets({**secrets, "token": "eyJ0.dead.token"})
    made.save(update_fields=["secrets_sealed"])
    before = refreshes(sandbox)
    assert client_of(made).account().id == 2900333
    assert refreshes(sandbox) == before + 1


def test_a_token_about_to_end_is_renewed_before_it_is_used(inside: Any, sandbox: Sandbox) -> None:
    sandbox.post("/kommo/_settings", {"token_seconds": 60})
    made = signed_in(inside)
    sandbox.post("/kommo/_settings", {"token_seconds": 86400})
    before = len(sandbox.received("kommo"))
    assert client_of(made).account().id == 2900333
    calls = sandbox.received("kommo")[before:]
    assert [(c["path"].rpartition("/")[2], c["status"]) for c in calls] == [
        ("access_token", 200),
        ("account", 200),
    ]


def test_beat_renews_ahead_and_pauses_what_cannot_be_renewed(inside: Any, sandbox: Sandbox) -> None:
    sandbox.post("/kommo/_settings", {"token_seconds": 3600})
    made = signed_in(inside)
    sandbox.post("/kommo/_settings", {"token_seconds": 86400})
    assert kommo_renew_due() == 1
    assert kommo_renew_due() == 0, "what was renewed is not due"
    Connection.objects.filter(id=made.id).update(expires_at=real_now())
    sandbox.post("/kommo/_state", {"subdomain": "second", "state": "revoked"})
    assert kommo_renew_due() == 0
    made.refresh_from_db()
    assert made.state == Connection.State.PAUSED and "once more" in made.state_reason


def test_a_lost_answer_is_tried_once_more_and_then_told(inside: Any, sandbox: Sandbox) -> None:
    made = signed_in(inside)
    keeper = keeper_of(made)
    assert keeper is not None
    old = str(made.secrets()["token"])
    lost = {"platform": "kommo", "path": "/oauth2/access_token", "drop_after_accept": True}
    with sandbox.faults(lost), pytest.raises(RemoteFault):
        keeper.renew(old)
    # Kommo has given the pair out, so the old refresh token is dead: this is a renewal cut short.
    with pytest.raises(CredentialRefused, match="cut short"):
        keeper.renew(old)


def test_a_worker_killed_between_the_answer_and_the_row_costs_a_sign_in_and_no_more(
    inside: Any, sandbox: Sandbox
) -> None:
    """Kommo has given the new pair out, the process that was to store it is dead."""
    made = signed_in(inside)
    keeper = keeper_of(made)
    assert keeper is not None
    old, before = str(made.secrets()["token"]), refreshes(sandbox)
    path = "/oauth2/access_token"
    with sandbox.faults({"platform": "kommo", "path": path, "answer_delay": 30, "times": 1}):
        worker = os.fork()
        if worker == 0:
            # Sockets of its own: those of this process must not carry its answer.
            http._shared.clear()
            keeper.renew(old)
            os._exit(0)
        while refreshes(sandbox) == before:
            time.sleep(0.02)
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    # The dead worker's lock is free at once, and its mark tells what happened.
    with pytest.raises(CredentialRefused, match="cut short"):
        keeper.renew(old)
    again = signed_in(inside)
    assert again.id == made.id and client_of(again).account().id == 2900333
    assert MARK not in Connection.objects.get(id=made.id).config


def test_an_owner_who_connects_anew_during_a_renewal_keeps_his_tokens(inside: Any, sandbox: Sandbox) -> None:
    made = signed_in(inside)
    keeper = keeper_of(made)
    assert keeper is not None
    old = str(made.secrets()["token"])
    with sandbox.faults(
        {"platform": "kommo", "path": "/oauth2/access_token", "answer_delay": 1.5, "times": 1}
    ):
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(keeper.renew(old)))
        thread.start()
        while refreshes(sandbox) == 0 or not sandbox.received("kommo")[-1]["path"].endswith("access_token"):
            time.sleep(0.02)
        row = Connection.objects.get(id=made.id)
        row.set_secrets({"token": "owner-token", "refresh_token": "owner-refresh"})
        row.save(update_fields=["secrets_sealed"])
        thread.join(30)
    assert found == ["owner-token"]
    assert Connection.objects.get(id=made.id).secrets()["refresh_token"] == "owner-refresh"


def test_deals_are_written_with_a_token_that_is_renewed_on_the_way(
    inside: Any, sandbox: Sandbox, settle: Any
) -> None:
    """The send path: the demo's own account, connected by signing in, its token dead."""
    schema = inside.organization.schema_name
    kept = Connection.objects.get(id=inside.connections["kommo"].id)
    config, secrets = dict(kept.config), kept.secrets()
    session: dict[str, Any] = {}
    params = allow(kommo_oauth_start(workspace=inside.workspace, session=session), subdomain="demo")
    made = kommo_oauth_finish(session=session, params=params, actor=ACTOR)
    assert made.id == kept.id and made.config["stages"] == config["stages"], "the mapping stays"
    made.set_secrets({**made.secrets(), "token": "eyJ0.dead.token"})
    made.save(update_fields=["secrets_sealed"])
    db.set_schema_to_public()
    phone = Phone(sandbox)
    try:
        phone.tap_ad()
        settle()
        with in_organization(schema):
            deal = Conversation.objects.get(subscriber=subscriber_of(schema, phone.number)).deal
            assert deal.deal_id and deal.confirmed["stage"] == "new"
            assert Connection.objects.get(id=kept.id).state == Connection.State.ACTIVE
    finally:
        with in_organization(schema):
            kept.config = config
            kept.set_secrets(secrets)
            kept.expires_at = None
            kept.save(update_fields=["config", "secrets_sealed", "expires_at"])
            Connection.objects.filter(id=kept.id).update(config=config, expires_at=None, granted_by=None)


def test_tokens_stand_in_no_row_unsealed(inside: Any) -> None:
    made = signed_in(inside)
    secrets = made.secrets()
    with db.cursor() as cursor:
        cursor.execute("SELECT c::text FROM integrations_connection c WHERE id = %s", [made.id])
        text = cursor.fetchone()[0]
    assert secrets["token"] not in text and secrets["refresh_token"] not in text
    with pytest.raises(sealing.SealBroken):
        Connection(id=inside.connections["kommo"].id, secrets_sealed=made.secrets_sealed).secrets()
