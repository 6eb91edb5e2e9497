"""Custom audiences as mirrors: send desired ≠ confirmed (design, decision 7; L10, L17, L18, L20, L21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.db.models import F

from arriwa.common import clock, ids
from arriwa.common.errors import ArriwaError, Disposition
from arriwa.common.redaction import redact_text
from arriwa.common.statements import Statement
from arriwa.outbox.enqueue import TASK_COLUMNS, TASK_PLACES, poke_at_commit, task_enqueue, task_values
from arriwa.outbox.finish import backoff
from arriwa.outbox.registry import Attempt, Claimed, Outcome, Verdict, register_effect
from integrations.base.effects import DONE, after_transient, connection_pause, connection_succeeded
from integrations.base.urls import platform_url
from integrations.meta.audiences_client import AudiencesClient, SessionCounts
from integrations.meta.config import MetaSettings
from integrations.meta.payloads import AudienceRow, audience_row
from integrations.models import Audience, AudienceMembership, Connection, Delivery
from subscribers.models import Conversation
from subscribers.services.identity import person_open
from tenants.context import current_organization_id

KIND = "meta.audience"
#: Meta takes 10,000 rows a call; smaller calls keep the transaction short.
MAX_ROWS = 1_000


@dataclass(slots=True)
class Change:
    """One person who joins or leaves, at the version that was read."""

    membership: AudienceMembership
    delivery: Delivery
    row: AudienceRow
    join: bool


@dataclass(slots=True)
class Sync:
    """What one call has to bring about in one audience."""

    audience: Audience
    name_at_platform: str
    settings: MetaSettings
    changes: list[Change]
    external_id: str = ""
    counts: dict[bool, SessionCounts] = field(default_factory=dict)


class AudienceEffect:
    """A poke says: look at this audience. Several pokes are one call; repeated rows change nothing."""

    kind = KIND
    queue = "bulk"
    batch = 1_000
    exclusive = True
    parks = False

    def prepare(self, tasks: list[Claimed]) -> list[Attempt]:
        """Up to MAX_ROWS people whose desired and confirmed membership differ, as one call."""
        audience = Audience.objects.select_related("connection").filter(id=tasks[0].subject).first()
        if audience is None:
            return [Attempt(tasks, verdict=DONE)]
        if audience.connection.state == Connection.State.PAUSED:
            return [Attempt(tasks, verdict=Verdict(Outcome.HOLD))]
        stale = list(
            AudienceMembership.objects.filter(audience=audience)
            .exclude(version=F("confirmed_version"))
            .select_related("subscriber")
            .order_by("id")[:MAX_ROWS]
        )
        # Wanted, unwanted and wanted again before anything was sent: there is nothing to tell.
        settled = [m for m in stale if m.desired == m.confirmed]
        for membership in settled:
            _confirm(membership)
        changing = [m for m in stale if m.desired != m.confirmed]
        if not changing:
            return [Attempt(tasks, verdict=DONE)]
        settings = MetaSettings.from_connection(audience.connection.config, audience.connection.secrets())
        changes = [self._change(audience, membership) for membership in changing]
        name = audience.connection.config.get("audience_names", {}).get(audience.name, audience.name)
        sync = Sync(audience, name, settings, changes, audience.external_id)
        return [Attempt(tasks, payload=sync)]

    def _change(self, audience: Audience, membership: AudienceMembership) -> Change:
        person = person_open(membership.subscriber)
        verb = "join" if membership.desired else "leave"
        delivery, _ = Delivery.objects.get_or_create(
            id=ids.event_id(
                organization=current_organization_id(),
                fact=str(membership.id),
                account=str(audience.id),
                action=f"{verb}:{membership.version}",
            ),
            defaults={
                "connection": audience.connection,
                "platform": audience.connection.platform,
                "kind": KIND,
                "action": f"{verb} {audience.name}",
                "target": audience.external_id or audience.name,
                "business_key": f"{verb}:{audience.name}",
                "fact": membership.id,
                "conversation_id": membership.conversation_id,
                "created_at": clock.now(),
            },
        )
        delivery.state = Delivery.State.STARTED
        delivery.started_at = delivery.started_at or clock.now()
        delivery.attempts += 1
        delivery.save(update_fields=["state", "started_at", "attempts"])
        row = audience_row(
            str(membership.subscriber_id),
            person["phone"] or None,
            membership.subscriber.country or None,
        )
        return Change(membership, delivery, row, membership.desired)

    def call(self, attempt: Attempt) -> None:
        """Makes the audience if need be, adds, then removes. Raises the errors of `AudiencesClient`."""
        sync: Sync = attempt.payload
        client = AudiencesClient(base_url=platform_url("meta"), settings=sync.settings)
        if not sync.external_id:
            # No idempotency key: a lost answer is found again by name (reference meta 9.8).
            found = client.audience_find(sync.name_at_platform)
            sync.external_id = found or client.audience_create(sync.name_at_platform, "Kept by Arriwa.")
        for join in (True, False):
            changes = [change for change in sync.changes if change.join is join]
            if changes:
                send = client.audience_users_add if join else client.audience_users_remove
                sync.counts[join] = send(
                    sync.external_id,
                    [change.row for change in changes],
                    _session_id(changes[0].delivery.id),
                )

    def record(self, attempt: Attempt) -> Sequence[Verdict]:
        """Confirms the versions that were read; one verdict for all pokes of the call."""
        sync: Sync = attempt.payload
        if sync.external_id and sync.external_id != sync.audience.external_id:
            Audience.objects.filter(id=sync.audience.id).update(external_id=sync.external_id)
        for change in sync.changes:
            counts = sync.counts.get(change.join)
            if counts is not None:
                self._confirm(change, counts, sync.external_id)
        if attempt.error is None:
            connection_succeeded(sync.audience.connection)
            verdict = DONE if len(sync.changes) < MAX_ROWS else Verdict(Outcome.RETRY)
        else:
            verdict = self._failed(sync, attempt.error, attempt.tasks[0])
        return [verdict] * len(attempt.tasks)

    def _confirm(self, change: Change, counts: SessionCounts, external_id: str) -> None:
        _confirm(change.membership)
        Delivery.objects.filter(id=change.delivery.id).update(
            state=Delivery.State.CONFIRMED,
            target=external_id,
            external_id=counts.session_id,
            proof={
                "session_id": counts.session_id,
                "num_received": counts.num_received,
                "num_invalid_entries": counts.num_invalid_entries,
                "audience_id": external_id,
            },
            finished_at=clock.now(),
            error_code="",
            error_text="",
        )

    def replay(self, delivery: Delivery) -> None:
        """The audience is looked at again; what is wanted now is sent, not what was wanted then."""
        membership = AudienceMembership.objects.select_related("audience__connection").get(id=delivery.fact)
        audience_poke(membership.audience, membership.audience.connection)

    def _failed(self, sync: Sync, error: ArriwaError, task: Claimed) -> Verdict:
        open_changes = [c.delivery.id for c in sync.changes if c.join not in sync.counts]
        dead = error.disposition is Disposition.DEAD
        Delivery.objects.filter(id__in=open_changes).update(
            state=Delivery.State.DEAD if dead else Delivery.State.PENDING,
            error_code=(getattr(error, "platform_code", None) or error.code)[:64],
            error_text=redact_text(error.message)[:400],
        )
        if dead:
            return Verdict(Outcome.DEAD)
        if error.disposition is Disposition.PAUSE_CONNECTION:
            connection_pause(sync.audience.connection, error)
            return Verdict(Outcome.HOLD)
        if error.disposition is Disposition.RESOLVE:
            return Verdict(Outcome.RETRY, delay=backoff(task.attempts))
        return after_transient(error, task)


def _confirm(membership: AudienceMembership) -> None:
    """Confirms the version that was read; a newer one has a poke of its own."""
    AudienceMembership.objects.filter(id=membership.id, confirmed_version__lt=membership.version).update(
        confirmed=membership.desired, confirmed_version=membership.version
    )


def _session_id(delivery_id: UUID) -> int:
    """A positive 63-bit number, the same for the same upload."""
    return (delivery_id.int >> 65) or 1


def audience_poke(audience: Audience, connection: Connection) -> None:
    """Asks for a look at the audience (design, decision 7); plain and never unique."""
    task_enqueue(kind=KIND, subject=audience.id, connection=connection.id, **_poke(audience.id, connection))


def _poke(audience: UUID, connection: Connection) -> dict[str, Any]:
    return {"batch_key": f"audience:{audience}", "rate_keys": (f"meta:account:{connection.account}",)}


def membership_set(
    *, audience: UUID, connection: Connection, conversation: Conversation, member: bool
) -> bool:
    """Sets what is desired, raises the version and pokes (design, decision 7), in one statement.

    False when nothing changed that the platform need hear of; then there is no poke.
    """
    task = task_values(kind=KIND, subject=audience, connection=connection.id, **_poke(audience, connection))
    values = (uuid4(), audience, conversation.subscriber_id, conversation.id, member)
    if not _SET_MEMBER.run(*values, *task):
        return False
    poke_at_commit(KIND)
    return True


# A row that is new and not wanted tells the platform nothing.
_SET_MEMBER = Statement(
    f"""
WITH changed AS (
    INSERT INTO {{schema}}.integrations_audiencemembership AS m (id, audience_id, subscriber_id,
        conversation_id, desired, version, confirmed, confirmed_version)
    VALUES (%s, %s, %s, %s, %s, 1, false, 0)
    ON CONFLICT (audience_id, subscriber_id) DO UPDATE SET desired = excluded.desired,
        version = m.version + 1, conversation_id = excluded.conversation_id
    WHERE m.desired <> excluded.desired
    RETURNING desired, version)
INSERT INTO public.outbox_outboxtask ({TASK_COLUMNS}) SELECT {TASK_PLACES} FROM changed
WHERE desired OR version > 1
"""
)


register_effect(AudienceEffect())
