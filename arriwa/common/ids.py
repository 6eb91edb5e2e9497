"""Deterministic ids (R1)."""

from __future__ import annotations

from uuid import UUID, uuid5

_NAMESPACE = UUID("6f0f3c1e-3f55-5f0e-9d0b-3a1f8a1c7a11")


def event_id(*, organization: UUID, fact: str, account: str, action: str) -> UUID:
    """UUIDv5 of organization, fact, platform account and action (design 3).

    The same effect has the same id however often and wherever it is computed.
    """
    return uuid5(_NAMESPACE, "\x1f".join((str(organization), fact, account, action)))
