"""The platforms as a Django app."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings


class IntegrationsConfig(AppConfig):
    """Loads the adapters of `settings.PLATFORMS`."""

    name = "integrations"

    def ready(self) -> None:
        """Registers every platform's effects, receivers, intakes and checks."""
        for platform in settings.PLATFORMS:
            import_module(f"{platform}.effects")
            import_module(f"{platform}.receivers")
            import_module(f"{platform}.checks")
