"""The composition root as a Django app: it owns the management commands, the checks and Celery's app."""

from __future__ import annotations

from django.apps import AppConfig


class ArriwaConfig(AppConfig):
    """Makes the Celery app current and registers the system checks."""

    name = "arriwa"

    def ready(self) -> None:
        """Runs once all models are loaded."""
        from arriwa import celery  # noqa: F401  (makes it the current Celery app)
        from arriwa.settings import checks  # noqa: F401  (registers the system checks)
