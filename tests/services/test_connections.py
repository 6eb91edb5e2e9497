"""Pausing and resuming connections."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import transaction
from django_tenants.utils import schema_context

from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import OutboxTask, TaskState
from integrations.base.connect import held_release
from integrations.models import Connection


@pytest.mark.parametrize(("state", "left"), [("active", "ready"), ("paused", "held")])
def test_a_task_held_while_its_connection_was_being_resumed_is_freed(
    demo: Any, state: str, left: str
) -> None:
    schema, connection = demo.organization.schema_name, demo.connections["meta"].id
    with schema_context(schema):
        Connection.objects.filter(id=connection).update(state=state)
    with transaction.atomic():
        task = OutboxTask.objects.create(
            queue="events",
            kind="meta.event",
            schema_name=schema,
            subject=uuid.uuid4(),
            connection=connection,
            state=TaskState.HELD,
            available_at=real_now(),
            created_at=real_now(),
        )
    try:
        held_release()
        assert OutboxTask.objects.get(id=task.id).state == left
    finally:
        with schema_context(schema):
            Connection.objects.filter(id=connection).update(state="active")
