"""Stripe through its own library, one client per connection (docs.stripe.com/api)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import stripe

from arriwa.common.http import HttpSession, shared_session
from integrations.base.client import retry_after, was_never_sent
from integrations.base.errors import (
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
from integrations.stripe.config import StripeSettings
from integrations.stripe.payloads import payment_link_params

#: Seconds to connect and to read.
TIMEOUT = (3.05, 20.0)
IDEMPOTENCY_KEY_MAX = 255


@dataclass(frozen=True, slots=True)
class PaymentLink:
    """Proof of a link: Stripe's id and the id of the request that made it."""

    id: str
    url: str
    livemode: bool
    request_id: str


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """`secret` is told only when the endpoint is created: seal it at once."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndpointState:
    """An endpoint as it stands at Stripe, which tells its secret no more."""

    id: str
    url: str
    enabled: bool
    events: frozenset[str]
    api_version: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Account:
    """`id` is acct_…; `charges_enabled` says whether it may take money."""

    id: str
    country: str
    default_currency: str
    charges_enabled: bool
    name: str = ""


class StripeClient:
    """Every method raises Unreachable, OutcomeUnknown, Throttled, RemoteFault, CredentialRefused, Rejected
    or MalformedReply. A call with an idempotency key may be repeated with the same key after any of them."""

    def __init__(
        self, *, base_url: str, settings: StripeSettings, session: HttpSession | None = None
    ) -> None:
        """`base_url`: the operator's, such as https://api.stripe.com."""
        http = stripe.RequestsClient(timeout=TIMEOUT, session=session or shared_session(trusted=True))
        self._client = stripe.StripeClient(
            settings.key,
            stripe_account=settings.account or None,
            base_addresses={"api": base_url.rstrip("/")},
            max_network_retries=0,
            http_client=http,
        )

    def create_payment_link(
        self,
        *,
        product_name: str,
        amount_minor: int,
        currency: str,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> PaymentLink:
        """A link that can be paid once; the same key gives the same link for at least a day (L20).

        `amount_minor`: minor units of `currency`, ISO 4217. Raises PaymentInvalid (a Rejected) before
        any call for what Stripe would refuse.
        """
        if not 0 < len(idempotency_key) <= IDEMPOTENCY_KEY_MAX:
            raise Rejected(f"An idempotency key has 1 to {IDEMPOTENCY_KEY_MAX} characters.")
        params: Any = payment_link_params(
            product_name=product_name, amount_minor=amount_minor, currency=currency, metadata=metadata
        )
        link = _call(
            lambda: self._client.v1.payment_links.create(
                params=params, options={"idempotency_key": idempotency_key}
            )
        )
        return PaymentLink(
            id=_text(link, "id"),
            url=_text(link, "url"),
            livemode=getattr(link, "livemode", False) is True,
            request_id=_request_id(link),
        )

    def create_webhook_endpoint(
        self, url: str, events: Sequence[str], metadata: Mapping[str, str] | None = None
    ) -> WebhookEndpoint:
        """Makes Stripe call `url` for `events`, in the form of our API version.

        Not repeated safely: after OutcomeUnknown an endpoint without a known secret may be left over.
        """
        params: Any = {"url": url, "enabled_events": list(events), "api_version": API_VERSION}
        if metadata:
            params["metadata"] = dict(metadata)
        endpoint = _call(lambda: self._client.v1.webhook_endpoints.create(params=params))
        return WebhookEndpoint(id=_text(endpoint, "id"), secret=_text(endpoint, "secret"))

    def webhook_endpoints(self) -> tuple[EndpointState, ...]:
        """All endpoints of the account in the key's mode, ours and others'."""

        def listed() -> list[Any]:
            page = self._client.v1.webhook_endpoints.list(params={"limit": 100})
            return list(page.auto_paging_iter())

        return tuple(map(_endpoint, _read(listed)))

    def webhook_endpoint_update(self, endpoint_id: str, events: Sequence[str]) -> EndpointState:
        """Switches an endpoint on, for exactly these events."""
        params: Any = {"enabled_events": list(events), "disabled": False}
        return _endpoint(_call(lambda: self._client.v1.webhook_endpoints.update(endpoint_id, params=params)))

    def webhook_endpoint_delete(self, endpoint_id: str) -> None:
        """Removes an endpoint; one that is gone already raises Rejected."""
        _call(lambda: self._client.v1.webhook_endpoints.delete(endpoint_id))

    def may_write(self, resource: str) -> bool:
        """Whether the key may make one of `payment_links` or `webhook_endpoints`.

        Asked by a request without parameters: Stripe finds it incomplete when it would be allowed, and
        makes nothing.
        """
        service = getattr(self._client.v1, resource)
        try:
            _call(lambda: service.create(params={}))
        except CredentialRefused as error:
            if error.status != 403:
                raise
            return False
        except Rejected:
            return True
        raise MalformedReply(f"Stripe made a {resource} out of nothing.")

    def payment_links_readable(self) -> None:
        """Reads one payment link, if there is any. Raises CredentialRefused when the key may not."""
        _read(lambda: self._client.v1.payment_links.list(params={"limit": 1}))

    def account(self) -> Account:
        """The account that the key belongs to; a lost answer is a RemoteFault, since reading is safe."""
        account = _read(self._client.v1.accounts.retrieve_current)
        settings = getattr(account, "settings", None)
        dashboard = getattr(settings, "dashboard", None)
        return Account(
            id=_text(account, "id"),
            country=getattr(account, "country", None) or "",
            default_currency=(getattr(account, "default_currency", None) or "").upper(),
            charges_enabled=getattr(account, "charges_enabled", False) is True,
            name=str(getattr(dashboard, "display_name", None) or ""),
        )


def _call(request: Callable[[], Any]) -> Any:
    try:
        return request()
    except stripe.StripeError as error:
        raise error_of(error) from error
    except (AttributeError, KeyError, TypeError) as error:
        # The library trips over an error that is not of Stripe's shape, as a gateway may answer.
        raise MalformedReply(f"Stripe's answer cannot be read ({type(error).__name__}).") from error


def _read(request: Callable[[], Any]) -> Any:
    try:
        return _call(request)
    except OutcomeUnknown as error:
        # A read changes nothing, so there is no outcome to resolve.
        raise RemoteFault("Stripe did not answer in time. It is tried again by itself.") from error


def _endpoint(item: Any) -> EndpointState:
    metadata = getattr(item, "metadata", None)
    return EndpointState(
        id=_text(item, "id"),
        url=_text(item, "url"),
        enabled=getattr(item, "status", "") == "enabled",
        events=frozenset(getattr(item, "enabled_events", None) or ()),
        api_version=getattr(item, "api_version", None) or "",
        metadata=metadata.to_dict(for_json=True) if metadata else {},
    )


def error_of(error: stripe.StripeError) -> RemoteError:
    """The typed error for the library's, by HTTP status (docs.stripe.com/error-handling).

    401 and 403 → CredentialRefused; 429 → Throttled; 409 and 5xx → RemoteFault; an unreadable success →
    MalformedReply; other refusals → Rejected.
    """
    if isinstance(error, stripe.APIConnectionError):
        cause = error.__cause__ or error.__context__
        if cause is not None and was_never_sent(cause):
            return Unreachable(f"No connection to Stripe ({type(cause).__name__}).")
        return OutcomeUnknown(f"The request was sent and no answer came ({type(cause).__name__}).")
    status = error.http_status or 0
    body = error.json_body
    facts: dict[str, Any] = {
        "status": status or None,
        "platform_code": error.code or getattr(error.error, "type", None),
        "answer": body if body is not None else error.http_body,
        "request_id": error.request_id or "",
    }
    said = f"{error.user_message or 'no reason given'} ({error.code or status})"
    if isinstance(error, stripe.IdempotencyError):
        return Rejected(f"The idempotency key was used for another request: {said}.", **facts)
    if status == 401:
        return CredentialRefused(
            f"Stripe refuses the key: {said}. Put in a new one, then resume the connection.", **facts
        )
    if status == 403:
        return CredentialRefused(
            f"The key lacks a permission: {said}. Grant it at Stripe, then resume the connection.", **facts
        )
    if isinstance(error, stripe.RateLimitError):
        return Throttled(
            f"Stripe asks us to wait: {said}.", retry_after=retry_after(error.headers or {}, 2.0), **facts
        )
    if status == 409 or status >= 500:
        return RemoteFault(f"Stripe failed: {said}. It is tried again by itself.", **facts)
    if 200 <= status < 300:
        return MalformedReply(f"Stripe's answer cannot be read ({status}).", **facts)
    return Rejected(f"Stripe refuses this: {said}. Correct it and replay the task.", **facts)


def _text(resource: Any, name: str) -> str:
    value = getattr(resource, name, None)
    if not isinstance(value, str) or not value:
        raise MalformedReply(f'Stripe\'s answer has no "{name}".', answer=resource.to_dict(for_json=True))
    return value


def _request_id(resource: Any) -> str:
    response = getattr(resource, "last_response", None)
    return str(getattr(response, "request_id", "") or "")
