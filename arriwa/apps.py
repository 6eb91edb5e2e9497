"""The composition root as a Django app: it owns the management commands, the checks and Celery's app."""

from __future__ import annotations

from django.apps import AppConfig


class ArriwaConfig(AppConfig):
    name = "arriwa"

    def ready(self) -> None:
        from arriwa import celery  # noqa: F401  (makes it the current Celery app)
        from arriwa.settings import checks  # noqa: F401  (registers the system checks)
