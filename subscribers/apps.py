"""The domain as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class SubscribersConfig(AppConfig):
    """The domain; rings its own timers."""

    name = "subscribers"

    def ready(self) -> None:
        """Makes the domain's timers known to the outbox."""
        from arriwa.outbox.registry import register_timer
        from subscribers import imports  # registers its effect
        from subscribers.sender import HELD_BACK
        from subscribers.services.conversation import SILENCE, message_held_back, silence_ring

        assert imports
        register_timer(SILENCE, silence_ring)
        register_timer(HELD_BACK, message_held_back)
