"""A delivery's life by the disposition of what went wrong (design 2, "Errors"; design 3)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from arriwa.common import clock
from arriwa.outbox import registry
from arriwa.outbox.drain import drain
from arriwa.outbox.enqueue import real_now, task_enqueue
from arriwa.outbox.models import OutboxTask
from integrations.base.connect import connection_save
from integrations.base.deliveries import delivery_enqueue
from integrations.base.effects import DeliveryEffect, Job, Proof
from integrations.base.errors import (
    CredentialRefused,
    OutcomeUnknown,
    Rejected,
    RemoteFault,
    Throttled,
    Unreachable,
)
from integrations.base.opened import settings_opened
from integrations.models import Connection, Delivery
from subscribers.models import Conversation
from tenants.context import in_organization
from tests.support.sandbox import Phone


class Told(DeliveryEffect):
    """A platform whose answers the test chooses."""

    queue = "events"
    max_attempts = 3

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.requests: list[Any] = []
        self.answers: list[Exception] = []
        self.built = 0

    def settings(self, connection: Connection) -> Any:
        return connection.secrets()

    def build(self, delivery: Delivery, fact: Any) -> Any:
        self.built += 1
        return {"nonce": uuid.uuid4().hex}

    def deliver(self, job: Job) -> Proof:
        self.requests.append(job.request)
        if self.answers:
            raise self.answers.pop(0)
        return Proof("ext-1", {"id": "ext-1", "token": "must not be kept"})


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told(f"test.{uuid.uuid4().hex[:12]}")
    registry.register_effect(made)
    yield made
    registry._effects.pop(made.kind)


@pytest.fixture
def account(demo: Any) -> Connection:
    """A connection of the test's own."""
    with in_organization(demo.organization.schema_name):
        return connection_save(
            workspace=demo.workspace,
            platform="flowise",
            account=f"test-{uuid.uuid4().hex[:8]}",
            config={},
            secrets={"key": "k"},
        )


@pytest.fixture
def send(demo: Any, told: Told, account: Connection) -> Callable[..., Delivery]:
    """Writes a delivery and its task."""

    def write() -> Delivery:
        with in_organization(demo.organization.schema_name), transaction.atomic():
            delivery = Delivery.objects.create(
                id=uuid.uuid4(),
                connection=account,
                platform="flowise",
                kind=told.kind,
                action="tell",
                business_key="tell",
                fact=uuid.uuid4(),
                created_at=clock.now(),
            )
            task_enqueue(
                kind=told.kind, subject=delivery.id, connection=account.id, rate_keys=["test-told:1"]
            )
        return delivery

    return write


def run(demo: Any, delivery: Delivery, *, times: int = 1) -> Delivery:
    """Lets the task be due and run, `times` over."""
    for _ in range(times):
        connection.set_schema_to_public()
        OutboxTask.objects.update(available_at=real_now())
        drain("events", seconds=0.2)
    with in_organization(demo.organization.schema_name):
        delivery.refresh_from_db()
    return delivery


def tasks(delivery: Delivery) -> list[str]:
    connection.set_schema_to_public()
    return list(OutboxTask.objects.filter(subject=delivery.id).values_list("state", flat=True))


def test_a_proof_is_kept_without_secrets(demo: Any, told: Told, send: Any) -> None:
    delivery = run(demo, send())
    assert (delivery.state, delivery.external_id) == ("confirmed", "ext-1")
    assert delivery.proof == {"id": "ext-1", "token": "[secret]"}
    assert tasks(delivery) == []


@pytest.mark.parametrize("error", [Unreachable(), RemoteFault()])
def test_what_may_pass_is_tried_again(demo: Any, told: Told, send: Any, error: Exception) -> None:
    told.answers = [error]
    delivery = run(demo, send())
    row = OutboxTask.objects.get(subject=delivery.id)
    assert (delivery.state, delivery.started_at, row.state) == ("pending", None, "ready")
    assert row.available_at > real_now()
    assert run(demo, delivery).state == "confirmed"


def test_after_the_last_attempt_it_is_dead(demo: Any, told: Told, send: Any) -> None:
    told.answers = [RemoteFault("The platform answered 500.") for _ in range(9)]
    delivery = run(demo, send(), times=5)
    assert len(told.requests) == told.max_attempts
    assert (delivery.state, delivery.error_text) == ("dead", "The platform answered 500.")
    assert tasks(delivery) == []


def test_a_refusal_for_good_is_dead_at_once(demo: Any, told: Told, send: Any) -> None:
    told.answers = [Rejected("No such field.", platform_code="100/33")]
    delivery = run(demo, send())
    assert (delivery.state, delivery.error_code) == ("dead", "100/33")
    assert (len(told.requests), tasks(delivery)) == (1, [])


def test_a_throttle_waits_as_long_as_the_platform_says(demo: Any, told: Told, send: Any) -> None:
    told.answers = [Throttled(retry_after=60)]
    delivery = run(demo, send())
    row = OutboxTask.objects.get(subject=delivery.id)
    assert 50 < (row.available_at - real_now()).total_seconds() <= 60
    other = run(demo, send())
    assert (other.state, len(told.requests)) == ("pending", 1), "the key is closed for its neighbours"


def test_a_refused_credential_pauses_the_connection_until_it_is_mended(
    demo: Any, told: Told, send: Any, account: Connection
) -> None:
    told.answers = [CredentialRefused("The key is no longer valid.")]
    delivery = run(demo, send())
    second = run(demo, send())
    with in_organization(demo.organization.schema_name):
        account.refresh_from_db()
        assert (account.state, account.state_reason) == ("paused", "The key is no longer valid.")
    assert (tasks(delivery), tasks(second), len(told.requests)) == (["held"], ["held"], 1)
    with in_organization(demo.organization.schema_name):
        connection_save(
            workspace=demo.workspace,
            platform=account.platform,
            account=account.account,
            config={},
            secrets={"key": "new"},
        )
    assert run(demo, delivery).state == "confirmed"
    assert run(demo, second).state == "confirmed"


def test_a_request_in_doubt_is_repeated_as_it_was(demo: Any, told: Told, send: Any) -> None:
    """The platform takes a repetition for the same thing only while the body is the same."""
    told.answers = [OutcomeUnknown()]
    delivery = run(demo, send(), times=2)
    assert delivery.state == "confirmed"
    assert len(told.requests) == 2
    assert told.requests[0] == told.requests[1]
    assert told.built == 1


def test_a_delivery_that_is_settled_is_not_called(demo: Any, told: Told, send: Any) -> None:
    delivery = send()
    with in_organization(demo.organization.schema_name):
        Delivery.objects.filter(id=delivery.id).update(state=Delivery.State.CONFIRMED)
    run(demo, delivery)
    assert (told.requests, tasks(delivery)) == ([], [])


def test_an_effect_that_is_there_gets_no_second_task(
    demo: Any, told: Told, account: Connection, phone: Phone, settle: Callable[..., None]
) -> None:
    """The id is made of the effect itself: a conflict means no task (R1)."""
    phone.tap_ad()
    settle()
    fact = uuid.uuid4()
    with in_organization(demo.organization.schema_name):
        conversation = Conversation.objects.order_by("-started_at")[0]
        made = []
        for _ in range(2):
            with transaction.atomic():
                made.append(
                    delivery_enqueue(
                        connection=account,
                        kind=told.kind,
                        action="tell",
                        target="t",
                        business_key="tell",
                        fact=fact,
                        conversation=conversation,
                    )
                )
    first, second = made
    assert first is not None and second is None
    assert tasks(first) == ["ready"]


def test_settings_are_opened_anew_when_their_row_has_changed(demo: Any, account: Connection) -> None:
    made: list[Any] = []

    def make(config: Any, secrets: Any) -> Any:
        made.append((dict(config), dict(secrets)))
        return made[-1]

    with in_organization(demo.organization.schema_name):
        for _ in range(2):
            row = Connection.objects.get(id=account.id)
            assert settings_opened(make, row) == ({}, {"key": "k"})
        row.set_secrets({"key": "new"})
        assert settings_opened(make, row) == ({}, {"key": "new"})
        row.config["url"] = "https://elsewhere.example"
        assert settings_opened(make, row)[0] == {"url": "https://elsewhere.example"}
    assert len(made) == 3
