"""Contact and deal in the CRM as a mirror (L11, L17, L18, L20, L21; design, decision 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings as django_settings

from arriwa.common import clock, ids
from arriwa.common.errors import ArriwaError, Disposition
from arriwa.common.redaction import redact_text
from arriwa.outbox.enqueue import task_enqueue
from arriwa.outbox.finish import backoff, lane_resume
from arriwa.outbox.registry import Attempt, Claimed, Outcome, Verdict, register_effect, register_rate
from integrations.base.effects import DONE, after_transient, connection_pause, connection_succeeded
from integrations.kommo.config import KommoSettings
from integrations.kommo.deal_sync import CREATES, Person, Sync, deal_name, deal_sync
from integrations.kommo.tokens import keeper_of, kommo_client
from integrations.models import Connection, DealMirror, Delivery
from subscribers.services.identity import person_open
from tenants.context import current_organization_id

KIND = "kommo.deal"

# 7 requests a second per integration (reference A7). A sync makes two or three, so two may fall into a
# second: at this speed they do, even when one of them comes a quarter of a second late.
register_rate("kommo:account", per_second=1.6, burst=1)


class DealEffect:
    """A poke says: look at this deal. Pokes of one deal form a lane, so its changes keep their order."""

    kind = KIND
    queue = "events"
    batch = 1
    exclusive = False
    parks = True

    def prepare(self, tasks: list[Claimed]) -> list[Attempt]:
        """What the CRM does not show yet, as one call per deal."""
        return [self._prepare(task) for task in tasks]

    def _prepare(self, task: Claimed) -> Attempt:
        mirror = (
            DealMirror.objects.select_related("connection", "pipeline", "conversation__subscriber")
            .filter(id=task.subject)
            .first()
        )
        if mirror is None:
            return Attempt([task], verdict=DONE)
        if mirror.connection.state == Connection.State.PAUSED:
            return Attempt([task], verdict=Verdict(Outcome.HOLD))
        changes = {
            name: value for name, value in mirror.desired.items() if mirror.confirmed.get(name) != value
        }
        # A tag that was never set needs no removal.
        for name in [n for n, v in changes.items() if v is False and n not in mirror.confirmed]:
            mirror.confirmed[name] = changes.pop(name)
        if not changes and mirror.deal_id:
            return Attempt([task], verdict=DONE)
        deliveries = self._deliveries(mirror, changes)
        started = None if mirror.deal_id else deliveries["deal"].started_at
        in_doubt = started is not None
        if started is not None:
            wait = timedelta(seconds=django_settings.KOMMO_LAG_SECONDS) - (clock.now() - started)
            if wait > timedelta(0):
                return Attempt([task], verdict=Verdict(Outcome.RETRY, delay=wait.total_seconds()))
        try:
            settings = KommoSettings.from_connection(config_of(mirror), mirror.connection.secrets())
        except ArriwaError as error:
            _end_all(deliveries, error)
            return Attempt([task], verdict=Verdict(Outcome.DEAD))
        person = person_open(mirror.conversation.subscriber)
        _mark_started(list(deliveries.values()))
        sync = Sync(
            mirror=mirror,
            settings=settings,
            keeper=keeper_of(mirror.connection),
            person=Person(person["name"], person["phone"]),
            name=deal_name(person["name"], mirror.conversation_id),
            changes=changes,
            deliveries=deliveries,
            in_doubt=in_doubt,
            contact_id=mirror.contact_id,
            deal_id=mirror.deal_id,
        )
        return Attempt([task], payload=sync)

    def _deliveries(self, mirror: DealMirror, changes: dict[str, Any]) -> dict[str, Delivery]:
        names = ([] if mirror.deal_id else list(CREATES)) + list(changes)
        found: dict[str, Delivery] = {}
        for name in names:
            value = changes.get(name)
            found[name], _ = Delivery.objects.get_or_create(
                id=ids.event_id(
                    organization=current_organization_id(),
                    fact=str(mirror.id),
                    account=f"kommo:{mirror.connection.account}",
                    action=f"{name}:{mirror.versions.get(name, 0)}",
                ),
                defaults={
                    "connection": mirror.connection,
                    "platform": mirror.connection.platform,
                    "kind": KIND,
                    "action": _action(name, value, config_of(mirror)),
                    "target": mirror.deal_id,
                    "business_key": _business_key(name, value),
                    "fact": mirror.id,
                    "conversation_id": mirror.conversation_id,
                    "created_at": clock.now(),
                },
            )
        Delivery.objects.filter(
            kind=KIND, fact=mirror.id, state__in=[Delivery.State.PENDING, Delivery.State.STARTED]
        ).exclude(id__in=[d.id for d in found.values()]).update(
            state=Delivery.State.SKIPPED,
            error_code="superseded",
            error_text="A newer wish replaced it before it was sent.",
            finished_at=clock.now(),
        )
        return found

    def call(self, attempt: Attempt) -> None:
        """Brings Kommo in line; raises the errors of `deal_sync` and of `TokenKeeper.renew`."""
        sync: Sync = attempt.payload
        deal_sync(kommo_client(sync.settings, sync.keeper), sync)

    def replay(self, delivery: Delivery) -> None:
        """The deal's parked lane runs on; what is wanted now is sent, not what was wanted then."""
        mirror = DealMirror.objects.get(id=delivery.fact)
        lane = lane_of(mirror)
        if not lane_resume(lane=lane):
            task_enqueue(
                kind=KIND,
                subject=mirror.id,
                connection=mirror.connection_id,
                lane=lane,
                rate_keys=rate_keys_of(mirror.connection),
            )

    # --- the record -----------------------------------------------------------------------------

    def record(self, attempt: Attempt) -> Sequence[Verdict]:
        """Confirms what was done and says what becomes of the poke."""
        sync: Sync = attempt.payload
        mirror = DealMirror.objects.select_for_update().get(id=sync.mirror.id)
        mirror.contact_id, mirror.deal_id = sync.contact_id, sync.deal_id
        mirror.confirmed = {**mirror.confirmed, **sync.mirror.confirmed}
        for name in sync.done:
            if name not in CREATES:
                mirror.confirmed[name] = sync.changes[name]
        mirror.save(update_fields=["contact_id", "deal_id", "confirmed"])
        for name, proof in sync.done.items():
            self._confirm(sync.deliveries[name], proof, sync.deal_id)
        if attempt.error is None:
            connection_succeeded(sync.mirror.connection)
            return [DONE]
        return [self._failed(sync, attempt.error, attempt.tasks[0])]

    def _confirm(self, delivery: Delivery, proof: dict[str, Any], deal_id: str) -> None:
        delivery.state = Delivery.State.CONFIRMED
        delivery.target = deal_id
        delivery.external_id = str(proof.get("deal_id") or proof.get("contact_id") or "")
        delivery.proof = proof
        delivery.finished_at = clock.now()
        delivery.error_code = delivery.error_text = ""
        delivery.save()

    def _failed(self, sync: Sync, error: ArriwaError, task: Claimed) -> Verdict:
        open_ids = [d.id for name, d in sync.deliveries.items() if name not in sync.done]
        in_doubt = error.disposition is Disposition.RESOLVE
        dead = error.disposition is Disposition.DEAD
        values: dict[str, Any] = {
            "error_code": (getattr(error, "platform_code", None) or error.code)[:64],
            "error_text": redact_text(error.message)[:400],
        }
        if dead:
            values |= {"state": Delivery.State.DEAD, "finished_at": clock.now()}
        elif not in_doubt and not sync.in_doubt:
            values |= {"state": Delivery.State.PENDING, "started_at": None}
        Delivery.objects.filter(id__in=open_ids).update(**values)
        if dead:
            return Verdict(Outcome.DEAD)
        if error.disposition is Disposition.PAUSE_CONNECTION:
            connection_pause(sync.mirror.connection, error)
            return Verdict(Outcome.HOLD)
        if in_doubt and not sync.deal_id:
            return Verdict(Outcome.RETRY, delay=django_settings.KOMMO_LAG_SECONDS)
        if in_doubt:
            return Verdict(Outcome.RETRY, delay=backoff(task.attempts))
        return after_transient(error, task)


def lane_of(mirror: DealMirror) -> str:
    """The lane that keeps a deal's changes in order."""
    return f"crm:{mirror.id}"


def config_of(mirror: DealMirror) -> dict[str, Any]:
    """The account's config with the pipeline, stages and fields in which this deal stands."""
    return {**mirror.connection.config, **(mirror.pipeline.details if mirror.pipeline else {})}


def rate_keys_of(connection: Connection) -> tuple[str, ...]:
    """The limits that a sync of this account draws on."""
    return (f"kommo:account:{connection.account}",)


def _end_all(deliveries: dict[str, Delivery], error: ArriwaError) -> None:
    Delivery.objects.filter(id__in=[d.id for d in deliveries.values()]).update(
        state=Delivery.State.DEAD,
        error_code=error.code[:64],
        error_text=error.message[:400],
        finished_at=clock.now(),
    )


def _mark_started(deliveries: list[Delivery]) -> None:
    for delivery in deliveries:
        delivery.state = Delivery.State.STARTED
        delivery.started_at = delivery.started_at or clock.now()
        delivery.attempts += 1
    Delivery.objects.bulk_update(deliveries, ["state", "started_at", "attempts"])


def _action(name: str, value: Any, config: Mapping[str, Any]) -> str:
    if name == "stage":
        return f"stage {config.get('stage_names', {}).get(value, value)}"
    if name.startswith("tag:"):
        return f"{'set' if value else 'remove'} tag {name[4:]}"
    if name.startswith("field:"):
        return f"field {name[6:]}"
    return {"contact": "create contact", "deal": "create deal", "price": "price"}[name]


def _business_key(name: str, value: Any) -> str:
    if name == "stage":
        return f"stage:{value}"
    if name.startswith("tag:"):
        return f"{name}:{'set' if value else 'removed'}"
    if name.startswith("field:"):
        return f"{name}={value}"
    return name


register_effect(DealEffect())
