"""What a Flowise connection needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from integrations.base.config import ConfigField, read_fields
from integrations.base.errors import ConfigurationError

FIELDS: tuple[ConfigField, ...] = (
    ConfigField("url", "Address", False, True, "Where Flowise runs, such as https://flows.example.org."),
    ConfigField("way", "Way", False, False, "shared: the operator's server; own: yours."),
    ConfigField("flow_id", "Agentflow id", False, False, "The last part of the agentflow's address."),
    ConfigField("key", "API key", True, True, "Flowise: API Keys; it must be the key bound to the flow."),
)

#: How a workspace runs Flowise (design, T1). Open source has one workspace per server, so that "shared" keeps
#: tenants apart by keys; the last three are not there yet.
SHARED, OWN = "shared", "own"
WAYS = (SHARED, OWN, "managed", "enterprise", "cloud")

_FLOW_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class FlowiseSettings:
    """One Flowise connection."""

    url: str
    #: The agentflow for conversations whose number has none of its own; "" for none.
    flow_id: str
    key: str = field(repr=False)
    #: One of WAYS; "" for a connection of one given flow.
    way: str = ""

    @classmethod
    def from_connection(cls, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> FlowiseSettings:
        """Raises ConfigurationError naming the field that is missing or malformed."""
        values = read_fields("Flowise", FIELDS, config, secrets)
        values["url"] = address_checked(values["url"])
        if values["flow_id"]:
            flow_id_checked(values["flow_id"])
        return cls(**values)

    def for_flow(self, flow_id: str) -> FlowiseSettings:
        """The same server and key with a conversation's own agentflow; "" leaves the connection's."""
        return replace(self, flow_id=flow_id) if flow_id else self


def address_checked(url: str) -> str:
    """The address without its API path. Raises ConfigurationError when it is no plain http address."""
    text = url.strip()
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        plain = False
    if not plain or parts.query or parts.fragment:
        raise ConfigurationError(
            'The Flowise connection\'s "url" must be a plain http or https address: correct it.',
            field="url",
        )
    return text.rstrip("/").removesuffix("/api/v1")


def flow_id_checked(flow_id: str) -> str:
    """The id of an agentflow, which becomes a part of a path. Raises ConfigurationError."""
    if not _FLOW_ID.fullmatch(flow_id):
        raise ConfigurationError(
            "The Flowise connection's \"flow_id\" must be a UUID: copy it from the agentflow's address.",
            field="flow_id",
        )
    return flow_id
