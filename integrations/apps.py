from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        for platform in settings.PLATFORMS:
            import_module(f"{platform}.effects")
            import_module(f"{platform}.receivers")
