"""What a Meta connection needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.base.config import ConfigField, read_fields
from integrations.meta.graph import secret_proof

FIELDS: tuple[ConfigField, ...] = (
    ConfigField(
        "token", "Access token", True, True, "Business settings: a system user's token, or sign in again."
    ),
    ConfigField("app_secret", "App secret", True, False, "App dashboard: Settings, Basic; signs every call."),
)


@dataclass(frozen=True, slots=True)
class MetaSettings:
    """One access to Meta; its secrets never show in a repr. What it works on are the connection's assets."""

    token: str = field(repr=False)
    app_secret: str = field(repr=False)

    @classmethod
    def from_connection(cls, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> MetaSettings:
        """Raises ConfigurationError naming the field that is missing."""
        return cls(**read_fields("Meta", FIELDS, config, secrets))

    @property
    def app_secret_proof(self) -> str:
        """See `secret_proof`."""
        return secret_proof(self.token, self.app_secret)
