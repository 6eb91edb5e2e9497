"""Celery runs, PostgreSQL remembers: its broker carries wake-ups only (design, decision 4)."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arriwa.settings")

app = Celery("arriwa")
app.config_from_object("django.conf:settings", namespace="CELERY")
#: Apps with a module of Celery tasks.
WITH_TASKS = [
    "arriwa.outbox",
    "arriwa.signin",
    "integrations.base",
    "integrations.gupshup",
    "integrations.kommo",
    "integrations.receipts",
    "tenants",
]
app.autodiscover_tasks(WITH_TASKS, related_name="tasks")


@setup_logging.connect
def _use_django_logging(**kwargs: Any) -> None:
    """Celery keeps its hands off the logging that settings configure."""
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)
