"""How an adapter says what a Connection needs, and how it reads it (design 2, "An adapter")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.base.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One setting of a Connection. A `secret` lives in its sealed secrets, the rest in its config."""

    name: str
    label: str
    secret: bool
    required: bool
    #: Where the owner finds the value.
    help: str


def read_fields(
    platform: str,
    fields: tuple[ConfigField, ...],
    config: Mapping[str, Any],
    secrets: Mapping[str, Any],
) -> dict[str, str]:
    """Every field's value as stripped text, "" when an optional one is absent.

    Raises ConfigurationError naming the first required field that has no value.
    """
    values: dict[str, str] = {}
    for field in fields:
        given = (secrets if field.secret else config).get(field.name)
        text = "" if given is None else str(given).strip()
        if field.required and not text:
            raise ConfigurationError(
                f'The {platform} connection has no "{field.name}" ({field.label}): open it and fill it in.',
                field=field.name,
            )
        values[field.name] = text
    return values
