"""Tokens that end: renewed in time, replaced when refused, never doubled (T3.3)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction

from arriwa.outbox.enqueue import real_now
from integrations.gupshup import onboarding
from integrations.gupshup.tokens import partner_client, partner_token, token_refused
from integrations.models import Connection
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.models import PartnerToken
from tests.support.onboarding import (
    Walk,
    begin,
    due_now,
    fresh_number,
    token_of,
)
from tests.support.sandbox import Phone, Sandbox

Settle = Callable[..., None]


def test_sends_go_on_across_the_end_of_a_token(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    settle()
    walk.sign_up(fresh_number())
    settle()
    before = token_of(walk)
    lead = Phone(gupshup, account=walk.row.app_name)
    gupshup.post("/_clock", {"offset_seconds": 86_500})
    try:
        lead.say("Здравствуйте")
        settle()
        assert lead.received(), "the refused send was made again with a new token"
    finally:
        gupshup.post("/_clock", {"offset_seconds": 0})
    row = walk.row
    assert row.connection is not None and row.connection.state == "active"
    assert token_of(walk) != before


def test_a_locked_account_is_no_matter_of_the_token(walk: Walk, gupshup: Sandbox, settle: Settle) -> None:
    settle()
    walk.sign_up(fresh_number())
    settle()
    before = token_of(walk)
    locked = {"error": {"code": 368, "message": "Temporarily blocked for policies violations"}}
    with gupshup.faults({"platform": "gupshup", "path": "/v3/message", "status": 400, "body": locked}):
        Phone(gupshup, account=walk.row.app_name).say("Здравствуйте")
        settle()
    connection = walk.row.connection
    assert connection is not None and connection.state == "paused" and token_of(walk) == before


def test_a_number_that_was_given_up_gets_no_more_tokens(walk: Walk, settle: Settle) -> None:
    settle()
    connection = walk.row.connection
    assert connection is not None
    owner = Actor(uuid.uuid4(), "Ana", "page")
    with in_organization(walk.made.organization.schema_name):
        onboarding.onboarding_drop(workspace=walk.made.workspace, identity=walk.identity, actor=owner)
        Connection.objects.filter(id=connection.id).update(expires_at=real_now())
        before = Connection.objects.get(id=connection.id).secrets()
    due_now("gupshup.token")
    settle()
    with in_organization(walk.made.organization.schema_name):
        assert Connection.objects.get(id=connection.id).secrets() == before


def test_a_token_is_renewed_before_its_end(walk: Walk, settle: Settle) -> None:
    settle()
    before = token_of(walk)
    with in_organization(walk.made.organization.schema_name), transaction.atomic():
        Connection.objects.filter(id=walk.row.connection.id).update(  # type: ignore[union-attr]
            expires_at=real_now() + timedelta(minutes=20)
        )
    due_now("gupshup.token")
    settle()
    row = walk.row
    assert row.connection is not None and row.connection.expires_at is not None
    assert token_of(walk) != before and row.connection.expires_at > real_now() + timedelta(hours=23)


def test_left_over_tokens_are_cleared_and_others_left_alone(
    walk: Walk, gupshup: Sandbox, settle: Settle
) -> None:
    settle()
    app_id = walk.row.app_id
    client, partner = partner_client(), partner_token()
    client.app_mint(partner, app_id, "somebody-else")
    client.app_mint(partner, app_id, "arriwa-left-over")
    with in_organization(walk.made.organization.schema_name), transaction.atomic():
        token_refused(walk.row.connection.id, token_of(walk))  # type: ignore[union-attr]
    settle()
    names = {name for _, name in client.app_tokens(partner, app_id)}
    assert "somebody-else" in names and "arriwa-left-over" not in names and len(names) == 3


def test_the_partner_s_refusal_is_told_in_words(
    gupshup: Sandbox, nord: Any, settle: Settle, settings: Any
) -> None:
    PartnerToken.objects.all().delete()
    settings.GUPSHUP_PARTNER_CLIENT_SECRET = "ended"
    walk = begin(gupshup, nord, settle)
    settle()
    assert walk.states() == {"app": "failed:partner_refused"}
    settings.GUPSHUP_PARTNER_CLIENT_SECRET = "gupshup-sandbox-client-secret"
    PartnerToken.objects.update(tried_at=real_now() - timedelta(hours=1))
    walk.act(onboarding.onboarding_retry)
    settle()
    assert walk.states()["link"] == "done"


def test_the_legacy_tokens_do_the_same(gupshup: Sandbox, nord: Any, settle: Settle, settings: Any) -> None:
    PartnerToken.objects.all().delete()
    settings.GUPSHUP_PARTNER_AUTH = "legacy"
    walk = begin(gupshup, nord, settle)
    settle()
    walk.sign_up(fresh_number())
    settle()
    assert walk.row.live_at is not None and token_of(walk).startswith("sk_")
    PartnerToken.objects.all().delete()


def test_no_secret_stands_in_the_rows_in_the_open(walk: Walk, settle: Settle) -> None:
    settle()
    row = walk.row
    assert row.connection is not None
    text = f"{row.steps} {row.connection.config} {row.contact_sealed!r} {row.connection.secrets_sealed!r}"
    for secret in (token_of(walk), "ana@example.com", "37129990000", "Ana Ozola"):
        assert secret not in text
