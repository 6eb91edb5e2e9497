"""Workspaces as a Django app of their own: their rows are the tenant's."""

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    """Its table is in each organization's schema."""

    name = "tenants.workspaces"
    label = "workspaces"
