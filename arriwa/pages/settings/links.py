"""Links that leave the house."""

from __future__ import annotations

from django.conf import settings


def invitation_url(secret: str) -> str:
    """What an invited person opens."""
    return f"{settings.PUBLIC_URL}/join/{secret}"
