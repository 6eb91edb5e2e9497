"""What a Flowise connection needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from integrations.base.config import ConfigField, read_fields
from integrations.base.errors import ConfigurationError

FIELDS: tuple[ConfigField, ...] = (
    ConfigField("url", "Address", False, True, "Where Flowise runs, such as https://flows.example.org."),
    ConfigField("flow_id", "Agentflow id", False, True, "The last part of the agentflow's address."),
    ConfigField("key", "API key", True, True, "Flowise: API Keys; it must be the key bound to the flow."),
)

_FLOW_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class FlowiseSettings:
    """One Flowise connection."""

    url: str
    flow_id: str
    key: str = field(repr=False)

    @classmethod
    def from_connection(cls, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> FlowiseSettings:
        """Raises ConfigurationError naming the field that is missing or malformed."""
        values = read_fields("Flowise", FIELDS, config, secrets)
        try:
            parts = urlsplit(values["url"])
            plain = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            plain = False
        if not plain or parts.query or parts.fragment:
            raise ConfigurationError(
                'The Flowise connection\'s "url" must be a plain http or https address: correct it.',
                field="url",
            )
        if not _FLOW_ID.fullmatch(values["flow_id"]):
            raise ConfigurationError(
                "The Flowise connection's \"flow_id\" must be a UUID: copy it from the agentflow's address.",
                field="flow_id",
            )
        values["url"] = values["url"].rstrip("/").removesuffix("/api/v1")
        return cls(**values)
