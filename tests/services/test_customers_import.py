"""Known customers from a file: everybody once, however often it is taken in."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from arriwa.common import clock
from arriwa.outbox.drain import drain
from subscribers.customers import Columns, columns_guess
from subscribers.models import CustomerImport, Subscriber, SubscriberAlias
from subscribers.services import customers
from subscribers.services.identity import person_open, subscriber_resolve
from tenants.audit import Actor
from tenants.context import in_organization
from tenants.services import workspace_create
from tenants.workspaces.models import AuditEntry, Workspace

ME = Actor(uuid.uuid4(), "Ана", AuditEntry.Via.PAGE)


@pytest.fixture
def workspace(demo: Any) -> Iterator[Workspace]:
    made = workspace_create(organization=demo.organization, name="fresh", business_id=f"bm-{uuid.uuid4()}")
    with in_organization(demo.organization.schema_name):
        yield made


def taken(workspace: Workspace, body: str) -> CustomerImport:
    load = customers.customers_upload(workspace=workspace, body=body.encode(), file_name="c.csv", actor=ME)
    columns = columns_guess(customers.customers_preview(load))
    return customers.customers_import(load=load, columns=columns, country="KZ", actor=ME)


def test_people_are_made_once_and_those_we_knew_are_marked(workspace: Workspace) -> None:
    known, _ = subscriber_resolve(
        workspace=workspace, phone="77011234567", user_id=None, name="Лид", at=clock.now()
    )
    body = "phone;name\n87011234567;Ана\n87021234567;Бек\nword;x\n"
    first, second = taken(workspace, body), taken(workspace, body)
    assert (first.added, first.marked, first.left_out, first.state) == (1, 1, 1, "done")
    assert (second.added, second.marked) == (0, 0)
    assert Subscriber.objects.filter(workspace=workspace).count() == 2
    assert SubscriberAlias.objects.filter(workspace=workspace).count() == 2
    known.refresh_from_db()
    assert known.known_customer_at is not None
    assert person_open(known)["name"] == "Лид", "what we know of a person is not overwritten"
    new = Subscriber.objects.exclude(id=known.id).get(workspace=workspace)
    assert person_open(new) == {"phone": "77021234567", "user_id": "", "name": "Бек"}
    assert new.country == "KZ"


def test_the_file_is_sealed_and_gone_at_the_end(workspace: Workspace) -> None:
    load = customers.customers_upload(
        workspace=workspace, body=b"phone\n87011234567\n", file_name="c.csv", actor=ME
    )
    assert b"8701123" not in bytes(load.body_sealed)
    done = customers.customers_import(load=load, columns=Columns(0, -1), country="KZ", actor=ME)
    assert bytes(done.body_sealed) == b""
    again = customers.customers_import(load=load, columns=Columns(0, -1), country="KZ", actor=ME)
    assert (again.added, again.total) == (1, 1)
    entries = AuditEntry.objects.filter(workspace=workspace, action="customers.imported")
    assert [entry.details for entry in entries] == [{"people": 1, "left_out": 0}]


def test_a_file_without_people_changes_nothing(workspace: Workspace) -> None:
    load = customers.customers_upload(workspace=workspace, body=b"a;b\nc;d\n", file_name="c.csv", actor=ME)
    with pytest.raises(customers.NobodyInFile):
        customers.customers_import(load=load, columns=Columns(0, 1), country="KZ", actor=ME)
    with pytest.raises(customers.UnknownCountry):
        customers.customers_import(load=load, columns=Columns(0, 1), country="XX", actor=ME)
    load.refresh_from_db()
    assert load.state == CustomerImport.State.PREVIEW


def test_a_long_list_is_taken_in_by_tasks_in_seconds(workspace: Workspace) -> None:
    body = "phone;name\n" + "".join(f"8701{n:07d};Клиент {n}\n" for n in range(10_000))
    begin = time.process_time()
    load = taken(workspace, body)
    assert (load.state, load.done) == ("running", 0)
    assert drain("bulk", seconds=60) >= 10
    with in_organization(_schema()):
        load.refresh_from_db()
    assert (load.state, load.done, load.added) == ("done", 10_000, 10_000)
    # Of this process alone: a busy machine makes nothing slower here.
    assert time.process_time() - begin < 20


def _schema() -> str:
    from tenants.models import Organization

    return str(Organization.objects.get(page_id="page-demo").schema_name)
