"""What a Meta connection needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.base.config import ConfigField, read_fields
from integrations.base.errors import ConfigurationError
from integrations.meta.graph import secret_proof

FIELDS: tuple[ConfigField, ...] = (
    ConfigField("ad_account_id", "Ad account", False, True, "Ads Manager: the digits after act_."),
    ConfigField(
        "dataset_id", "Messaging dataset", False, True, "Events Manager: the dataset of the WhatsApp account."
    ),
    ConfigField("waba_id", "WhatsApp Business account", False, True, "Business settings: WhatsApp accounts."),
    ConfigField("good_pixel_id", "GOOD pixel", False, False, "Events Manager: the pixel for valid events."),
    ConfigField(
        "noise_pixel_id", "NOISE pixel", False, False, "Events Manager: a second pixel, for exclusions."
    ),
    ConfigField("catalog_id", "Catalog", False, False, "Commerce Manager: the catalog shown in WhatsApp."),
    ConfigField(
        "token", "Access token", True, True, "Business settings: a system user's token, or sign in again."
    ),
    ConfigField("app_secret", "App secret", True, False, "App dashboard: Settings, Basic; signs every call."),
)

_ROLE_FIELDS = {"messaging": "dataset_id", "good_pixel": "good_pixel_id", "noise_pixel": "noise_pixel_id"}


@dataclass(frozen=True, slots=True)
class MetaSettings:
    """One Meta connection: decimal ids, and the secrets that never show in a repr."""

    ad_account_id: str
    dataset_id: str
    waba_id: str
    good_pixel_id: str
    noise_pixel_id: str
    catalog_id: str
    token: str = field(repr=False)
    app_secret: str = field(repr=False)

    @classmethod
    def from_connection(cls, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> MetaSettings:
        """Raises ConfigurationError naming the field that is missing or is no Meta id."""
        values = read_fields("Meta", FIELDS, config, secrets)
        values["ad_account_id"] = values["ad_account_id"].removeprefix("act_")
        for spec in FIELDS:
            text = values[spec.name]
            # The ids become part of a URL's path.
            if not spec.secret and text and not (text.isascii() and text.isdigit()):
                raise ConfigurationError(
                    f'The Meta connection\'s "{spec.name}" must consist of digits only: correct it.',
                    field=spec.name,
                )
        return cls(**values)

    def dataset_for(self, role: str) -> str:
        """The id behind a role of `payloads.destinations`: messaging, good_pixel or noise_pixel.

        Raises ConfigurationError when the connection has none.
        """
        name = _ROLE_FIELDS[role]
        value: str = getattr(self, name)
        if not value:
            raise ConfigurationError(
                f'The Meta connection has no "{name}": open it and fill it in.', field=name
            )
        return value

    @property
    def app_secret_proof(self) -> str:
        """See `secret_proof`."""
        return secret_proof(self.token, self.app_secret)
