"""Events to datasets and pixels, and what the Graph knows of an ad (L8, L9, L17, L18, L20, L21; R4)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from analytics.services import ad_metadata_record
from arriwa.common import clock
from arriwa.common.errors import ArriwaError
from arriwa.common.money import minor_to_major
from arriwa.outbox.registry import Attempt, register_effect, register_rate
from integrations.base.effects import DeliveryEffect, Job, Proof, Skip
from integrations.base.errors import ConfigurationError, IntegrationError
from integrations.base.urls import platform_url
from integrations.meta import payloads
from integrations.meta.access import meta_settings
from integrations.meta.ads_client import AdsClient
from integrations.meta.client import MetaClient
from integrations.meta.config import MetaSettings
from integrations.meta.errors import is_poison
from integrations.models import Connection, Delivery
from subscribers.models import JourneyEvent, Touchpoint
from subscribers.services.identity import person_open
from subscribers.services.inbound import touchpoint_enrich

EVENT = "meta.event"
AD = "meta.ad"

register_rate("meta:account", per_second=20, burst=100)


class EventEffect(DeliveryEffect):
    """Conversions API events, several of one dataset in a call; each keeps its own event id."""

    kind = EVENT
    queue = "events"
    batch = 50

    def load(self, deliveries: list[Delivery]) -> dict[UUID, Any]:
        """Journey events with their subscriber, by delivery."""
        events = JourneyEvent.objects.select_related("subscriber").in_bulk(
            [delivery.fact for delivery in deliveries]
        )
        return {delivery.id: events.get(delivery.fact) for delivery in deliveries}

    def settings(self, connection: Connection) -> MetaSettings:
        """The token and what signs its calls. Raises ConfigurationError."""
        return meta_settings(connection)

    def build(self, delivery: Delivery, fact: Any) -> dict[str, Any]:
        """An event for dataset or pixel (design 4). Raises Skip, ConfigurationError, Rejected."""
        event: JourneyEvent | None = fact
        if event is None:
            raise ConfigurationError("The journey event that was to be told is gone.")
        moment = int(event.occurred_at.timestamp())
        problem = payloads.event_time_problem(moment, clock.now().timestamp() + 1)
        if problem:
            raise Skip(f"Meta takes no event of this time ({problem}).")
        person = person_open(event.subscriber)
        common: dict[str, Any] = {
            "event_name": delivery.action,
            "event_id": str(delivery.id),
            "event_time": moment,
            "phone": person["phone"] or None,
            "external_id": str(event.subscriber_id),
            "country": event.subscriber.country or None,
            "custom_data": _custom_data(event),
        }
        role = delivery.data["role"]
        if role == "messaging":
            return payloads.messaging_event(
                **common, click_id=delivery.data["click_id"], waba_id=delivery.data["waba_id"]
            )
        return payloads.pixel_event(**common, noise=role == "noise_pixel")

    def group(self, attempts: list[Attempt]) -> list[Attempt]:
        """All events of the batch in one call; their batch key is one dataset."""
        settled = [attempt for attempt in attempts if attempt.verdict is not None]
        ready = [attempt for attempt in attempts if attempt.verdict is None]
        if not ready:
            return settled
        together = Attempt([task for attempt in ready for task in attempt.tasks])
        together.payload = [job for attempt in ready for job in attempt.payload]
        return [*settled, together]

    def call(self, attempt: Attempt) -> None:
        """Sends the batch; each job gets its own proof or error."""
        self._send(attempt.payload)

    def _send(self, jobs: list[Job]) -> None:
        """One call for all; a batch with an unacceptable event is halved until that one is alone."""
        target, settings = jobs[0].delivery.target, jobs[0].settings
        client = MetaClient(base_url=platform_url("meta"), settings=settings)
        try:
            accepted = client.send_events(target, payloads.batch_body([job.request for job in jobs]))
        except ArriwaError as error:
            if len(jobs) > 1 and isinstance(error, IntegrationError) and is_poison(error):
                middle = len(jobs) // 2
                self._send(jobs[:middle])
                self._send(jobs[middle:])
                return
            for job in jobs:
                job.error = error
            return
        for job in jobs:
            job.proof = Proof(
                accepted.fbtrace_id,
                {
                    "events_received": accepted.events_received,
                    "fbtrace_id": accepted.fbtrace_id,
                    "event_id": str(job.delivery.id),
                    "messages": list(accepted.messages),
                },
            )

    def confirmed(self, job: Job) -> None:
        """A messaging event that was taken proves its click id (L7)."""
        if job.delivery.data.get("role") == "messaging":
            _click_id_judged(job.delivery, "accepted", "")

    def failed(self, job: Job, error: ArriwaError) -> None:
        """2804087 refutes the click id (L7)."""
        if getattr(error, "platform_code", None) == "100/2804087":
            _click_id_judged(job.delivery, "rejected", "Meta does not know this click.")


def _click_id_judged(delivery: Delivery, state: str, reason: str) -> None:
    """Only Meta can tell whether a click id is real (L7)."""
    Touchpoint.objects.filter(id=delivery.data.get("touchpoint")).exclude(click_id_state=state).update(
        click_id_state=state, click_id_reason=reason
    )


def _custom_data(event: JourneyEvent) -> dict[str, Any]:
    value = None
    if event.amount_minor is not None:
        value = minor_to_major(event.amount_minor, event.currency)
    products = event.data.get("products") or ([event.data["product"]] if "product" in event.data else [])
    return payloads.custom_data(
        lead_stage=event.kind,
        value=value,
        currency=event.currency,
        contents=[payloads.Content(id=product) for product in products],
    )


class AdEffect(DeliveryEffect):
    """The campaign, ad set and creative above an ad (L8). Nothing waits for it."""

    kind = AD
    queue = "events"

    def load(self, deliveries: list[Delivery]) -> dict[UUID, Any]:
        """Needs no facts beside the delivery."""
        return {delivery.id: delivery for delivery in deliveries}

    def settings(self, connection: Connection) -> MetaSettings:
        """The token and what signs its calls. Raises ConfigurationError."""
        return meta_settings(connection)

    def build(self, delivery: Delivery, fact: Any) -> dict[str, Any]:
        """The ad's id."""
        return {"ad_id": delivery.target}

    def deliver(self, job: Job) -> Proof:
        """Asks the Graph. Raises the errors of `AdsClient.ad_metadata`."""
        client = AdsClient(base_url=platform_url("meta"), settings=job.settings)
        ad = client.ad_metadata(job.request["ad_id"])
        return Proof(ad.ad_id, asdict(ad))

    def confirmed(self, job: Job) -> None:
        """Keeps the names for analysis and completes the touchpoint (L8)."""
        assert job.proof is not None
        ad = job.proof.facts
        ad_metadata_record(**ad)
        touchpoint_enrich(
            touchpoint_id=job.delivery.fact,
            campaign_id=ad["campaign_id"],
            adset_id=ad["adset_id"],
            creative_id=ad["creative_id"],
            url_tags=ad["url_tags"],
        )


register_effect(EventEffect())
register_effect(AdEffect())
