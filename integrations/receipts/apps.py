"""Incoming hooks as a Django app."""

from django.apps import AppConfig


class ReceiptsConfig(AppConfig):
    """Its table is in the public schema."""

    name = "integrations.receipts"
    label = "receipts"
