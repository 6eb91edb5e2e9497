"""The domain as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class SubscribersConfig(AppConfig):
    """The domain; rings its own timer."""

    name = "subscribers"

    def ready(self) -> None:
        """Makes the silence timer known to the outbox."""
        from arriwa.outbox.registry import register_timer
        from subscribers.services.conversation import SILENCE, silence_ring

        register_timer(SILENCE, silence_ring)
