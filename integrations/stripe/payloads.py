"""An order → Stripe's parameters (docs.stripe.com/api/payment-link/create). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arriwa.common.money import smallest_step
from integrations.base.errors import Rejected

METADATA_PAIRS_MAX = 50
METADATA_KEY_MAX = 40
METADATA_VALUE_MAX = 500
#: Twelve digits, Stripe's limit in its widest currency; most have less, which Stripe judges itself.
AMOUNT_MAX = 999_999_999_999


class PaymentInvalid(Rejected):
    """Stripe would refuse this payment; correct what the text names and replay the task."""


def order_metadata(*, organization: str, workspace: str, order: str) -> dict[str, str]:
    """Our ids, by which the payment finds its order again. Ids only: metadata is no place for people."""
    return {"arriwa_organization": organization, "arriwa_workspace": workspace, "arriwa_order": order}


def payment_link_params(
    *, product_name: str, amount_minor: int, currency: str, metadata: Mapping[str, str]
) -> dict[str, Any]:
    """A link that can be paid once.

    `amount_minor`: minor units of `currency` (ISO 4217, any case). The metadata stands in both places,
    since the link's own does not reach the PaymentIntent. Raises PaymentInvalid.
    """
    if not product_name.strip():
        raise PaymentInvalid("The payment needs the product's name.")
    _check_amount(amount_minor, currency)
    _check_metadata(metadata)
    price = {
        "currency": currency.lower(),
        "unit_amount": amount_minor,
        "product_data": {"name": product_name},
    }
    return {
        "line_items": [{"price_data": price, "quantity": 1}],
        "metadata": dict(metadata),
        "payment_intent_data": {"metadata": dict(metadata)},
        "restrictions": {"completed_sessions": {"limit": 1}},
    }


def _check_amount(amount_minor: int, currency: str) -> None:
    try:
        step = smallest_step(currency)
    except ValueError as error:
        raise PaymentInvalid(str(error)) from error
    if not 0 < amount_minor <= AMOUNT_MAX:
        raise PaymentInvalid(f"The amount must be 1 to {AMOUNT_MAX} minor units, not {amount_minor}.")
    if amount_minor % step:
        raise PaymentInvalid(f"Minor units of {currency.upper()} must be a multiple of {step}.")


def _check_metadata(metadata: Mapping[str, str]) -> None:
    if len(metadata) > METADATA_PAIRS_MAX:
        raise PaymentInvalid(f"Stripe takes {METADATA_PAIRS_MAX} metadata pairs, not {len(metadata)}.")
    for key, value in metadata.items():
        if not 0 < len(key) <= METADATA_KEY_MAX or "[" in key or "]" in key:
            raise PaymentInvalid(f"The metadata key {key!r} is empty, too long or has brackets.")
        if len(value) > METADATA_VALUE_MAX:
            raise PaymentInvalid(
                f"The metadata value of {key!r} is longer than {METADATA_VALUE_MAX} characters."
            )
