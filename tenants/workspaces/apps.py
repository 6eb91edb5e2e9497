from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "tenants.workspaces"
    label = "workspaces"
