from django.apps import AppConfig


class ReceiptsConfig(AppConfig):
    name = "integrations.receipts"
    label = "receipts"
