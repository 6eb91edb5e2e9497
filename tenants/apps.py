"""Who may go where, as a Django app."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Its tables are in the public schema."""

    name = "tenants"
