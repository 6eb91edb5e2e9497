from __future__ import annotations

from django.apps import AppConfig


class SubscribersConfig(AppConfig):
    name = "subscribers"

    def ready(self) -> None:
        from arriwa.outbox.registry import register_timer
        from subscribers.services.conversation import SILENCE, silence_ring

        register_timer(SILENCE, silence_ring)
