"""What a Stripe connection needs: the tenant's own restricted key and its endpoint's secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.base.config import ConfigField, read_fields
from integrations.base.errors import ConfigurationError

FIELDS: tuple[ConfigField, ...] = (
    ConfigField(
        "account",
        "Connected account",
        False,
        False,
        "acct_…, only when the key is a platform's and acts for this account; else leave it empty.",
    ),
    ConfigField(
        "key",
        "Restricted key",
        True,
        True,
        "rk_…, with write access to Payment Links, Prices, Products and Webhook Endpoints.",
    ),
    ConfigField(
        "webhook_secret", "Webhook secret", True, False, "whsec_…, told once when the endpoint is created."
    ),
)


@dataclass(frozen=True, slots=True)
class StripeSettings:
    """One Stripe account. `account` is sent as Stripe-Account when it is not ""."""

    account: str
    key: str = field(repr=False)
    webhook_secret: str = field(repr=False)

    @classmethod
    def from_connection(cls, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> StripeSettings:
        """Raises ConfigurationError for a missing key, an all-powerful live key and a publishable one."""
        values = read_fields("Stripe", FIELDS, config, secrets)
        if values["key"].startswith("sk_live_"):
            raise ConfigurationError(
                "An unrestricted live key may do everything: make a restricted one (rk_live_…).",
                field="key",
            )
        if values["key"].startswith("pk_"):
            raise ConfigurationError(
                "This is a publishable key, which can create nothing: put in the restricted one (rk_…).",
                field="key",
            )
        return cls(**values)

    @property
    def livemode(self) -> bool:
        """Whether the key moves real money."""
        return "_live_" in self.key[:8]
