"""Every kind of task and timer with a subject of another organization: nothing happens (design 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import connection

from arriwa.common import clock
from arriwa.outbox import registry
from arriwa.outbox.drain import drain
from arriwa.outbox.enqueue import real_now
from arriwa.outbox.models import NO_CONNECTION, OutboxTask, Queue, Timer
from arriwa.outbox.registry import effect_for, effect_kinds
from arriwa.outbox.timers import drain_timers
from integrations.models import AudienceMembership, Connection, DealMirror, Delivery, NumberOnboarding
from subscribers.models import Conversation, CustomerImport
from tenants.context import in_organization
from tenants.workspaces.models import Workspace
from tests.support.journey import requests_for, walk
from tests.support.ledger import subscriber_of
from tests.support.sandbox import Phone, Sandbox


def unfinished(schema: str) -> dict[str, tuple[UUID, UUID]]:
    """One subject of each kind, with its connection, made to look as if it still had to be done."""
    found: dict[str, tuple[UUID, UUID]] = {}
    with in_organization(schema):
        for kind in kinds():
            if kind == "kommo.deal":
                mirror = DealMirror.objects.all()[0]
                DealMirror.objects.filter(id=mirror.id).update(confirmed={})
                found[kind] = mirror.id, mirror.connection_id
            elif kind == "meta.audience":
                member = AudienceMembership.objects.select_related("audience").filter(desired=True)[0]
                AudienceMembership.objects.filter(id=member.id).update(confirmed=False, confirmed_version=0)
                found[kind] = member.audience_id, member.audience.connection_id
            elif kind == "customers.import":
                load = CustomerImport.objects.create(
                    workspace=Workspace.objects.all()[0], state=CustomerImport.State.RUNNING, body_sealed=b""
                )
                found[kind] = load.id, NO_CONNECTION
            elif kind == "gupshup.token":
                ended = Connection(workspace=Workspace.objects.all()[0], platform="gupshup", account="ended")
                ended.expires_at = real_now()
                ended.set_secrets({"token": "ended", "token_id": "ended"})
                ended.save()
                found[kind] = ended.id, NO_CONNECTION
            elif kind in ("gupshup.onboarding", "gupshup.mail"):
                way = NumberOnboarding.objects.create(workspace=Workspace.objects.all()[0])
                found[kind] = way.id, NO_CONNECTION
            else:
                delivery = Delivery.objects.filter(kind=kind)[0]
                Delivery.objects.filter(id=delivery.id).update(state=Delivery.State.PENDING, started_at=None)
                found[kind] = delivery.id, delivery.connection_id
    return found


def kinds() -> list[str]:
    return [kind for kind in effect_kinds() if not kind.startswith("test.")]


def record(sandbox: Sandbox) -> int:
    """How many requests have reached any platform."""
    platforms = ("gupshup", "meta", "kommo", "stripe", "flowise")
    return sum(len(sandbox.received(platform)) for platform in platforms)


def test_a_task_reaches_no_other_organization(
    demo: Any, organizations: Any, phone: Phone, settle: Callable[..., None], sandbox: Sandbox
) -> None:
    """Its schema is the second's, its subject the first's: done, without a call."""
    walk(phone, settle)
    subjects = unfinished(demo.organization.schema_name)
    assert set(subjects) == set(kinds()) and len(subjects) >= 7
    connection.set_schema_to_public()
    for kind, (subject, account) in subjects.items():
        OutboxTask.objects.create(
            queue=effect_for(kind).queue,
            kind=kind,
            schema_name=organizations.other.organization.schema_name,
            subject=subject,
            connection=account,
            available_at=real_now(),
            created_at=real_now(),
        )
    before = record(sandbox)
    assert sum(drain(queue, seconds=10) for queue in Queue.values) >= len(subjects)
    assert list(OutboxTask.objects.values_list("kind", "state")) == []
    assert record(sandbox) == before
    with in_organization(demo.organization.schema_name):
        ids = [subject for subject, _ in subjects.values()]
        left = Delivery.objects.filter(id__in=ids)
        assert set(left.values_list("state", flat=True)) == {Delivery.State.PENDING}
        ways = NumberOnboarding.objects.filter(id__in=ids)
        assert all(way.steps == {} for way in ways)
        # No later test is to meet them.
        ways.delete()
        Connection.objects.filter(account="ended").delete()


def test_the_same_task_in_its_own_organization_does_call(
    demo: Any, phone: Phone, settle: Callable[..., None], sandbox: Sandbox
) -> None:
    """So the silence above is the tenant's border, not a task that had nothing to do."""
    phone.tap_ad()
    settle()
    schema = demo.organization.schema_name
    person = subscriber_of(schema, phone.number)
    with in_organization(schema):
        # This lead's own: what others left may lie days ahead, and Meta takes nothing of the future.
        event = Delivery.objects.get(conversation__subscriber=person, business_key="good_pixel:OptIn")
        Delivery.objects.filter(id=event.id).update(state=Delivery.State.PENDING, started_at=None)
    connection.set_schema_to_public()
    OutboxTask.objects.create(
        queue="events",
        kind="meta.event",
        schema_name=schema,
        subject=event.id,
        connection=event.connection_id,
        available_at=real_now(),
        created_at=real_now(),
    )
    before = record(sandbox)
    assert drain("events", seconds=10) > 0
    assert record(sandbox) == before + 1
    told = requests_for(sandbox, "meta", "/events", str(event.id))
    assert len(told) == 2, "once by its own task and once by ours"


def test_a_timer_reaches_no_other_organization(
    demo: Any, organizations: Any, phone: Phone, settle: Callable[..., None]
) -> None:
    """A timer without its subject, as after an erasure, is gone without a word."""
    phone.tap_ad()
    settle()
    person = subscriber_of(demo.organization.schema_name, phone.number)
    with in_organization(demo.organization.schema_name):
        conversation = Conversation.objects.get(subscriber=person)
    connection.set_schema_to_public()
    known = [kind for kind in registry._timers if not kind.startswith("test.")]
    assert "silence" in known
    for kind in known:
        Timer.objects.create(
            kind=kind,
            schema_name=organizations.other.organization.schema_name,
            subject=conversation.id,
            turn=conversation.snapshot.get("turn", 0),
            due_at=clock.now(),
        )
    drain_timers()
    assert not Timer.objects.exists()
    with in_organization(demo.organization.schema_name):
        assert Conversation.objects.get(id=conversation.id).snapshot == conversation.snapshot
