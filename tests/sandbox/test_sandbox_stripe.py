"""The Stripe fake, used through Stripe's own SDK."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe
from sandbox_client import Client, Listener, wait_for


def link_params(**more: Any) -> dict[str, Any]:
    price = {"currency": "usd", "unit_amount": 190000, "product_data": {"name": "Pro"}}
    metadata = {"arriwa_deal": "d_84"}
    return {
        "line_items": [{"price_data": price, "quantity": 1}],
        "metadata": {**metadata, "where": "link"},
        "payment_intent_data": {"metadata": {**metadata, "where": "intent"}},
        "restrictions": {"completed_sessions": {"limit": 1}},
        "phone_number_collection": {"enabled": True},
        **more,
    }


@pytest.fixture
def api(sandbox: Client) -> stripe.StripeClient:
    return client(sandbox, "rk_test_demo0001")


def client(sandbox: Client, key: str, retries: int = 0) -> stripe.StripeClient:
    addresses: Any = {"api": sandbox.url + "/stripe"}
    return stripe.StripeClient(key, base_addresses=addresses, max_network_retries=retries)


def endpoint(api: stripe.StripeClient, listener: Listener) -> Any:
    events: Any = ["checkout.session.completed", "payment_intent.succeeded"]
    return api.v1.webhook_endpoints.create(params={"url": listener.url + "/stripe", "enabled_events": events})


def test_a_wrong_key_is_refused_by_type(sandbox: Client) -> None:
    with pytest.raises(stripe.AuthenticationError):
        client(sandbox, "rk_test_wrong").v1.accounts.retrieve_current()


def test_the_key_names_the_account(api: stripe.StripeClient) -> None:
    assert api.v1.accounts.retrieve_current().id == "acct_demo0001"


def test_a_link_is_made_and_read_back(api: stripe.StripeClient, sandbox: Client) -> None:
    made = api.v1.payment_links.create(params=link_params())
    assert made.url == f"{sandbox.url}/pay/{made.id}"
    assert api.v1.payment_links.retrieve(made.id).metadata["where"] == "link"
    assert "1\u202f900.00 USD" in sandbox.get(f"/pay/{made.id}").text


def test_the_same_key_answers_the_same_link_and_says_so(api: stripe.StripeClient) -> None:
    options: Any = {"idempotency_key": "deal-84"}
    first = api.v1.payment_links.create(params=link_params(), options=options)
    second = api.v1.payment_links.create(params=link_params(), options=options)
    assert second.id == first.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    with pytest.raises(stripe.IdempotencyError):
        api.v1.payment_links.create(params=link_params(inactive_message="x"), options=options)


@pytest.mark.parametrize(
    ("params", "param"),
    [
        (link_params(colour="red"), "colour"),
        (link_params(payment_intent_data={"colour": "red"}), "payment_intent_data[colour]"),
        (link_params(metadata={"x" * 41: "1"}), f"metadata[{'x' * 41}]"),
        (link_params(metadata={"long": "x" * 501}), "metadata[long]"),
        (link_params(metadata={f"k{n}": "1" for n in range(51)}), "metadata"),
        (link_params(line_items=[{"price": "price_1", "quantity": 1}]), "line_items[0][price]"),
        ({"metadata": {"a": "b"}}, "line_items"),
    ],
)
def test_wrong_parameters_are_named(api: stripe.StripeClient, params: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.v1.payment_links.create(params=params)
    assert refused.value.param == param
    assert refused.value.request_id


def test_another_accounts_link_does_not_exist(api: stripe.StripeClient, sandbox: Client) -> None:
    made = api.v1.payment_links.create(params=link_params())
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client(sandbox, "rk_test_other0002").v1.payment_links.retrieve(made.id)
    assert refused.value.code == "resource_missing"


def test_a_payment_sends_the_signed_pair_with_each_ones_metadata(
    api: stripe.StripeClient, sandbox: Client, listener: Listener
) -> None:
    secret = endpoint(api, listener).secret
    made = api.v1.payment_links.create(params=link_params())
    paid = sandbox.act("pay", url=made.url)["results"][0]
    assert paid["paid"]
    wait_for(lambda: len(listener.hooks) == 2)
    events = {}
    for hook in listener.hooks:
        signature = hook["headers"]["Stripe-Signature"]
        event = stripe.Webhook.construct_event(hook["body"], signature, secret)
        events[event.type] = event.data.object
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(hook["body"] + b" ", signature, secret)
    session, intent = events["checkout.session.completed"], events["payment_intent.succeeded"]
    assert (session.metadata["where"], intent.metadata["where"]) == ("link", "intent")
    assert (session.payment_link, session.payment_intent) == (made.id, intent.id)
    assert (session.amount_total, session.currency, session.payment_status) == (190000, "usd", "paid")
    assert session.customer_details.phone == "+77010001122"
    assert api.v1.checkout.sessions.retrieve(session.id).payment_intent == intent.id
    assert {one.type for one in api.v1.events.list().data} == set(events)


def test_a_link_of_one_use_is_not_paid_twice(api: stripe.StripeClient, sandbox: Client) -> None:
    made = api.v1.payment_links.create(params=link_params())
    results = sandbox.act("pay", url=made.url, times=2)["results"]
    assert [(one["paid"], one["reason"]) for one in results] == [(True, ""), (False, "used")]
    again = sandbox.post(f"/pay/{made.id}")
    assert (again.status_code, len(sandbox.held("stripe")["payment_intents"])) == (409, 1)
    assert 'data-state="used"' in again.text


def test_a_link_switched_off_is_not_paid(api: stripe.StripeClient, sandbox: Client) -> None:
    made = api.v1.payment_links.create(params=link_params())
    api.v1.payment_links.update(made.id, params={"active": False})
    assert sandbox.act("pay", url=made.url)["results"][0]["reason"] == "inactive"


def test_the_signing_secret_is_told_once(api: stripe.StripeClient, listener: Listener) -> None:
    made = endpoint(api, listener)
    assert made.secret.startswith("whsec_")
    assert "secret" not in api.v1.webhook_endpoints.retrieve(made.id)
    api.v1.webhook_endpoints.delete(made.id)
    assert api.v1.webhook_endpoints.list().data == []


def test_an_answer_lost_after_the_effect_is_made_good_by_the_sdks_retry(sandbox: Client) -> None:
    sandbox.post("/_faults", {"platform": "stripe", "drop_after_accept": True, "times": 1})
    made = client(sandbox, "rk_test_demo0001", retries=2).v1.payment_links.create(params=link_params())
    assert [one["id"] for one in sandbox.held("stripe")["links"]] == [made.id]
    assert len(sandbox.get("/_received?platform=stripe").json()) == 2


def test_replayed_stripe_hooks_are_signed_anew(
    api: stripe.StripeClient, sandbox: Client, listener: Listener
) -> None:
    secret = endpoint(api, listener).secret
    made = api.v1.payment_links.create(params=link_params())
    sandbox.act("pay", url=made.url)
    wait_for(lambda: len(listener.hooks) == 2)
    sandbox.post("/_hooks/replay", {"platform": "stripe", "order": "reversed"})
    first, second, third, fourth = (hook["body"] for hook in listener.hooks)
    assert {first, second} == {third, fourth} and json.loads(first)["id"] != json.loads(second)["id"]
    for hook in listener.hooks[2:]:
        stripe.Webhook.construct_event(hook["body"], hook["headers"]["Stripe-Signature"], secret)
