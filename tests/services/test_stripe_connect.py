"""Stripe by a restricted key: whose account, what it may, and one endpoint whose secret we hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.base.checks import connection_check
from integrations.base.errors import ConfigurationError, CredentialRefused, OutcomeUnknown
from integrations.base.withdrawal import connection_withdraw
from integrations.models import Connection
from integrations.stripe.connect import client_of, stripe_connect, stripe_endpoint_ensure
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.models import HookRoute
from tenants.services import hook_route_secrets
from tests.support.sandbox import Sandbox

ACTOR = Actor.system()
_numbers = itertools.count(1)


@pytest.fixture
def inside(demo: Any) -> Iterator[Any]:
    with in_organization(demo.organization.schema_name):
        yield demo
        made = Connection.objects.filter(platform="stripe", account__startswith="acct_try")
        HookRoute.objects.filter(connection_uuid__in=list(made.values_list("id", flat=True))).delete()
        made.delete()


def account(sandbox: Sandbox, mode: str = "test", **changes: Any) -> dict[str, Any]:
    number = next(_numbers)
    made = {"key": f"rk_{mode}_try{number:04}", "account": f"acct_try{number:04}", **changes}
    sandbox.post("/_accounts", {f"stripe{number}": {"stripe": made}})
    return made


def endpoints(sandbox: Sandbox, made: Connection) -> list[dict[str, Any]]:
    rows = sandbox.state("stripe")["webhook_endpoints"]
    return [row for row in rows if row["metadata"].get("arriwa_connection") == str(made.id)]


def test_connecting_twice_keeps_one_endpoint_and_its_secret(inside: Any, sandbox: Sandbox) -> None:
    stripe = account(sandbox)
    made = [stripe_connect(workspace=inside.workspace, key=stripe["key"], actor=ACTOR) for _ in range(2)]
    assert made[0].id == made[1].id and made[0].account == stripe["account"]
    [endpoint] = endpoints(sandbox, made[0])
    route = HookRoute.objects.get(connection_uuid=made[0].id)
    assert (
        endpoint["url"].endswith(f"/hooks/stripe/{route.key}/")
        and endpoint["id"] == made[1].config["webhook_endpoint"]
    )
    assert hook_route_secrets(route)[0].startswith("whsec_")


def test_an_endpoint_whose_secret_was_lost_is_replaced(inside: Any, sandbox: Sandbox) -> None:
    stripe = account(sandbox)
    lost = {"platform": "stripe", "path": "/webhook_endpoints", "method": "POST", "drop_after_accept": True}
    made = stripe_connect(workspace=inside.workspace, key=stripe["key"], actor=ACTOR)
    first = made.config["webhook_endpoint"]
    config = {key: value for key, value in made.config.items() if key != "webhook_endpoint"}
    Connection.objects.filter(id=made.id).update(config=config)
    made.refresh_from_db()
    with sandbox.faults(lost), pytest.raises(OutcomeUnknown):
        stripe_endpoint_ensure(connection=made)
    [left] = endpoints(sandbox, made)
    assert left["id"] != first, "one whose secret nobody knows"
    stripe_endpoint_ensure(connection=made)
    [endpoint] = endpoints(sandbox, made)
    assert endpoint["id"] not in (first, left["id"])
    assert endpoint["id"] == Connection.objects.get(id=made.id).config["webhook_endpoint"]


def test_a_connection_that_goes_takes_its_endpoint_along(inside: Any, sandbox: Sandbox) -> None:
    made = stripe_connect(workspace=inside.workspace, key=account(sandbox)["key"], actor=ACTOR)
    other = client_of(made).create_webhook_endpoint("https://shop.example/stripe", ["charge.refunded"])
    for _ in range(2):
        assert connection_withdraw(made)
    assert [one.id for one in client_of(made).webhook_endpoints()] == [other.id]


def test_a_foreign_endpoint_stays(inside: Any, sandbox: Sandbox) -> None:
    stripe = account(sandbox)
    made = stripe_connect(workspace=inside.workspace, key=stripe["key"], actor=ACTOR)
    other = client_of(made).create_webhook_endpoint("https://shop.example/stripe", ["charge.refunded"])
    stripe_connect(workspace=inside.workspace, key=stripe["key"], actor=ACTOR)
    assert {one.id for one in client_of(made).webhook_endpoints()} == {
        other.id,
        made.config["webhook_endpoint"],
    }


def test_a_disabled_endpoint_is_noticed_and_switched_on_by_reconnecting(
    inside: Any, sandbox: Sandbox
) -> None:
    stripe = account(sandbox)
    made = stripe_connect(workspace=inside.workspace, key=stripe["key"], actor=ACTOR)
    update = client_of(made)._client.v1.webhook_endpoints.update
    update(made.config["webhook_endpoint"], params={"disabled": True})
    result = connection_check(made, ACTOR)
    assert result.health == "broken" and "disabled" in result.text
    stripe_connect(workspace=inside.workspace, key=stripe["key"], actor=ACTOR)
    assert connection_check(made, ACTOR).health == "ok"
    client_of(made).webhook_endpoint_delete(made.config["webhook_endpoint"])
    result = connection_check(made, ACTOR)
    assert result.health == "broken" and "gone" in result.text


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        ("webhook_endpoints:write", "Webhook Endpoints: Write"),
        ("payment_links:write", "Payment Links: Write"),
    ],
)
def test_a_permission_that_is_missing_is_named_and_nothing_is_kept(
    inside: Any, sandbox: Sandbox, denied: str, words: str
) -> None:
    stripe = account(sandbox, denied=[denied])
    with pytest.raises(ConfigurationError, match=words):
        stripe_connect(workspace=inside.workspace, key=stripe["key"], actor=ACTOR)
    assert not Connection.objects.filter(account=stripe["account"]).exists()
    links = sandbox.state("stripe")["links"]
    assert not [link for link in links if link["_account"] == f"stripe{int(stripe['account'][-4:])}"]


def test_a_key_that_may_not_read_its_account_is_told_apart_all_the_same(
    inside: Any, sandbox: Sandbox
) -> None:
    stripe = account(sandbox, denied=["account:read"])
    made = stripe_connect(workspace=inside.workspace, key=stripe["key"], actor=ACTOR)
    assert made.account == stripe["account"]
    assert connection_check(made, ACTOR).health == "ok"


def test_live_and_test_keys_are_told_apart(inside: Any, sandbox: Sandbox) -> None:
    live, test = account(sandbox, "live"), account(sandbox)
    for stripe, mode in ((live, True), (test, False)):
        made = stripe_connect(workspace=inside.workspace, key=stripe["key"], actor=ACTOR)
        assert made.config["livemode"] is mode
        assert ("test mode" in connection_check(made, ACTOR).text) is not mode
        link = client_of(made).create_payment_link(
            product_name="x", amount_minor=100, currency="usd", metadata={}, idempotency_key=f"k{made.id}"
        )
        assert link.livemode is mode


@pytest.mark.parametrize("key", ["sk_live_all", "pk_test_1", "", "rk_test_unknown"])
def test_a_wrong_key_is_refused(inside: Any, key: str) -> None:
    with pytest.raises((ConfigurationError, CredentialRefused)):
        stripe_connect(workspace=inside.workspace, key=key, actor=ACTOR)


def test_the_key_must_open_the_account_that_was_named(inside: Any, sandbox: Sandbox) -> None:
    stripe = account(sandbox)
    with pytest.raises(ConfigurationError, match=stripe["account"]):
        stripe_connect(workspace=inside.workspace, key=stripe["key"], account="acct_other", actor=ACTOR)


def test_an_account_that_may_not_take_payments_is_a_warning(inside: Any, sandbox: Sandbox) -> None:
    stripe = account(sandbox, charges_enabled=False)
    made = stripe_connect(workspace=inside.workspace, key=stripe["key"], actor=ACTOR)
    assert connection_check(made, ACTOR).health == "warning"
