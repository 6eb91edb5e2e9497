from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "arriwa.outbox"
    label = "outbox"
