"""The steps by which an organization comes about, each one transaction that also moves the birth on.

A worker that is killed leaves the step before it; whoever resumes finds what is committed and nothing else.
A birth is worked on by one worker at a time: it holds an advisory lock on a connection of its own, which the
server frees when the process dies. The birth's row is locked during each step too, against what a killed
worker's connection may still be doing.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from django_tenants.utils import schema_context

from arriwa.common import clock
from arriwa.common.errors import ArriwaError
from arriwa.common.schema import enter_public
from arriwa.outbox.session import direct_connection
from tenants.audit import Actor, audit_record
from tenants.birth.errors import OrganizationMadeMeanwhile
from tenants.models import Birth, Organization, Role, SchemaTemplate
from tenants.schemas.migrations import schema_state
from tenants.schemas.template import schema_create, schema_drop, template_current
from tenants.services import membership_create, workspace_create
from tenants.workspaces.models import AuditEntry, Workspace

logger = logging.getLogger(__name__)

#: First key of the advisory lock of a birth; the second is made of its id.
BIRTH_LOCK = 0x4157_0005
#: A birth that kills its workers is given up after so many.
MOST_ATTEMPTS = 20

UNEXPECTED = gettext_noop("Something went wrong on our side. It is in our log; try again.")
TOO_OFTEN = gettext_noop("Setting up was interrupted too often. Try again.")


class Step(NamedTuple):
    """One step. `label` is for people; `run` does it in the transaction that moves the birth on."""

    key: str
    label: str | Promise
    run: Callable[[Birth, SchemaTemplate], None]


def schema_name_of(birth: Birth) -> str:
    """The schema of the organization that the birth leads to. Its id is the birth's."""
    if birth.organization is not None:
        return str(birth.organization.schema_name)
    return f"org_{birth.id.hex[:16]}"


def step_keys() -> tuple[str, ...]:
    """The keys of STEPS, in order."""
    return tuple(step.key for step in STEPS)


def birth_advance(*, birth: Birth) -> Birth:
    """Takes a waiting or interrupted birth to its end, or to the step that fails; returns it as it is then.

    Nothing happens where another worker is at it, or nothing is left to do. A failure is written down with
    the birth, in words for its owner, and not raised. Must not run in a transaction.
    """
    enter_public()
    with _claimed(birth.id) as ours:
        if ours and _begin(birth.id):
            try:
                template = template_current()
                while _step(birth.id, template):
                    pass
            except Exception as error:
                enter_public()
                _fail(birth.id, error)
    return Birth.objects.select_related("organization").get(id=birth.id)


def births_advance() -> int:
    """Takes every waiting or interrupted birth to its end, oldest first; returns how many there were."""
    enter_public()
    unfinished = Birth.objects.filter(state__in=[Birth.State.WAITING, Birth.State.RUNNING])
    births = list(unfinished.order_by("created_at"))
    for birth in births:
        birth_advance(birth=birth)
    return len(births)


@contextmanager
def _claimed(birth_id: UUID) -> Iterator[bool]:
    """Whether the birth is ours for the block."""
    key = zlib.crc32(birth_id.bytes) - (1 << 31)
    with direct_connection(application_name="arriwa birth") as session:
        row = session.execute("SELECT pg_try_advisory_lock(%s, %s)", (BIRTH_LOCK, key)).fetchone()
        yield bool(row and row[0])


@transaction.atomic
def _begin(birth_id: UUID) -> bool:
    """Marks the birth as being worked on; False when there is nothing to do."""
    birth = Birth.objects.select_for_update().filter(id=birth_id).first()
    if birth is None or birth.state not in (Birth.State.WAITING, Birth.State.RUNNING):
        return False
    birth.attempts += 1
    if birth.attempts > MOST_ATTEMPTS:
        birth.state, birth.error_text, birth.finished_at = Birth.State.FAILED, TOO_OFTEN, clock.now()
        birth.save()
        return False
    birth.state = Birth.State.RUNNING
    birth.step = birth.step or STEPS[0].key
    begun = birth.organization_id is None and birth.step != STEPS[0].key
    if begun and not schema_state(schema_name_of(birth)).current:
        # Other code made it before a new version came; nobody has seen it yet.
        schema_drop(schema_name_of(birth))
        birth.step = STEPS[0].key
    birth.save()
    return True


@transaction.atomic
def _step(birth_id: UUID, template: SchemaTemplate) -> bool:
    """Does the step that the birth is at; False when it was the last."""
    birth = Birth.objects.select_for_update().filter(id=birth_id, state=Birth.State.RUNNING).first()
    if birth is None:
        return False
    number = step_keys().index(birth.step)
    STEPS[number].run(birth, template)
    if number + 1 < len(STEPS):
        birth.step = STEPS[number + 1].key
        birth.save()
        return True
    birth.state, birth.finished_at = Birth.State.DONE, clock.now()
    birth.save()
    return False


@transaction.atomic
def _fail(birth_id: UUID, error: Exception) -> None:
    birth = Birth.objects.select_for_update().filter(id=birth_id).first()
    if birth is None:
        return
    if isinstance(error, ArriwaError):
        text = error.message
        logger.warning("birth %s stops at %s: %s", birth_id, birth.step, text)
    else:
        text = UNEXPECTED
        logger.error("birth %s stops at %s", birth_id, birth.step, exc_info=error)
    birth.state, birth.error_text, birth.finished_at = Birth.State.FAILED, text[:400], clock.now()
    birth.save()


# --- the steps --------------------------------------------------------------------------------------


def _schema(birth: Birth, template: SchemaTemplate) -> None:
    schema_create(template=template, schema_name=schema_name_of(birth))


def _workspaces(birth: Birth, template: SchemaTemplate) -> None:
    """A workspace for each business that has none; its owner sees in the log where it comes from."""
    organization = _organization(birth)
    with schema_context(organization.schema_name):
        there = set(Workspace.objects.values_list("business_id", flat=True))
        for business in birth.businesses:
            if business["id"] in there:
                continue
            defaults = {key: business[key] for key in ("language", "time_zone") if key in business}
            workspace = workspace_create(
                organization=organization, name=business["name"], business_id=business["id"], **defaults
            )
            audit_record(
                actor=_actor(birth),
                action="workspace.created",
                subject=workspace.name,
                workspace=workspace,
                details={"business_id": business["id"]},
            )


def _membership(birth: Birth, template: SchemaTemplate) -> None:
    """The organization becomes visible, with its owner. Businesses may have been added meanwhile."""
    _workspaces(birth, template)
    if birth.organization is not None:
        return
    organization = _organization(birth)
    try:
        organization.save(force_insert=True)
    except IntegrityError as error:
        raise OrganizationMadeMeanwhile() from error
    membership_create(user=birth.requested_by, organization=organization, role=Role.OWNER)
    with schema_context(organization.schema_name):
        audit_record(
            actor=_actor(birth),
            action="organization.created",
            subject=organization.name,
            details={"page_id": birth.page_id},
        )
    birth.organization = organization


def _organization(birth: Birth) -> Organization:
    """The birth's organization; before the last step not yet saved."""
    return birth.organization or Organization(
        id=birth.id, name=birth.page_name, page_id=birth.page_id, schema_name=schema_name_of(birth)
    )


def _actor(birth: Birth) -> Actor:
    user = birth.requested_by
    return Actor(user.id, user.get_full_name() or user.get_username(), AuditEntry.Via.PAGE)


STEPS: tuple[Step, ...] = (
    Step("schema", _("Making the organization's own tables"), _schema),
    Step("workspaces", _("Making a workspace for each business"), _workspaces),
    Step("membership", _("Making you the owner"), _membership),
)
