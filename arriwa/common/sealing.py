"""Sealing of secrets and personal data (design, decision 13).

Keys are derived per organization from a master key; a sealed value carries its key's id and is
bound to organization and row, so that a value moved to another tenant or row does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from arriwa.common.errors import ArriwaError

_FORMAT = 1
_NONCE = 12
_encode = json.JSONEncoder(ensure_ascii=False).encode


class SealBroken(ArriwaError):
    """A sealed value does not open: it was changed, moved to another row, or its key is missing."""


@lru_cache(maxsize=4096)
def _derive(master: bytes, organization: UUID, purpose: str) -> bytes:
    info = f"arriwa/{purpose}/{organization}".encode()
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(master)


@lru_cache(maxsize=1024)
def _cipher(master: bytes, organization: UUID) -> AESGCM:
    return AESGCM(_derive(master, organization, "seal"))


def _key_id() -> int:
    if not settings.MASTER_KEYS:
        raise SealBroken("ARRIWA_MASTER_KEY is not set; nothing can be sealed or opened.")
    return max(settings.MASTER_KEYS)


class Sealer:
    """`seal` for one organization, with its key looked up once."""

    __slots__ = ("_bound", "_encrypt", "_head")

    def __init__(self, organization: UUID) -> None:
        """Raises SealBroken without a master key."""
        key_id = _key_id()
        self._head = bytes((_FORMAT, key_id))
        self._bound = f"{organization}/"
        self._encrypt = _cipher(settings.MASTER_KEYS[key_id], organization).encrypt

    def seal(self, value: bytes, *, row: str) -> bytes:
        """See the function of this name."""
        nonce = os.urandom(_NONCE)
        return self._head + nonce + self._encrypt(nonce, value, (self._bound + row).encode())


def seal(value: bytes, *, organization: UUID, row: str) -> bytes:
    """`value` encrypted for `organization` and bound to `row` (such as "subscriber:<uuid>:phone").

    Layout: format (1 byte), key id (1 byte), nonce (12 bytes), AES-256-GCM ciphertext with tag.
    """
    return Sealer(organization).seal(value, row=row)


def unseal(sealed: bytes | memoryview, *, organization: UUID, row: str) -> bytes:
    """The inverse of `seal`. Raises SealBroken when the value does not belong here."""
    data = bytes(sealed)
    if len(data) < 2 + _NONCE or data[0] != _FORMAT or data[1] not in settings.MASTER_KEYS:
        raise SealBroken()
    cipher = _cipher(settings.MASTER_KEYS[data[1]], organization)
    try:
        return cipher.decrypt(data[2 : 2 + _NONCE], data[2 + _NONCE :], f"{organization}/{row}".encode())
    except InvalidTag as error:
        raise SealBroken() from error


def seal_json(value: Any, *, organization: UUID, row: str) -> bytes:
    """`seal` for JSON-able values."""
    return seal(_encode(value).encode(), organization=organization, row=row)


def unseal_json(sealed: bytes | memoryview, *, organization: UUID, row: str) -> Any:
    """The inverse of `seal_json`."""
    return json.loads(unseal(sealed, organization=organization, row=row))


def keyed_hash(value: str, *, organization: UUID, purpose: str) -> str:
    """Hex HMAC-SHA256 under the organization's own key, for look-ups of what is stored sealed (L6).

    The first master key makes it, so that rotation of sealing keys leaves look-ups intact.
    """
    _key_id()
    master = settings.MASTER_KEYS[min(settings.MASTER_KEYS)]
    key = _derive(master, organization, f"hash/{purpose}")
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()
