"""What a Kommo connection needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from integrations.base.config import ConfigField, read_fields
from integrations.base.errors import ConfigurationError

FIELDS: tuple[ConfigField, ...] = (
    ConfigField("subdomain", "Subdomain", False, True, "The first part of your account's address."),
    ConfigField("account_id", "Account id", False, False, "Filled in when the connection is checked."),
    ConfigField("pipeline_id", "Pipeline", False, False, "The pipeline for new deals."),
    ConfigField("stages", "Stages", False, False, "Which stage stands for new, qualified and paid."),
    ConfigField("fields", "Fields", False, False, "Which custom field holds which answer."),
    ConfigField("host", "Host", False, False, "Filled in when the account is connected by signing in."),
    ConfigField("token", "Long-lived token", True, True, "Integration settings: Keys and scopes."),
)
#: How a connection came about; stands in its config as "auth".
LONG_LIVED, OAUTH = "long_lived", "oauth"
DEFAULT_URL = "https://{subdomain}.kommo.com"

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[a-z0-9-]+\.(?:kommo\.com|amocrm\.com|amocrm\.ru)")


def host_allowed(host: str) -> bool:
    """Whether `host` is an account's host at Kommo or amoCRM.

    A token or client secret goes to no other host, whatever a callback's `referer` claims. Matches the
    whole text, so a trailing newline does not pass.
    """
    return _HOST.fullmatch(host) is not None


def subdomain_of(text: str) -> str:
    """The account's subdomain from what people paste: "acme", "acme.kommo.com", "https://acme.kommo.com/".

    Raises ConfigurationError when it is no such thing.
    """
    host = text.strip().lower().removeprefix("https://").partition("/")[0]
    name = host.partition(".")[0] if host_allowed(host) else host
    if not _LABEL.fullmatch(name):
        raise ConfigurationError(
            'The Kommo connection\'s "subdomain" is only the first part of the address: correct it.',
            field="subdomain",
        )
    return name


def account_url(template: str, *, subdomain: str, host: str = "") -> str:
    """Where an account is served. `template`: the operator's, such as https://{subdomain}.kommo.com.

    `host` is the account's own, which may be amoCRM's; it counts only while the operator uses Kommo itself,
    so that a proxy or the sandbox stays in the way. Raises ConfigurationError for a foreign host.
    """
    if host and not host_allowed(host):
        raise ConfigurationError("This is no host of Kommo: connect the account again.", field="host")
    if host and template.rstrip("/") == DEFAULT_URL:
        return f"https://{host}"
    return template.replace("{subdomain}", subdomain).rstrip("/")


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A custom field: `entity` is leads or contacts."""

    entity: str
    field_id: int


@dataclass(frozen=True, slots=True)
class KommoSettings:
    """One Kommo connection. 0 and empty maps stand for what is not chosen yet."""

    subdomain: str
    account_id: int
    pipeline_id: int
    #: stage key (new, qualified, paid) -> status id
    stages: Mapping[str, int]
    #: CRM field key (cf_niche …) -> field
    fields: Mapping[str, FieldRef]
    token: str = field(repr=False)
    #: The account's host when it is known: Kommo's or amoCRM's.
    host: str = ""

    @classmethod
    def from_connection(cls, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> KommoSettings:
        """Raises ConfigurationError naming the field that is missing or malformed."""
        values = read_fields("Kommo", FIELDS, config, secrets)
        return cls(
            subdomain=subdomain_of(values["subdomain"]),
            account_id=_number("account_id", values["account_id"] or 0),
            pipeline_id=_number("pipeline_id", values["pipeline_id"] or 0),
            stages=MappingProxyType(
                {key: _number(f"stages.{key}", value) for key, value in _map(config, "stages").items()}
            ),
            fields=MappingProxyType(
                {key: _field_ref(key, value) for key, value in _map(config, "fields").items()}
            ),
            token=values["token"],
            host=values["host"],
        )

    def with_token(self, token: str) -> KommoSettings:
        """The same account with another access token."""
        return replace(self, token=token)

    def pipeline(self) -> int:
        """The chosen pipeline's id. Raises ConfigurationError without one."""
        if not self.pipeline_id:
            raise ConfigurationError(
                "The Kommo connection has no pipeline_id: choose one.", field="pipeline_id"
            )
        return self.pipeline_id

    def stage(self, key: str) -> int:
        """The status id of a stage key. Raises ConfigurationError naming the stage without one."""
        status_id = self.stages.get(key)
        if not status_id:
            raise ConfigurationError(
                f'The Kommo connection maps no stage "{key}": map it.', field=f"stages.{key}"
            )
        return status_id

    def field(self, key: str) -> FieldRef:
        """The custom field of a key such as cf_niche. Raises ConfigurationError naming it without one."""
        ref = self.fields.get(key)
        if ref is None:
            raise ConfigurationError(
                f'The Kommo connection maps no field "{key}": map it.', field=f"fields.{key}"
            )
        return ref


def _map(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name) or {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f'The Kommo connection\'s "{name}" must be a map.', field=name)
    return value


def _number(name: str, value: object) -> int:
    text = str(value).strip()
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f'The Kommo connection\'s "{name}" must be a whole number.', field=name)
    return int(text)


def _field_ref(key: str, value: object) -> FieldRef:
    name = f"fields.{key}"
    entity = value.get("entity") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or entity not in ("leads", "contacts"):
        raise ConfigurationError(
            f'The Kommo connection\'s "{name}" needs the entity leads or contacts.', field=name
        )
    return FieldRef(str(entity), _number(f"{name}.field_id", value.get("field_id")))
