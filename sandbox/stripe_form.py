"""Stripe's form encoding and what it refuses in parameters (crm_pay_audiences.md B1, B2). Pure."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

_KEY = re.compile(r"[^\[\]]+")

_LINK = (
    "after_completion allow_promotion_codes application_fee_amount application_fee_percent automatic_tax "
    "billing_address_collection consent_collection currency custom_fields custom_text customer_creation "
    "expand inactive_message invoice_creation managed_payments metadata name_collection on_behalf_of "
    "optional_items payment_method_collection payment_method_options payment_method_types "
    "shipping_address_collection shipping_options submit_type subscription_data tax_id_collection "
    "transfer_data"
)
_INTENT = (
    "capture_method description metadata setup_future_usage statement_descriptor statement_descriptor_suffix "
    "transfer_group"
)
#: Parameters of a Payment Link that API 2026-10-28.endive knows; None = anything inside.
LINK_CREATE: dict[str, Any] = {
    **dict.fromkeys(_LINK.split()),
    "line_items": {
        "adjustable_quantity": None,
        "price": None,
        "quantity": None,
        "price_data": {
            "currency": None,
            "product": None,
            "product_data": dict.fromkeys(
                ("name", "description", "images", "metadata", "tax_code", "tax_details", "unit_label")
            ),
            "recurring": None,
            "tax_behavior": None,
            "unit_amount": None,
            "unit_amount_decimal": None,
        },
    },
    "payment_intent_data": dict.fromkeys(_INTENT.split()),
    "phone_number_collection": {"enabled": None},
    "restrictions": {"completed_sessions": {"limit": None}},
}
LINK_UPDATE: dict[str, Any] = {
    "active": None,
    **{
        key: value
        for key, value in LINK_CREATE.items()
        if key not in ("currency", "on_behalf_of", "transfer_data", "application_fee_amount")
    },
}
ENDPOINT_CREATE: dict[str, Any] = dict.fromkeys(
    ("url", "enabled_events", "api_version", "connect", "description", "expand", "metadata")
)
ENDPOINT_UPDATE: dict[str, Any] = dict.fromkeys(
    ("url", "enabled_events", "disabled", "description", "expand", "metadata")
)


class Invalid(Exception):
    """A refusal in Stripe's error shape: `kind` is the error type, `status` the HTTP status."""

    def __init__(
        self,
        message: str,
        param: str = "",
        code: str = "",
        status: int = 400,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.param, self.code, self.status, self.kind = param, code, status, kind

    def body(self) -> dict[str, Any]:
        """The JSON answer."""
        error: dict[str, Any] = {"type": self.kind, "message": str(self)}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        return {"error": error}


def decode(raw: str) -> dict[str, Any]:
    """`a[b][0][c]=v` as nested dicts and lists; all values stay strings."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        parts = _KEY.findall(name)
        if not parts:
            continue
        node = tree
        for number, part in enumerate(parts[:-1]):
            following = node.setdefault(part, {})
            if not isinstance(following, dict):
                raise Invalid(f"Invalid object: {name}", "[".join(parts[: number + 1]))
            node = following
        if name.endswith("[]"):
            node = node.setdefault(parts[-1], {})
            parts = [*parts, str(len(node))]
        node[parts[-1]] = value
    return {key: _lists(value) for key, value in tree.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        return [_lists(node[key]) for key in sorted(node, key=int)]
    return {key: _lists(value) for key, value in node.items()}


def known(given: dict[str, Any], schema: dict[str, Any], path: str = "") -> None:
    """Raises Invalid(parameter_unknown) for the first parameter that the schema does not hold."""
    for key, value in given.items():
        name = f"{path}[{key}]" if path else key
        if key not in schema:
            raise Invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")
        inner = schema[key]
        if inner is None:
            continue
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            inside = f"{name}[{number}]" if isinstance(value, list) else name
            if not isinstance(item, dict):
                raise Invalid("Invalid object", inside)
            known(item, inner, inside)


def metadata(given: dict[str, Any], path: str = "metadata") -> dict[str, str]:
    """Checked metadata: at most 50 pairs, keys of 40 characters, values of 500."""
    values = given.get("metadata") or {}
    if not isinstance(values, dict):
        raise Invalid("Invalid object: metadata", path)
    if len(values) > 50:
        raise Invalid("Metadata can have at most 50 keys", path)
    for key, value in values.items():
        if len(key) > 40:
            raise Invalid("Metadata keys can have up to 40 characters", f"{path}[{key}]")
        if not isinstance(value, str) or len(value) > 500:
            raise Invalid("Metadata values can have up to 500 characters", f"{path}[{key}]")
    return dict(values)


def integer(value: Any, param: str, least: int = 0) -> int:
    """A whole number of at least `least`, else Invalid(parameter_invalid_integer)."""
    if not isinstance(value, str) or not re.fullmatch(r"-?\d+", value) or int(value) < least:
        raise Invalid(f"Invalid integer: {value}", param, "parameter_invalid_integer")
    return int(value)


def required(given: dict[str, Any], key: str, path: str = "") -> Any:
    """The value, or Invalid(parameter_missing)."""
    name = f"{path}[{key}]" if path else key
    if given.get(key) in (None, "", [], {}):
        raise Invalid(f"Missing required param: {name}.", name, "parameter_missing")
    return given[key]


def line_items(given: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """(currency, [{name, description, unit_amount, quantity}]), amounts in minor units."""
    items, currency = [], ""
    rows = required(given, "line_items")
    for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
        path = f"line_items[{number}]"
        if row.get("price"):
            raise Invalid(f"No such price: '{row['price']}'", f"{path}[price]", "resource_missing")
        price = required(row, "price_data", path)
        own = str(required(price, "currency", f"{path}[price_data]")).lower()
        if not re.fullmatch(r"[a-z]{3}", own):
            raise Invalid(f"Invalid currency: {own}", f"{path}[price_data][currency]")
        if currency and own != currency:
            raise Invalid(
                "All prices of a payment link must have the same currency", f"{path}[price_data][currency]"
            )
        currency = own
        product = required(price, "product_data", f"{path}[price_data]")
        amount = required(price, "unit_amount", f"{path}[price_data]")
        items.append(
            {
                "name": required(product, "name", f"{path}[price_data][product_data]"),
                "description": product.get("description", ""),
                "unit_amount": integer(amount, f"{path}[price_data][unit_amount]", 1),
                "quantity": integer(required(row, "quantity", path), f"{path}[quantity]", 1),
            }
        )
    return currency, items
