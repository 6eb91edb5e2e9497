"""Sending messages (L15, L20, L21) and settling sends in doubt (design 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings as django_settings

from arriwa.common import clock
from arriwa.outbox.enqueue import timer_set
from arriwa.outbox.registry import Claimed, Outcome, Verdict, register_effect, register_rate, register_timer
from integrations.base.effects import DONE, DeliveryEffect, Job, Proof, Skip
from integrations.base.errors import ConfigurationError
from integrations.base.opened import settings_opened
from integrations.base.routing import route_for_conversation
from integrations.base.urls import platform_url
from integrations.gupshup import onboarding_effect, onboarding_mail  # noqa: F401  (they register themselves)
from integrations.gupshup.client import GupshupClient
from integrations.gupshup.config import GupshupSettings
from integrations.gupshup.kinds import DOUBT_TIMER, MESSAGE
from integrations.gupshup.payloads import message_body
from integrations.gupshup.sends import sends_accepted, sends_read
from integrations.gupshup.status_matching import deliveries_awaited, statuses_match
from integrations.gupshup.tokens import TokenEffect, token_refused
from integrations.models import Connection, Delivery
from subscribers.content import Content, ProductCards
from subscribers.models import Conversation, Message
from subscribers.sender import Withheld, message_hold_back, outgoing
from subscribers.services.identity import person_open

# WhatsApp: about one message in 6 s to one person with a burst of 45 (reference gupshup 2.4, 131056);
# 80 messages a second from one number.
register_rate("gupshup:pair", per_second=1 / 6, burst=45)
#: Sends with a refused token before a person has to look.
TOKEN_ATTEMPTS = 8
register_rate("gupshup:app", per_second=django_settings.GUPSHUP_RATE, burst=django_settings.GUPSHUP_RATE)


class MessageEffect(DeliveryEffect):
    """One message to one person. Gupshup knows no idempotency key: a send in doubt is never repeated."""

    kind = MESSAGE
    queue = "interactive"
    idempotent = False
    max_attempts = 12

    def read(self, ids: list[UUID]) -> tuple[dict[UUID, Delivery], dict[UUID, Any]]:
        """Deliveries and their messages with conversation and subscriber, by one statement."""
        return sends_read(ids)

    def settings(self, connection: Connection) -> GupshupSettings:
        """The app and its token. Raises ConfigurationError."""
        return settings_opened(GupshupSettings.from_connection, connection)

    def build(self, delivery: Delivery, fact: Any) -> dict[str, Any]:
        """The message or its template in v3 (R3). Raises Skip when neither may go, ConfigurationError."""
        message: Message | None = fact
        if message is None:
            raise ConfigurationError("The message that was to be sent is gone.")
        out = outgoing(message, now=clock.now())
        if isinstance(out, Withheld):
            if out.owed:
                message_hold_back(message)
            raise Skip(out.reason)
        delivery.data["template"] = out.template
        person = person_open(message.conversation.subscriber)
        content = _by_route(out.content, message.conversation)
        return message_body(content, phone=person["phone"] or None, user_id=person["user_id"] or None)

    def deliver(self, job: Job) -> Proof:
        """Sends once. Raises the errors of `GupshupClient.send_message`."""
        sent = _client(platform_url("gupshup"), job.settings).send_message(job.request)
        return Proof(sent.gs_id, {"message_id": sent.gs_id, "status": sent.status})

    def write_proofs(self, jobs: Sequence[Job]) -> None:
        """With the proofs Gupshup's ids go to the messages; their conversations are locked."""
        sends_accepted([job.delivery for job in jobs])

    def confirmed_many(self, jobs: Sequence[Job]) -> None:
        """Applies statuses that came before their message's id was known."""
        for delivery in deliveries_awaited([job.delivery for job in jobs]):
            statuses_match(delivery)

    def doubtful(self, job: Job, task: Claimed) -> Verdict:
        """The send waits for a status; its lane goes on (design 3)."""
        doubt_begin(job.delivery)
        return DONE

    def resolve(self, delivery: Delivery, fact: Any, task: Claimed) -> Verdict | None:
        """A dead process had started this send: it counts as in doubt and frees its lane."""
        doubt_begin(delivery)
        return DONE

    def renewed(self, job: Job, task: Claimed) -> Verdict | None:
        """A token that ended is replaced; the refused send went nowhere and is made again."""
        # A locked account is no matter of the token.
        if getattr(job.error, "status", None) != 401 or task.attempts > TOKEN_ATTEMPTS:
            return None
        mine = token_refused(job.delivery.connection_id, job.settings.token)
        return Verdict(Outcome.RETRY, delay=1.0) if mine else None

    def held(self, delivery: Delivery) -> Verdict:
        """Waits until the connection is resumed."""
        return Verdict(Outcome.HOLD)


def _by_route(content: Content, conversation: Conversation) -> Content:
    """Product cards show the catalog of the number's route, where one is chosen (T3.6)."""
    if not isinstance(content, ProductCards):
        return content
    catalog = route_for_conversation(conversation).catalog
    return replace(content, catalog_id=catalog.external_id) if catalog else content


@lru_cache(maxsize=1024)
def _client(base_url: str, settings: GupshupSettings) -> GupshupClient:
    return GupshupClient(base_url=base_url, settings=settings)


def doubt_begin(delivery: Delivery) -> None:
    """Nobody knows whether the message went out: its next status tells, or the timer ends the wait."""
    delivery.data["doubt"] = True
    delivery.save(update_fields=["data", "error_code", "error_text"])
    due = clock.now() + timedelta(seconds=django_settings.SEND_DOUBT_SECONDS)
    timer_set(kind=DOUBT_TIMER, subject=delivery.id, turn=0, due_at=due)
    statuses_match(delivery)


def doubt_end(delivery_id: UUID, turn: int) -> None:
    """The wait is over and no status came: `unknown`, for a human (design 3)."""
    delivery = Delivery.objects.select_for_update().filter(id=delivery_id).first()
    if delivery is None or delivery.state != Delivery.State.STARTED or not delivery.data.get("doubt"):
        return
    delivery.state = Delivery.State.UNKNOWN
    delivery.finished_at = clock.now()
    delivery.error_code = "outcome_unknown"
    delivery.error_text = (
        "Gupshup did not answer and no status came: the message may or may not have arrived."
    )
    delivery.save(update_fields=["state", "finished_at", "error_code", "error_text"])


register_effect(MessageEffect())
register_effect(TokenEffect())
register_timer(DOUBT_TIMER, doubt_end)
