"""The queues as a Django app."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """Its tables are in the public schema."""

    name = "arriwa.outbox"
    label = "outbox"
