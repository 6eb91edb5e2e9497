"""What an owner does on the way of a number to WhatsApp (T3.3). Every act may be repeated."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.utils.translation import gettext as _

from arriwa.common.errors import ArriwaError
from integrations.base.connect import connection_save
from integrations.base.errors import ConfigurationError, Rejected
from integrations.base.urls import platform_url
from integrations.gupshup import PLATFORM
from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.client import AppDetails, WabaInfo
from integrations.gupshup.config import GupshupSettings
from integrations.gupshup.onboarding_client import OnboardingClient
from integrations.gupshup.onboarding_record import number_claim
from integrations.gupshup.onboarding_rows import (
    contact_read,
    contact_write,
    next_enqueue,
    onboarding_lock,
    step_set,
)
from integrations.gupshup.tokens import partner_configured
from integrations.models import Connection, NumberOnboarding
from tenants.audit import Actor, audit_record
from tenants.workspaces.models import AuditEntry, Workspace

#: Where Gupshup keeps an app's data (partner-docs, "storageRegion").
REGIONS = ("IN", "DE", "BR", "CH", "GB", "BH", "ZA", "AE", "US", "CA", "AU", "ID", "JP", "SG", "KR")
#: The audit's word for a number that was given up before it was live.
DROPPED = "onboarding.dropped"


class OnboardingGone(ArriwaError):
    """This number is not in the workspace. Choose one from the list."""


class NotYet(ArriwaError):
    """This step cannot be taken yet. Take those before it first."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom Gupshup may write to; `phone` in digits."""

    name: str
    email: str = field(repr=False)
    phone: str = field(repr=False)


def onboarding_find(*, workspace: Workspace, identity: UUID) -> NumberOnboarding:
    """The workspace's onboarding. Raises OnboardingGone."""
    found = (
        NumberOnboarding.objects.select_related("workspace", "connection")
        .filter(workspace=workspace, id=identity)
        .first()
    )
    if found is None:
        raise OnboardingGone()
    return found


def next_identity(*, workspace: Workspace, way: str) -> UUID:
    """The identity of the next number of this way, the same in every tab until that number is known.

    So a second tab, or a form sent again after the back button, goes on with the number under way. That of a
    number that was given up is not used again: its steps have been taken.
    """
    dropped = AuditEntry.objects.filter(workspace_id=workspace.id, action=DROPPED).count()
    known = NumberOnboarding.objects.filter(
        workspace=workspace, way=way, connection__config__has_key="number"
    ).exclude(connection__config__number="")
    taken = set(known.values_list("id", flat=True))
    places = (uuid5(workspace.id, f"{way}:{dropped}:{place}") for place in count())
    return next(one for one in places if one not in taken)


@transaction.atomic
def onboarding_start(
    *,
    workspace: Workspace,
    identity: UUID,
    way: str,
    contact: Contact,
    region: str,
    actor: Actor,
    coexistence: bool = False,
    waba_id: str = "",
) -> NumberOnboarding:
    """Begins a number's way; the same `identity` (a form sent twice) is the same number.

    `waba_id`: the account at the other provider, for a number that moves. Raises ConfigurationError without a
    partner account.
    """
    if not partner_configured():
        raise ConfigurationError(
            _("Arriwa has no partner account at Gupshup on this installation. Write to support.")
        )
    onboarding, made = NumberOnboarding.objects.get_or_create(
        id=identity,
        defaults={"workspace": workspace, "way": way, "region": region, "started_by": actor.id},
    )
    if not made:
        return onboarding_find(workspace=workspace, identity=identity)
    contact_write(
        onboarding,
        {
            "name": contact.name,
            "email": contact.email,
            "phone": contact.phone,
            "coexistence": coexistence,
            "waba_id": waba_id,
        },
    )
    onboarding.save()
    next_enqueue(onboarding)
    audit_record(actor=actor, action="onboarding.started", subject=way, workspace=workspace)
    return onboarding


@transaction.atomic
def onboarding_retry(*, workspace: Workspace, identity: UUID, actor: Actor) -> None:
    """Tries a failed step again, or looks at once at one that waits. Nothing is done twice by it."""
    onboarding = _mine(workspace, identity)
    step = steps.next_step(onboarding.way, onboarding.steps)
    if step is None:
        return
    known = onboarding.steps.get(step, {})
    if known.get("state") == steps.FAILED:
        facts: dict[str, Any] = {"again": True} if step == steps.SUBSCRIPTIONS else {}
        # A refused name is looked at again; the rest begins anew.
        waits = step in (steps.SIGNUP, steps.HEALTH, steps.TEMPLATES)
        step_set(onboarding, step, steps.WAITING if waits else "", code="looking" if waits else "", **facts)
        audit_record(actor=actor, action="onboarding.retried", subject=step, workspace=workspace)
    onboarding.save(update_fields=["steps"])
    next_enqueue(onboarding)


@transaction.atomic
def link_regenerate(*, workspace: Workspace, identity: UUID, seen: str, actor: Actor) -> None:
    """Asks for a new signup page. `seen`: the link that the owner saw; a second press finds another one.

    Raises NotYet before there was a link.
    """
    onboarding = _mine(workspace, identity)
    if not steps.state_of(onboarding.steps, steps.LINK):
        raise NotYet(_("There is no link yet: it comes once the steps before it are over."))
    if steps.state_of(onboarding.steps, steps.SIGNUP) == steps.DONE or onboarding.link != seen:
        return
    if onboarding.steps[steps.LINK].get("renew"):
        return
    onboarding.steps.pop(steps.SIGNUP, None)
    step_set(onboarding, steps.LINK, steps.RUNNING, renew=True)
    onboarding.save(update_fields=["steps"])
    next_enqueue(onboarding)
    audit_record(actor=actor, action="onboarding.link_renewed", workspace=workspace)


@transaction.atomic
def page_link_confirm(*, workspace: Workspace, identity: UUID, actor: Actor) -> None:
    """The owner has looked: the Page shows this number. What we may ask Facebook does not tell it."""
    onboarding = _mine(workspace, identity)
    if steps.state_of(onboarding.steps, steps.PAGE_LINK) != steps.DONE:
        step_set(onboarding, steps.PAGE_LINK, steps.DONE)
        onboarding.save(update_fields=["steps"])
        audit_record(
            actor=actor, action="onboarding.page_checked", subject=onboarding.app_name, workspace=workspace
        )


@transaction.atomic
def test_message_request(*, workspace: Workspace, identity: UUID, phone: str, actor: Actor) -> None:
    """Sends one test message; while one is under way, a second press changes nothing.

    Raises NotYet before the number is live, Rejected for what is no phone number.
    """
    onboarding = _mine(workspace, identity)
    digits = re.sub(r"[\s()+.-]", "", phone)
    if not re.fullmatch(r"[0-9]{7,15}", digits):
        raise Rejected(_("Give the number with its country code, such as +7 701 000 11 22."))
    if onboarding.live_at is None:
        raise NotYet(_("The number is not live yet; a message can be sent once it is."))
    if steps.state_of(onboarding.steps, steps.TEST_MESSAGE) == steps.WAITING:
        return
    contact_write(onboarding, {**contact_read(onboarding), "test_phone": digits})
    onboarding.steps.pop(steps.TEST_MESSAGE, None)
    step_set(onboarding, steps.TEST_MESSAGE, steps.WAITING, code="sending")
    onboarding.save()
    next_enqueue(onboarding)
    audit_record(actor=actor, action="onboarding.test_sent", subject=onboarding.app_name, workspace=workspace)


def number_bind(
    *,
    workspace: Workspace,
    identity: UUID,
    app_id: str,
    token: str,
    actor: Actor,
) -> NumberOnboarding:
    """Takes over a number of an app that the owner has at Gupshup; its token proves that it is his.

    Calls Gupshup: not inside a transaction. Raises the errors of `GupshupClient`, ConfigurationError for an
    app without a number, ClaimedElsewhere.
    """
    known = NumberOnboarding.objects.filter(workspace=workspace, app_id=app_id).first()
    settings = GupshupSettings(app_id=app_id, app_name="", number="", number_id="", waba_id="", token=token)
    client = OnboardingClient(base_url=platform_url(PLATFORM), settings=settings)
    details = client.app_details()
    if not details.phone:
        raise ConfigurationError(
            _("This app has no WhatsApp number yet. Finish its signup at Gupshup, or connect a new one here.")
        )
    return _bound(workspace, known.id if known else identity, details, client.waba_info(), settings, actor)


@transaction.atomic
def _bound(
    workspace: Workspace,
    identity: UUID,
    details: AppDetails,
    waba: WabaInfo,
    settings: GupshupSettings,
    actor: Actor,
) -> NumberOnboarding:
    # An app bound once more, from another tab, is the same number.
    same = NumberOnboarding.objects.filter(workspace=workspace, app_id=settings.app_id).first()
    onboarding, made = NumberOnboarding.objects.get_or_create(
        id=same.id if same else identity,
        defaults={"workspace": workspace, "way": steps.EXISTING, "started_by": actor.id},
    )
    if onboarding.workspace_id != workspace.id:
        raise OnboardingGone()
    number = re.sub(r"[^0-9]", "", details.phone)
    number_id = waba.answer.get("phoneNumberId") or waba.answer.get("phone_number_id") or ""
    facts = {"number": number, "number_id": str(number_id), "waba_id": waba.waba_id}
    number_claim(onboarding, facts)
    onboarding.app_id = settings.app_id
    onboarding.app_name = str(details.answer.get("name", ""))
    onboarding.connection = connection_save(
        workspace=workspace,
        platform=PLATFORM,
        account=settings.app_id,
        config={"app_id": settings.app_id, "app_name": onboarding.app_name, **facts},
        secrets={"token": settings.token},
    )
    onboarding.save()
    if made:
        audit_record(actor=actor, action="onboarding.bound", subject=onboarding.app_name, workspace=workspace)
    next_enqueue(onboarding)
    return onboarding


@transaction.atomic
def onboarding_drop(*, workspace: Workspace, identity: UUID, actor: Actor) -> None:
    """Takes a number that is not live off the list. Raises NotYet for a live one: disconnect it instead."""
    onboarding = _mine(workspace, identity)
    if onboarding.live_at is not None:
        raise NotYet(_("This number is live; disconnect it under Credentials instead."))
    if onboarding.connection is not None:
        Connection.objects.filter(id=onboarding.connection.id).update(
            state=Connection.State.PAUSED,
            state_reason="Taken off the list before it was live.",
            paused_by=actor.id,
        )
    name = onboarding.app_name
    onboarding.delete()
    audit_record(actor=actor, action=DROPPED, subject=name, workspace=workspace)


def _mine(workspace: Workspace, identity: UUID) -> NumberOnboarding:
    onboarding = onboarding_lock(identity)
    if onboarding is None or onboarding.workspace_id != workspace.id:
        raise OnboardingGone()
    return onboarding
