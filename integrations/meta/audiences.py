"""Custom audiences as mirrors: send desired ≠ confirmed (design, decision 7; L10, L17, L18, L20, L21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.db.models import F
from psycopg.types.json import Jsonb

from arriwa.common import clock, ids
from arriwa.common.errors import ArriwaError, Disposition
from arriwa.common.redaction import redact_text
from arriwa.common.statements import Statement, array
from arriwa.outbox.enqueue import TASK_COLUMNS, TASK_PLACES, poke_at_commit, task_enqueue, task_values
from arriwa.outbox.finish import backoff
from arriwa.outbox.registry import Attempt, Claimed, Outcome, Verdict, register_effect
from integrations.base.effects import DONE, after_transient, connection_pause, connection_succeeded
from integrations.base.urls import platform_url
from integrations.meta.access import meta_settings
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
    #: Id of its delivery.
    delivery: UUID
    row: AudienceRow
    join: bool

    @property
    def verb(self) -> str:
        """In the words of the ledger."""
        return "join" if self.join else "leave"


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
        _confirm(settled)
        changing = [m for m in stale if m.desired != m.confirmed]
        if not changing:
            return [Attempt(tasks, verdict=DONE)]
        settings = meta_settings(audience.connection)
        changes = self._changes(audience, changing)
        name = audience.connection.config.get("audience_names", {}).get(audience.name, audience.name)
        sync = Sync(audience, name, settings, changes, audience.external_id)
        return [Attempt(tasks, payload=sync)]

    def _changes(self, audience: Audience, changing: Sequence[AudienceMembership]) -> list[Change]:
        changes = [_change(audience, membership) for membership in changing]
        now = clock.now()
        _STARTED.run(
            audience.connection_id,
            audience.connection.platform,
            KIND,
            audience.external_id or audience.name,
            now,
            now,
            array(change.delivery for change in changes),
            array(f"{change.verb} {audience.name}" for change in changes),
            array(f"{change.verb}:{audience.name}" for change in changes),
            array(change.membership.id for change in changes),
            array(change.membership.conversation_id for change in changes),
        )
        return changes

    def call(self, attempt: Attempt) -> None:
        """Makes the audience if need be, adds, then removes. Raises the errors of `AudiencesClient`."""
        sync: Sync = attempt.payload
        client = AudiencesClient(
            base_url=platform_url("meta"),
            settings=sync.settings,
            ad_account_id=sync.audience.ad_account_id,
        )
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
                    _session_id(changes[0].delivery),
                )

    def record(self, attempt: Attempt) -> Sequence[Verdict]:
        """Confirms the versions that were read; one verdict for all pokes of the call."""
        sync: Sync = attempt.payload
        if sync.external_id and sync.external_id != sync.audience.external_id:
            Audience.objects.filter(id=sync.audience.id).update(external_id=sync.external_id)
        for join, counts in sync.counts.items():
            told = [change for change in sync.changes if change.join is join]
            self._confirm(told, counts, sync.external_id)
        if attempt.error is None:
            connection_succeeded(sync.audience.connection)
            verdict = DONE if len(sync.changes) < MAX_ROWS else Verdict(Outcome.RETRY)
        else:
            verdict = self._failed(sync, attempt.error, attempt.tasks[0])
        return [verdict] * len(attempt.tasks)

    def _confirm(self, changes: Sequence[Change], counts: SessionCounts, external_id: str) -> None:
        _confirm([change.membership for change in changes])
        proof = {
            "session_id": counts.session_id,
            "num_received": counts.num_received,
            "num_invalid_entries": counts.num_invalid_entries,
            "audience_id": external_id,
        }
        _TOLD.run(
            external_id,
            counts.session_id,
            Jsonb(proof),
            clock.now(),
            array(change.delivery for change in changes),
        )

    def replay(self, delivery: Delivery) -> None:
        """The audience is looked at again; what is wanted now is sent, not what was wanted then."""
        membership = AudienceMembership.objects.select_related("audience__connection").get(id=delivery.fact)
        audience_poke(membership.audience, membership.audience.connection)

    def _failed(self, sync: Sync, error: ArriwaError, task: Claimed) -> Verdict:
        open_changes = [c.delivery for c in sync.changes if c.join not in sync.counts]
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


def _change(audience: Audience, membership: AudienceMembership) -> Change:
    person = person_open(membership.subscriber)
    verb = "join" if membership.desired else "leave"
    delivery = ids.event_id(
        organization=current_organization_id(),
        fact=str(membership.id),
        account=str(audience.id),
        action=f"{verb}:{membership.version}",
    )
    subscriber = membership.subscriber
    row = audience_row(str(subscriber.id), person["phone"] or None, subscriber.country or None)
    return Change(membership, delivery, row, membership.desired)


_STARTED = Statement(
    """
INSERT INTO {schema}.integrations_delivery AS d (id, connection_id, platform, kind, action, target,
    business_key, fact, conversation_id, state, currency, data, attempts, started_at, external_id, proof,
    error_code, error_text, created_at)
SELECT v.id, c.connection, c.platform, c.kind, v.action, c.target, v.key, v.fact, v.conversation, 'started',
    '', '{}', 1, c.started_at, '', '{}', '', '', c.created_at
FROM (SELECT %s::uuid, %s::text, %s::text, %s::text, %s::timestamptz, %s::timestamptz)
    AS c (connection, platform, kind, target, started_at, created_at),
    unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::uuid[])
    AS v (id, action, key, fact, conversation)
ON CONFLICT (id) DO UPDATE SET state = 'started', attempts = d.attempts + 1,
    started_at = coalesce(d.started_at, excluded.started_at)
"""
)
_TOLD = Statement(
    "UPDATE {schema}.integrations_delivery SET state = 'confirmed', target = %s, external_id = %s,"
    " proof = %s, finished_at = %s, error_code = '', error_text = '' WHERE id = ANY(%s::uuid[])"
)
_CONFIRM = Statement(
    "UPDATE {schema}.integrations_audiencemembership m SET confirmed = v.desired,"
    " confirmed_version = v.version FROM unnest(%s::uuid[], %s::bool[], %s::int[])"
    " AS v (id, desired, version)"
    " WHERE m.id = v.id AND m.confirmed_version < v.version"
)


def _confirm(memberships: Sequence[AudienceMembership]) -> None:
    """Confirms the versions that were read; a newer one has a poke of its own."""
    if memberships:
        _CONFIRM.run(
            array(membership.id for membership in memberships),
            array(membership.desired for membership in memberships),
            array(membership.version for membership in memberships),
        )


def _session_id(delivery_id: UUID) -> int:
    """A positive 63-bit number, the same for the same upload."""
    return (delivery_id.int >> 65) or 1


def audience_poke(audience: Audience, connection: Connection) -> None:
    """Asks for a look at the audience (design, decision 7); plain and never unique."""
    poke = _poke(audience.id, audience.ad_account_id)
    task_enqueue(kind=KIND, subject=audience.id, connection=connection.id, **poke)


def _poke(audience: UUID, ad_account_id: str) -> dict[str, Any]:
    return {"batch_key": f"audience:{audience}", "rate_keys": (f"meta:account:{ad_account_id}",)}


def membership_set(
    *, audience: UUID, ad_account_id: str, connection: Connection, conversation: Conversation, member: bool
) -> bool:
    """Sets what is desired, raises the version and pokes (design, decision 7), in one statement.

    False when nothing changed that the platform need hear of; then there is no poke.
    """
    task = task_values(
        kind=KIND, subject=audience, connection=connection.id, **_poke(audience, ad_account_id)
    )
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
