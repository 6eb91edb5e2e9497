"""What a Meta connection needs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.base.config import ConfigField, read_fields

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
        """Hex HMAC-SHA256 of the token under the app secret, "" without one (DOCS["app_secret_proof"])."""
        if not self.app_secret:
            return ""
        return hmac.new(self.app_secret.encode(), self.token.encode(), hashlib.sha256).hexdigest()
