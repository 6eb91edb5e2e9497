"""What a Gupshup connection needs (partner-docs.gupshup.io, "Universal tokens")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.base.config import ConfigField, read_fields

FIELDS: tuple[ConfigField, ...] = (
    ConfigField("app_id", "App id", False, True, "Gupshup partner portal, app details."),
    ConfigField("app_name", "App name", False, False, "The app's name; unique across all of Gupshup."),
    ConfigField("number", "WhatsApp number", False, True, "With country code, such as 37120000001."),
    ConfigField("number_id", "Phone number id", False, False, "Meta's id of the number (WABA info)."),
    ConfigField("waba_id", "WhatsApp business account id", False, False, "WABA info of the app."),
    ConfigField("token", "App token", True, True, "The app's access token; a universal app token by choice."),
)


@dataclass(frozen=True, slots=True)
class GupshupSettings:
    """One app, that is one number. `number` holds digits only."""

    app_id: str
    app_name: str
    number: str
    number_id: str
    waba_id: str
    token: str = field(repr=False)

    @classmethod
    def from_connection(cls, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> GupshupSettings:
        """Raises ConfigurationError naming the first required field that is missing."""
        values = read_fields("Gupshup", FIELDS, config, secrets)
        values["number"] = "".join(c for c in values["number"] if c.isdigit())
        return cls(**values)
