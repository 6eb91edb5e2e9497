"""Known customers from a file: they are greeted, never asked to qualify (design 5)."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import phonenumbers
from django.db import IntegrityError, transaction

from arriwa.common import clock, sealing
from arriwa.common.errors import ArriwaError
from arriwa.outbox.enqueue import task_enqueue
from subscribers.customers import Columns, Person, Reading, Table, customers_read, table_read
from subscribers.models import AliasKind, CustomerImport, Subscriber, SubscriberAlias
from subscribers.services.identity import country_of, phone_hash
from tenants.audit import Actor, audit_record
from tenants.context import current_organization_id
from tenants.workspaces.models import Workspace

IMPORT = "customers.import"
#: People taken in by one transaction.
BATCH = 1000
#: Up to so many the import runs while the page waits.
AT_ONCE = 2000


class NobodyInFile(ArriwaError):
    """No line has a phone that can be read. Choose another column or country."""


class UnknownCountry(ArriwaError):
    """There is no such country. Give its two letters, such as KZ."""


@transaction.atomic
def customers_upload(*, workspace: Workspace, body: bytes, file_name: str, actor: Actor) -> CustomerImport:
    """Keeps a file, sealed, to be looked at; an earlier one that was not taken in goes.

    Raises FileUnreadable.
    """
    table_read(body)
    CustomerImport.objects.filter(workspace=workspace, state=CustomerImport.State.PREVIEW).delete()
    made = CustomerImport(
        workspace=workspace, user=actor.id, file_name=file_name[:120], created_at=clock.now()
    )
    made.body_sealed = sealing.seal(body, organization=current_organization_id(), row=made.seal_row)
    made.save(force_insert=True)
    return made


def customers_preview(load: CustomerImport) -> Table:
    """The uploaded table. Raises FileUnreadable."""
    return table_read(
        sealing.unseal(load.body_sealed, organization=current_organization_id(), row=load.seal_row)
    )


def customers_reading(table: Table, columns: Columns, country: str) -> Reading:
    """Who would be taken in. Raises UnknownCountry."""
    if country not in phonenumbers.SUPPORTED_REGIONS:
        raise UnknownCountry()
    return customers_read(table, columns, country)


def customers_import(*, load: CustomerImport, columns: Columns, country: str, actor: Actor) -> CustomerImport:
    """Takes the people in: a short list at once, a longer one as a task. A repetition changes nothing.

    Raises NobodyInFile, UnknownCountry.
    """
    with transaction.atomic():
        locked = CustomerImport.objects.select_for_update().get(id=load.id)
        if locked.state != CustomerImport.State.PREVIEW:
            return locked
        reading = customers_reading(customers_preview(locked), columns, country)
        if not reading.people:
            raise NobodyInFile()
        locked.body_sealed = sealing.seal_json(
            [asdict(person) for person in reading.people],
            organization=current_organization_id(),
            row=locked.seal_row,
        )
        locked.total, locked.left_out = len(reading.people), len(reading.problems)
        locked.state = CustomerImport.State.RUNNING
        locked.save()
        details = {"people": locked.total, "left_out": locked.left_out}
        audit_record(actor=actor, action="customers.imported", workspace=load.workspace, details=details)
        # Should this process die, the task brings the list to its end.
        task_enqueue(kind=IMPORT, subject=locked.id)
    if locked.total <= AT_ONCE:
        while not customers_import_step(locked.id):
            pass
    return CustomerImport.objects.get(id=load.id)


@transaction.atomic
def customers_import_step(import_id: UUID) -> bool:
    """Takes the next batch in, once; True when nothing is left. An import that is gone is at its end."""
    load = CustomerImport.objects.select_for_update(of=("self",)).filter(id=import_id)
    row = load.select_related("workspace").first()
    if row is None or row.state != CustomerImport.State.RUNNING:
        return True
    people = [
        Person(**person)
        for person in sealing.unseal_json(
            row.body_sealed, organization=current_organization_id(), row=row.seal_row
        )
    ]
    now = clock.now()
    added, marked = _take(row.workspace, people[row.done : row.done + BATCH], now)
    row.added, row.marked = row.added + added, row.marked + marked
    row.done = min(row.done + BATCH, len(people))
    if row.done == len(people):
        row.state, row.finished_at, row.body_sealed = CustomerImport.State.DONE, now, b""
    row.save()
    return row.state == CustomerImport.State.DONE


def _take(workspace: Workspace, people: list[Person], now: datetime) -> tuple[int, int]:
    """(new people, people marked now). Somebody writing for the first time meanwhile is no conflict."""
    for last in (False, False, True):
        try:
            with transaction.atomic():
                return _take_once(workspace, people, now)
        except IntegrityError:
            if last:
                raise
    raise AssertionError("the last attempt returns or raises")


def _take_once(workspace: Workspace, people: list[Person], now: datetime) -> tuple[int, int]:
    hashes = {phone_hash(person.phone): person for person in people}
    known = dict(
        SubscriberAlias.objects.filter(
            workspace=workspace, kind=AliasKind.PHONE, key__in=list(hashes)
        ).values_list("key", "subscriber_id")
    )
    marked = Subscriber.objects.filter(id__in=set(known.values()), known_customer_at=None).update(
        known_customer_at=now
    )
    organization = current_organization_id()
    sealer = sealing.Sealer(organization)
    subscribers, aliases = [], []
    for key, person in hashes.items():
        if key in known:
            continue
        one = Subscriber(
            workspace=workspace,
            country=country_of(person.phone, ""),
            language=workspace.language,
            known_customer_at=now,
            created_at=now,
        )
        opened = {"phone": person.phone, "user_id": "", "name": person.name}
        one.person_sealed = sealer.seal(json.dumps(opened, ensure_ascii=False).encode(), row=one.seal_row)
        subscribers.append(one)
        aliases.append(
            SubscriberAlias(
                subscriber=one, workspace=workspace, kind=AliasKind.PHONE, key=key, created_at=now
            )
        )
    Subscriber.objects.bulk_create(subscribers)
    SubscriberAlias.objects.bulk_create(aliases)
    return len(subscribers), marked
