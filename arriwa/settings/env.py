"""The one reader of the environment. Every variable is listed in docs/configuration.md."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """The variable as text, `default` when unset or empty."""
    return os.environ.get(name) or default


def flag(name: str, default: bool = False) -> bool:
    """1, true, yes, on → True; 0, false, no, off → False. Raises ImproperlyConfigured otherwise."""
    value = text(name).lower()
    if not value:
        return default
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def number(name: str, default: float) -> float:
    """The variable as a number. Raises ImproperlyConfigured when it is none."""
    try:
        return float(text(name, str(default)))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a number.") from error


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list without empty items."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def database(name: str, default: str) -> dict[str, Any]:
    """A postgres:// URL as Django's settings; query parameters become libpq options."""
    url = urlsplit(text(name, default))
    if url.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(f"{name} must start with postgres://.")
    options = dict(parse_qsl(url.query))
    return {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": options.pop("host", "") or unquote(url.hostname or ""),
        "PORT": str(url.port or options.pop("port", "") or ""),
        "OPTIONS": options,
    }


def mail(name: str) -> dict[str, Any]:
    """smtp://user:password@host:587 (STARTTLS) or smtps://… as Django's settings; {} when unset.

    Raises ImproperlyConfigured for another scheme or without a host.
    """
    given = text(name)
    if not given:
        return {}
    url = urlsplit(given)
    if url.scheme not in ("smtp", "smtps") or not url.hostname:
        raise ImproperlyConfigured(f"{name} must be smtp://… or smtps://… with a host.")
    ssl = url.scheme == "smtps"
    return {
        "host": url.hostname,
        "port": url.port or (465 if ssl else 587),
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "ssl": ssl,
        "starttls": not ssl and bool(url.username),
    }


def master_keys(name: str) -> dict[int, bytes]:
    """Sealing keys as `id:base64,id:base64` or one bare base64 key (id 1); the last id seals.

    Raises ImproperlyConfigured when a key is not 32 bytes of base64.
    """
    keys: dict[int, bytes] = {}
    for item in words(name):
        head, _, tail = item.rpartition(":")
        try:
            key = base64.b64decode(tail, validate=True)
            keys[int(head or 1)] = key
        except (binascii.Error, ValueError) as error:
            raise ImproperlyConfigured(f"{name} holds a key that is not id:base64.") from error
        if len(key) != 32:
            raise ImproperlyConfigured(f"{name} holds a key that is not 32 bytes long.")
    return keys
