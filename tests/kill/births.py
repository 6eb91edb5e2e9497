"""Births, and a worker that is stopped in front of each of their commits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django_tenants.utils import schema_context

from arriwa.outbox import wakeup
from tenants.birth import STEPS, birth_request
from tenants.birth.steps import schema_name_of
from tenants.models import Birth, Membership, Organization
from tenants.workspaces.models import AuditEntry, Workspace
from tests.kill.holds import Hold
from tests.kill.stack import Stack, until
from tests.support.births import page_new, person
from tests.support.catalog import catalog

BUSINESSES = [{"id": "bm-1", "name": "School"}, {"id": "bm-2", "name": "Shop"}]
#: Every transaction of a birth, by what it does; each ends with an UPDATE of the birth.
BEGIN = "begin"
STOPS = (BEGIN, *(step.key for step in STEPS))
BIRTH_SECONDS = 60.0


def birth_new() -> Birth:
    """Asked for, but nobody is woken yet."""
    connection.set_schema_to_public()
    heard: list[str] = []
    wakeup.listen_here(heard.append, [wakeup.BIRTHS])
    birth = birth_request(user=person(), page_id=page_new(), page_name="A school", businesses=BUSINESSES)
    wakeup.stop_listening(heard.append)
    return birth


def wake(stack: Stack) -> None:
    """What a request does at its commit, and beat every few seconds."""
    stack.rows(f"SELECT pg_notify('{wakeup.channel(wakeup.BIRTHS)}', '')")


def wait_done(birth: Birth) -> Birth:
    """Waits for the organization."""
    connection.set_schema_to_public()

    def look() -> bool:
        birth.refresh_from_db()
        return birth.state in (Birth.State.DONE, Birth.State.FAILED)

    until(look, BIRTH_SECONDS, lambda: f"the birth does not end: {birth.state} at {birth.step}")
    assert birth.state == Birth.State.DONE, birth.error_text
    return birth


@contextmanager
def stopped_in(stop: str, birth: Birth, stack: Stack) -> Iterator[None]:
    """The block runs while a worker has done all of the transaction but its end."""
    birth.refresh_from_db()
    run = birth.attempts + 1
    held = Hold(stack)
    try:
        held.table("public.tenants_birth")
        wake(stack)
        held.wait_for("worker")
        while stop != BEGIN and (birth.attempts, birth.step) != (run, stop):
            assert birth.attempts <= run, f"{stop} was passed over"
            held = _next_commit(stack, held)
            held.wait_for("worker")
            birth.refresh_from_db()
        yield
    finally:
        held.close()


def _next_commit(stack: Stack, held: Hold) -> Hold:
    """Lets one transaction end: the next lock queues behind the one that waits for ours."""
    following = Hold(stack)
    waits = threading.Thread(target=following.table, args=("public.tenants_birth",), daemon=True)
    waits.start()
    held.wait_for("kill test hold")
    held.close()
    waits.join(timeout=BIRTH_SECONDS)
    assert not waits.is_alive(), "the transaction does not end"
    return following


def made(birth: Birth) -> dict[str, Any]:
    """All that the birth has led to, without what differs from one to the next."""
    connection.set_schema_to_public()
    schema = schema_name_of(birth)
    organizations = Organization.objects.filter(page_id=birth.page_id)
    memberships = Membership.objects.filter(organization__in=organizations)
    found: dict[str, Any] = {
        "births": Birth.objects.filter(page_id=birth.page_id).count(),
        "organizations": [(o.name, o.schema_name == schema) for o in organizations],
        "memberships": [(m.role, m.user_id == birth.requested_by_id) for m in memberships],
        "catalog": catalog(schema),
    }
    with schema_context(schema):
        found["workspaces"] = sorted(Workspace.objects.values_list("business_id", "name", "language"))
        found["audit"] = sorted(AuditEntry.objects.values_list("action", "subject"))
    return found


def schemas(stack: Stack) -> set[str]:
    """Every organization's schema, whether or not the organization is there."""
    return {name for (name,) in stack.rows("SELECT nspname FROM pg_namespace WHERE nspname ~ '^org_'")}
