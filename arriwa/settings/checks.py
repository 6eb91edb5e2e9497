"""What must be set before Arriwa serves anyone (Django system checks)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def secrets_are_set(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Names every secret that is missing outside tests."""
    missing = []
    if not settings.SECRET_KEY:
        missing.append("ARRIWA_SECRET_KEY")
    if not settings.MASTER_KEYS:
        missing.append("ARRIWA_MASTER_KEY")
    if not settings.ALLOWED_HOSTS:
        missing.append("ARRIWA_ALLOWED_HOSTS")
    return [
        Error(f"{name} is not set.", hint="See docs/configuration.md.", id=f"arriwa.E{i:03}")
        for i, name in enumerate(missing, 1)
    ]
