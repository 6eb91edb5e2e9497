"""Stripe's client over real sockets: what the library sends, and what each answer becomes."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import stripe

from integrations.base.errors import (
    ConfigurationError,
    CredentialRefused,
    MalformedReply,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    RemoteFault,
    Throttled,
    Unreachable,
)
from integrations.stripe import API_VERSION
from integrations.stripe import client as client_module
from integrations.stripe.client import PaymentLink, StripeClient, WebhookEndpoint
from integrations.stripe.config import StripeSettings
from integrations.stripe.payloads import PaymentInvalid, order_metadata, payment_link_params

METADATA = order_metadata(organization="org-1", workspace="ws-1", order="order-1")
LINK = {"id": "plink_7", "object": "payment_link", "url": "https://buy.stripe.com/x", "livemode": False}


def client(url: str, account: str = "") -> StripeClient:
    settings = StripeSettings.from_connection({"account": account}, {"key": "rk_test_1"})
    return StripeClient(base_url=url, settings=settings)


def make_link(url: str, **changes: Any) -> PaymentLink:
    fields: dict[str, Any] = {
        "product_name": "Course",
        "amount_minor": 90000,
        "currency": "EUR",
        "metadata": METADATA,
        "idempotency_key": "key-1",
    }
    return client(url).create_payment_link(**{**fields, **changes})


def test_a_link_can_be_paid_once_and_carries_its_ids_twice() -> None:
    ids = {"arriwa_organization": "org-1", "arriwa_workspace": "ws-1", "arriwa_order": "order-1"}
    assert payment_link_params(
        product_name="Course", amount_minor=90000, currency="EUR", metadata=METADATA
    ) == {
        "line_items": [
            {
                "price_data": {
                    "currency": "eur",
                    "unit_amount": 90000,
                    "product_data": {"name": "Course"},
                },
                "quantity": 1,
            }
        ],
        "metadata": ids,
        "payment_intent_data": {"metadata": ids},
        "restrictions": {"completed_sessions": {"limit": 1}},
    }


def test_a_link_is_made_with_key_version_and_proof(peer: Any) -> None:
    peer.answer(200, LINK, {"Request-Id": "req_5"})
    assert make_link(peer.url) == PaymentLink("plink_7", "https://buy.stripe.com/x", False, "req_5")
    (request,) = peer.requests
    assert (request.method, request.target) == ("POST", "/v1/payment_links")
    assert request.headers["idempotency-key"] == "key-1"
    assert request.headers["authorization"] == "Bearer rk_test_1"
    assert request.headers["stripe-version"] == API_VERSION == stripe.api_version
    assert "stripe-account" not in request.headers
    assert request.form["line_items[0][price_data][unit_amount]"] == "90000"
    assert request.form["metadata[arriwa_order]"] == "order-1"
    assert request.form["payment_intent_data[metadata][arriwa_order]"] == "order-1"


def test_a_connected_account_is_named(peer: Any) -> None:
    peer.answer(
        200, {"id": "acct_1", "object": "account", "default_currency": "eur", "charges_enabled": True}
    )
    account = client(peer.url, "acct_1").account()
    assert peer.last.headers["stripe-account"] == "acct_1"
    assert (account.id, account.default_currency, account.charges_enabled) == ("acct_1", "EUR", True)


def test_an_endpoint_is_made_in_our_version_and_tells_its_secret(peer: Any) -> None:
    peer.answer(200, {"id": "we_1", "object": "webhook_endpoint", "secret": "whsec_1"})
    made = client(peer.url).create_webhook_endpoint("https://h.example/x", ["payment_intent.succeeded"])
    assert made == WebhookEndpoint("we_1", "whsec_1")
    assert "whsec_1" not in repr(made)
    assert peer.last.form == {
        "url": "https://h.example/x",
        "enabled_events[0]": "payment_intent.succeeded",
        "api_version": API_VERSION,
    }


def error(type_: str = "invalid_request_error", code: str = "resource_missing") -> dict[str, Any]:
    return {"error": {"type": type_, "code": code, "message": "No such price"}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, error(), Rejected),
        (402, error("card_error", "card_declined"), Rejected),
        (404, error(), Rejected),
        (400, error("idempotency_error", "x"), Rejected),
        (409, error("idempotency_error", "idempotency_key_in_use"), RemoteFault),
        (401, error("invalid_request_error", "api_key_expired"), CredentialRefused),
        (403, error(), CredentialRefused),
        (429, error("invalid_request_error", "rate_limit"), Throttled),
        (429, error("invalid_request_error", "lock_timeout"), Throttled),
        (409, error("invalid_request_error", "x"), RemoteFault),
        (500, error("api_error", "x"), RemoteFault),
        (502, "<html>", RemoteFault),
        (503, None, RemoteFault),
        (400, "<html>", Rejected),
        (302, None, Rejected),
        (200, "<html>", MalformedReply),
        (200, {"object": "payment_link", "id": "plink_7"}, MalformedReply),
    ],
)
def test_each_answer_has_its_error_and_nothing_is_repeated(
    peer: Any, status: int, body: Any, expected: type[RemoteError]
) -> None:
    peer.answer(status, body, {"Retry-After": "7", "Stripe-Should-Retry": "true", "Request-Id": "req_5"})
    with pytest.raises(RemoteError) as caught:
        make_link(peer.url)
    assert type(caught.value) is expected
    assert len(peer.requests) == 1
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 7.0


def test_a_rejection_keeps_stripes_own_words(peer: Any) -> None:
    peer.answer(400, error(), {"Request-Id": "req_5"})
    with pytest.raises(Rejected, match="No such price") as caught:
        make_link(peer.url)
    assert (caught.value.status, caught.value.platform_code) == (400, "resource_missing")
    assert caught.value.answer == error()
    assert caught.value.details["request_id"] == "req_5"


def test_a_hang_up_leaves_the_outcome_unknown(peer: Any) -> None:
    peer.answer(0)
    with pytest.raises(OutcomeUnknown):
        make_link(peer.url)
    assert len(peer.requests) == 1


def test_a_silent_platform_leaves_the_outcome_unknown(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "TIMEOUT", (1.0, 0.1))
    peer.answer(200, LINK, delay=0.4)
    with pytest.raises(OutcomeUnknown):
        make_link(peer.url)


def test_a_closed_port_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable):
            make_link(f"http://127.0.0.1:{unused.getsockname()[1]}")


def test_a_lost_answer_to_a_read_is_only_a_fault(peer: Any) -> None:
    peer.answer(0)
    with pytest.raises(RemoteFault):
        client(peer.url).account()


@pytest.mark.parametrize(
    "changes",
    [
        {"product_name": " "},
        {"amount_minor": 0},
        {"amount_minor": -5},
        {"amount_minor": 10**12},
        {"currency": "EURO"},
        {"currency": "KWD", "amount_minor": 1001},
        {"currency": "ISK", "amount_minor": 150},
        {"metadata": {"a[b]": "x"}},
        {"metadata": {"k" * 41: "x"}},
        {"metadata": {"k": "x" * 501}},
        {"metadata": {f"k{n}": "x" for n in range(51)}},
    ],
)
def test_what_stripe_would_refuse_never_leaves(peer: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(PaymentInvalid):
        make_link(peer.url, **changes)
    assert peer.requests == []


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_an_unusable_idempotency_key_is_refused(peer: Any, key: str) -> None:
    with pytest.raises(Rejected):
        make_link(peer.url, idempotency_key=key)
    assert peer.requests == []


@pytest.mark.parametrize("key", ["", "sk_live_1", "pk_test_1"])
def test_a_missing_or_dangerous_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        StripeSettings.from_connection({}, {"key": key})
    assert caught.value.details == {"field": "key"}


@pytest.mark.parametrize("key", ["rk_live_1", "rk_test_1", "sk_test_1"])
def test_restricted_and_test_keys_are_taken_and_not_shown(key: str) -> None:
    settings = StripeSettings.from_connection({}, {"key": key, "webhook_secret": "whsec_1"})
    assert settings.key == key
    assert key not in repr(settings) and "whsec_1" not in repr(settings)
