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


def email(name: str, default: str) -> dict[str, Any]:
    """How mail leaves, as Django's settings: smtp://user:password@host:port, smtps:, file:///…, console:.

    smtp: uses STARTTLS unless `?tls=0`. Raises ImproperlyConfigured for another scheme.
    """
    url = urlsplit(text(name, default))
    backend = "django.core.mail.backends"
    if url.scheme == "console":
        return {"EMAIL_BACKEND": f"{backend}.console.EmailBackend"}
    if url.scheme == "file":
        return {"EMAIL_BACKEND": f"{backend}.filebased.EmailBackend", "EMAIL_FILE_PATH": unquote(url.path)}
    if url.scheme not in ("smtp", "smtps"):
        raise ImproperlyConfigured(f"{name} must start with smtp://, smtps://, file:// or be console:.")
    tls = url.scheme == "smtp" and dict(parse_qsl(url.query)).get("tls") != "0"
    return {
        "EMAIL_BACKEND": f"{backend}.smtp.EmailBackend",
        "EMAIL_HOST": url.hostname or "localhost",
        "EMAIL_PORT": url.port or (465 if url.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_SSL": url.scheme == "smtps",
        "EMAIL_USE_TLS": tls,
        "EMAIL_TIMEOUT": 20,
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
