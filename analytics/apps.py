"""Analysis as a Django app."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Its tables are in each organization's schema."""

    name = "analytics"
