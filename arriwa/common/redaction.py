"""Takes phone numbers and credentials out of what is stored or logged (design 13). Pure.

Ids and hashes stay: they are what a delivery is proved by.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

PHONE = "[phone]"
SECRET = "[secret]"

_PHONE_KEYS = frozenset(
    {
        "destination",
        "display_phone_number",
        "from",
        "input",
        "mobile",
        "phone",
        "phones",
        "previous_wa_id",
        "recipient_id",
        "source",
        "to",
        "wa_id",
    }
)
_SECRET_KEYS = frozenset(
    {
        "apikey",
        "api_key",
        "appsecret_proof",
        "authorization",
        "cookie",
        "key",
        "password",
        "secret",
        "set_cookie",
        "stripe_signature",
        "token",
        "x_api_key",
        "x_arriwa_key",
    }
)
_SECRET_ENDINGS = ("_apikey", "_api_key", "_password", "_secret", "_token")

#: Digits with the usual separators, standing alone: hashes and ids have letters beside theirs.
_DIGITS = re.compile(r"(?<![0-9A-Za-z_.])\+?\d(?:[ ().-]{0,2}\d){6,19}(?![0-9A-Za-z_])")
_PLUS_PHONE = re.compile(r"(?<![0-9A-Za-z])\+\d(?:[ ().-]{0,2}\d){6,19}(?!\d)")
_CHAT_LINK = re.compile(r"(wa\.me/|whatsapp\.com/send/?\?phone=)\+?\d{7,20}", re.IGNORECASE)
_KEYED_PHONE = re.compile(
    r"(\b(?:" + "|".join(sorted(_PHONE_KEYS)) + r")\\?[\"']?\s*[:=]\s*\\?[\"']?)\+?\d{7,20}(?![0-9A-Za-z_])",
    re.IGNORECASE,
)
_KEYED_SECRET = re.compile(
    r"((?:token|secret|password|apikey|api[_-]key|appsecret_proof|authorization|"
    r"x-arriwa-key|cookie|stripe-signature|[?&]key)\\?[\"']?\s*[:=]\s*\\?[\"']?)"
    r"(?:(?:bearer|basic)\s+)?[^\s\"'&;}\\]+",
    re.IGNORECASE,
)
_BARE_SECRETS = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"(?:sk|rk|whsec)_[0-9A-Za-z_]{4,}"  # Stripe, Gupshup's app token
    r"|EAA[0-9A-Za-z]{12,}"  # Meta
    r"|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # JWT
    r")"
)
_BEARER = re.compile(r"\b(bearer|basic)\s+[0-9A-Za-z._~+/=-]{8,}", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^\s/:@]{0,100}:)[^\s/@]{1,200}(?=@)")


#: Every pattern above needs one of these: most texts (ids, words) hold none and are left at once.
_SUSPICIOUS = re.compile(r"[:=+/\s]|sk_|rk_|whsec_|EAA|eyJ")


def redact_text(text: str) -> str:
    """`text` without credentials, "+" phone numbers, and numbers that a phone's key or chat link names."""
    if _SUSPICIOUS.search(text) is None:
        return text
    return _redacted(text)


def _redacted(text: str) -> str:
    """All patterns, one after the other, but for those that lack a character that they cannot do without."""
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\g<1>{SECRET}", text)
    text = _BEARER.sub(rf"\g<1> {SECRET}", text)
    keyed = ":" in text or "=" in text
    if keyed:
        text = _KEYED_SECRET.sub(rf"\g<1>{SECRET}", text)
    text = _BARE_SECRETS.sub(SECRET, text)
    if "/" in text:
        text = _CHAT_LINK.sub(rf"\g<1>{PHONE}", text)
    if keyed:
        text = _KEYED_PHONE.sub(rf"\g<1>{PHONE}", text)
    return _PLUS_PHONE.sub(PHONE, text) if "+" in text else text


def redact(value: Any) -> Any:
    """A copy of a JSON-like value without phones and credentials.

    A secret's key loses its whole value, a phone's key its numbers; all texts go through `redact_text`.
    Bytes become text. Other objects (dates, UUIDs) stay as they are.
    """
    return _redact(value, is_phone=False)


def _redact(value: Any, *, is_phone: bool) -> Any:
    if isinstance(value, Mapping):
        return {_key(key): _redact_field(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_redact(item, is_phone=is_phone) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, bytes | bytearray):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        text = redact_text(value)
        return _DIGITS.sub(PHONE, text) if is_phone else text
    if is_phone and isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**6:
        return PHONE
    return value


def _key(key: Any) -> Any:
    """Some platforms key their answers by phone number."""
    return redact_text(key) if isinstance(key, str) else key


def _redact_field(key: Any, value: Any) -> Any:
    name = str(key).lower().replace("-", "_")
    if name in _SECRET_KEYS or name.endswith(_SECRET_ENDINGS):
        return value if value is None or value == "" or isinstance(value, bool) else SECRET
    return _redact(value, is_phone=name in _PHONE_KEYS)


class RedactingFilter(logging.Filter):
    """Redacts a record's message, arguments, traceback and stack.

    Put it on every handler: a logger's filter does not see its children's records. A formatter that
    renders `exc_info` by itself, instead of the record's `exc_text`, must pass the result to `redact_text`.
    """

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Changes the record in place; never drops it and never raises."""
        if isinstance(record.msg, Mapping):
            record.msg = redact(record.msg)
        else:
            record.msg = redact_text(_message(record))
            record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact_text(record.exc_text)
        if record.stack_info:
            record.stack_info = redact_text(record.stack_info)
        return True


def _message(record: logging.LogRecord) -> str:
    """The message with its redacted arguments; both side by side when they do not fit each other."""
    args = record.args
    if isinstance(args, Mapping | tuple):
        record.args = redact(args)
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args!r}"
