"""The life of a delivery: prepare, call, record (design 3, "An effect's life")."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from arriwa.common import clock, sealing
from arriwa.common.errors import ArriwaError, Disposition
from arriwa.common.redaction import redact, redact_text
from arriwa.outbox.enqueue import task_enqueue
from arriwa.outbox.finish import backoff
from arriwa.outbox.registry import Attempt, Claimed, Outcome, Verdict, connection_key
from integrations.base.delivery_rows import deliveries_confirmed, deliveries_read, deliveries_started
from integrations.base.errors import Throttled, WaitScope
from integrations.models import Connection, Delivery
from tenants.context import current_organization_id

logger = logging.getLogger(__name__)

DONE = Verdict(Outcome.DONE)


class Skip(Exception):
    """Nothing is to be sent; the argument is the reason that people read."""


@dataclass(slots=True)
class Proof:
    """What the platform said: its id of what came about and the facts worth keeping."""

    external_id: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Job:
    """A delivery on its way: its row, its frozen request and, later, its proof."""

    delivery: Delivery
    request: Any
    #: Opened settings of the connection, for use outside the transaction.
    settings: Any
    proof: Proof | None = None
    error: ArriwaError | None = None


class DeliveryEffect:
    """Base of effects whose task points at one Delivery.

    Subclasses give `build`, `deliver` and, where the platform has no idempotency key, `resolve`.
    """

    kind = ""
    queue = "events"
    batch = 1
    exclusive = False
    parks = False
    #: The platform takes a repetition with the same id or rows for the same thing.
    idempotent = True
    #: Further tries are pointless after so many.
    max_attempts = 40

    # --- what a platform gives ------------------------------------------------------------------

    def load(self, deliveries: list[Delivery]) -> dict[UUID, Any]:
        """Facts for `build`, read for all deliveries at once; keyed by delivery id."""
        return {}

    def read(self, ids: list[UUID]) -> tuple[dict[UUID, Delivery], dict[UUID, Any]]:
        """Deliveries with their connections, and the facts of those that are still to be told, by id."""
        rows = deliveries_read(ids)
        open_rows = [row for row in rows.values() if row.state in _OPEN]
        return rows, self.load(open_rows) if open_rows else {}

    def settings(self, connection: Connection) -> Any:
        """The connection's settings with opened secrets. Raises ConfigurationError."""
        raise TypeError(f"{type(self).__name__} gives no settings.")

    def build(self, delivery: Delivery, fact: Any) -> Any:
        """The request as JSON. Raises Skip or ArriwaError."""
        raise TypeError(f"{type(self).__name__} builds nothing.")

    def deliver(self, job: Job) -> Proof:
        """The platform call, without a database. Raises ArriwaError."""
        raise TypeError(f"{type(self).__name__} delivers nothing.")

    def write_proofs(self, jobs: Sequence[Job]) -> None:
        """Writes confirmed deliveries; an effect may write with them what always goes along."""
        deliveries_confirmed([job.delivery for job in jobs])

    def confirmed(self, job: Job) -> None:
        """Follow-ups of a proof, in the recording transaction."""

    def confirmed_many(self, jobs: Sequence[Job]) -> None:
        """`confirmed` for several proofs of one transaction."""
        for job in jobs:
            self.confirmed(job)

    def failed(self, job: Job, error: ArriwaError) -> None:
        """Follow-ups of a final failure, in the recording transaction."""

    def resolve(self, delivery: Delivery, fact: Any, task: Claimed) -> Verdict | None:
        """A started attempt without an answer. None: try again as if nothing had been sent."""
        return None

    def renewed(self, job: Job, task: Claimed) -> Verdict | None:
        """A refused credential that comes anew by itself: when to try again. None pauses the connection."""
        return None

    def replay(self, delivery: Delivery) -> None:
        """Sends a dead delivery once more, as if for the first time; runs inside a transaction."""
        delivery.state = Delivery.State.PENDING
        delivery.started_at = delivery.finished_at = None
        delivery.error_code = delivery.error_text = ""
        delivery.data.pop("doubt", None)
        delivery.save(
            update_fields=["state", "started_at", "finished_at", "error_code", "error_text", "data"]
        )
        task_enqueue(
            kind=delivery.kind,
            subject=delivery.id,
            connection=delivery.connection_id,
            **delivery.data["task"],
        )

    def doubtful(self, job: Job, task: Claimed) -> Verdict:
        """The answer did not come. Idempotent effects are repeated, but not for ever."""
        if task.attempts < self.max_attempts:
            return Verdict(Outcome.RETRY, delay=backoff(task.attempts))
        delivery = job.delivery
        self._end(delivery, Delivery.State.UNKNOWN, delivery.error_code, delivery.error_text)
        return Verdict(Outcome.DEAD)

    # --- step 2 ---------------------------------------------------------------------------------

    def prepare(self, tasks: list[Claimed]) -> list[Attempt]:
        """Loads, checks, freezes and marks as started; settled tasks get their verdict at once."""
        rows, facts = self.read([task.subject for task in tasks])
        attempts, jobs = [], []
        for task in tasks:
            delivery = rows.get(task.subject)
            verdict, job = self._prepare_one(task, delivery, facts)
            attempts.append(Attempt([task], payload=[job] if job else [], verdict=verdict))
            if job is not None:
                jobs.append(job)
        if jobs:
            self.mark_started([job.delivery for job in jobs])
        return self.group(attempts)

    def group(self, attempts: list[Attempt]) -> list[Attempt]:
        """Attempts as they will be called; batch effects put those without a verdict together."""
        return attempts

    def _prepare_one(
        self, task: Claimed, delivery: Delivery | None, facts: dict[UUID, Any]
    ) -> tuple[Verdict | None, Job | None]:
        if delivery is None or delivery.state not in _OPEN:
            return DONE, None
        if delivery.connection.state == Connection.State.PAUSED:
            return self.held(delivery), None
        fact = facts.get(delivery.id)
        if delivery.started_at is not None and not self.idempotent:
            verdict = self.resolve(delivery, fact, task)
            if verdict is not None:
                return verdict, None
        try:
            request = self._frozen(delivery, fact)
            settings = self.settings(delivery.connection)
        except Skip as skip:
            self._end(delivery, Delivery.State.SKIPPED, "skipped", str(skip))
            return DONE, None
        except ArriwaError as error:
            self._end(delivery, Delivery.State.DEAD, error.code, error.message)
            self.failed(Job(delivery, None, None), error)
            return Verdict(Outcome.DEAD), None
        return None, Job(delivery, request, settings)

    def held(self, delivery: Delivery) -> Verdict:
        """What a task does whose connection is paused."""
        return Verdict(Outcome.HOLD)

    def _frozen(self, delivery: Delivery, fact: Any) -> Any:
        """The request as it was first built; messages re-check window and consent in `build`."""
        row, organization = f"delivery:{delivery.id}", current_organization_id()
        if delivery.request_sealed is not None and delivery.started_at is not None:
            return sealing.unseal_json(delivery.request_sealed, organization=organization, row=row)
        request = self.build(delivery, fact)
        delivery.request_sealed = sealing.seal_json(request, organization=organization, row=row)
        return request

    def mark_started(self, deliveries: list[Delivery]) -> None:
        """Commits "attempt started" before the call (design 3, step 2)."""
        now = clock.now()
        for delivery in deliveries:
            delivery.state = Delivery.State.STARTED
            delivery.started_at = delivery.started_at or now
            delivery.attempts += 1
        deliveries_started(deliveries)

    # --- step 3 ---------------------------------------------------------------------------------

    def call(self, attempt: Attempt) -> None:
        """Delivers each job; a job's error stays with the job."""
        for job in attempt.payload:
            try:
                job.proof = self.deliver(job)
            except ArriwaError as error:
                job.error = error

    # --- step 4 ---------------------------------------------------------------------------------

    def record(self, attempt: Attempt) -> Sequence[Verdict]:
        """Writes proofs and errors and says what becomes of each task."""
        return self.record_many([attempt])[0]

    def record_many(self, attempts: Sequence[Attempt]) -> list[Sequence[Verdict]]:
        """`record` for each attempt; all proofs are written by one statement."""
        answered = [
            job
            for attempt in attempts
            for job in attempt.payload
            if attempt.error is None and job.error is None
        ]
        if answered:
            self._confirm(answered)
        return [
            [
                DONE if (error := attempt.error or job.error) is None else self._fail(job, error, task)
                for task, job in zip(attempt.tasks, attempt.payload, strict=True)
            ]
            for attempt in attempts
        ]

    def _confirm(self, jobs: Sequence[Job]) -> None:
        now = clock.now()
        for job in jobs:
            assert job.proof is not None
            delivery = job.delivery
            delivery.state = Delivery.State.CONFIRMED
            delivery.external_id = job.proof.external_id[:160]
            delivery.proof = redact(job.proof.facts)
            delivery.finished_at = now
            delivery.error_code = delivery.error_text = ""
        self.write_proofs(jobs)
        for connection in {job.delivery.connection_id: job.delivery.connection for job in jobs}.values():
            connection_succeeded(connection)
        self.confirmed_many(jobs)

    def _fail(self, job: Job, error: ArriwaError, task: Claimed) -> Verdict:
        delivery = job.delivery
        delivery.error_code = (getattr(error, "platform_code", None) or error.code)[:64]
        delivery.error_text = redact_text(error.message)[:400]
        disposition = error.disposition
        if disposition is Disposition.RESOLVE:
            delivery.save(update_fields=["error_code", "error_text"])
            return self.doubtful(job, task)
        renewed = self.renewed(job, task) if disposition is Disposition.PAUSE_CONNECTION else None
        if disposition is Disposition.PAUSE_CONNECTION and renewed is None:
            connection_pause(delivery.connection, error)
        if disposition is Disposition.DEAD or (
            disposition is Disposition.RETRY and task.attempts >= self.max_attempts
        ):
            self._end(delivery, Delivery.State.DEAD, delivery.error_code, delivery.error_text)
            self.failed(job, error)
            return Verdict(Outcome.DEAD)
        # The platform said that it did nothing: the next attempt is a first one.
        delivery.state = Delivery.State.PENDING
        delivery.started_at = None
        delivery.save(update_fields=["state", "started_at", "error_code", "error_text"])
        if disposition is Disposition.PAUSE_CONNECTION:
            return renewed or self.held(delivery)
        return after_transient(error, task)

    def _end(self, delivery: Delivery, state: str, code: str, text: str) -> None:
        delivery.state = state
        delivery.error_code = code[:64]
        delivery.error_text = text[:400]
        delivery.finished_at = clock.now()
        delivery.save(update_fields=_RESULT)


_OPEN = (Delivery.State.PENDING, Delivery.State.STARTED)
_RESULT = ["state", "external_id", "proof", "finished_at", "error_code", "error_text"]
#: Seconds between two writes of a connection's last success: the row is hot.
SUCCESS_INTERVAL = 60.0


def after_transient(error: ArriwaError, task: Claimed) -> Verdict:
    """The verdict after RETRY or WAIT; a throttle closes what it names for all processes."""
    if isinstance(error, Throttled):
        keys: dict[WaitScope, tuple[str, ...]] = {
            WaitScope.TASK: (),
            WaitScope.RATE_KEY: task.rate_keys,
            WaitScope.CONNECTION: (connection_key(task.connection),),
        }
        return Verdict(Outcome.RETRY, delay=error.retry_after, block_keys=keys[error.scope])
    return Verdict(Outcome.RETRY, delay=backoff(task.attempts))


def connection_pause(connection: Connection, error: ArriwaError) -> None:
    """The credential no longer works: everything of this connection waits for a person.

    One that a person paused keeps that person's reason.
    """
    Connection.objects.filter(id=connection.id, state=Connection.State.ACTIVE).update(
        state=Connection.State.PAUSED, state_reason=redact_text(error.message)[:300], paused_by=None
    )
    connection.state = Connection.State.PAUSED


def connection_succeeded(connection: Connection) -> None:
    """Notes the last success, at most once a minute."""
    now = clock.now()
    last = connection.last_success_at
    if last is None or (now - last).total_seconds() > SUCCESS_INTERVAL:
        Connection.objects.filter(id=connection.id).update(last_success_at=now)
        connection.last_success_at = now
