"""A task comes with its cause or not at all (R1, R2)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError
from django_tenants.utils import schema_context

from arriwa.common.ids import event_id
from arriwa.outbox.enqueue import task_enqueue
from arriwa.outbox.models import OutboxTask
from arriwa.outbox.registry import UnknownKind
from tests.outbox.conftest import A


def test_outside_a_transaction_nothing_is_enqueued(effect: Any) -> None:
    work = effect()
    with schema_context(A), pytest.raises(TransactionManagementError):
        task_enqueue(kind=work.kind, subject=uuid.uuid4())
    assert not OutboxTask.objects.exists()


def test_a_task_falls_with_its_cause(effect: Any) -> None:
    work = effect()
    with pytest.raises(ZeroDivisionError), schema_context(A), transaction.atomic():
        task_enqueue(kind=work.kind, subject=uuid.uuid4())
        raise ZeroDivisionError
    assert not OutboxTask.objects.exists()


def test_a_kind_without_code_is_refused(quiet: None) -> None:
    with schema_context(A), transaction.atomic(), pytest.raises(UnknownKind, match=r"test\.nobody"):
        task_enqueue(kind="test.nobody", subject=uuid.uuid4())


def test_a_task_goes_to_its_kinds_queue_and_its_tenant(effect: Any, put: Any) -> None:
    put(effect(queue="bulk"))
    task = OutboxTask.objects.get()
    assert (task.queue, task.schema_name) == ("bulk", A)


_FACTS = {"organization": uuid.UUID(int=1), "fact": "f", "account": "a", "action": "x"}


@pytest.mark.parametrize(
    "other",
    [
        {"organization": uuid.UUID(int=2)},
        {"fact": "g"},
        {"account": "b"},
        {"action": "y"},
        {"fact": "fa", "account": ""},
    ],
)
def test_an_event_id_is_the_same_for_the_same_effect_alone(other: dict[str, Any]) -> None:
    assert event_id(**_FACTS) == event_id(**_FACTS)
    assert event_id(**_FACTS) != event_id(**{**_FACTS, **other})
