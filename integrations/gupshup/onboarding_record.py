"""What a step's answer changes: row, connection, claims, templates. Runs in the recording transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from arriwa.common import clock
from arriwa.outbox.enqueue import real_now
from integrations.base.connect import connection_save
from integrations.base.deliveries import connections_forget
from integrations.gupshup import PLATFORM
from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.client import TemplateInfo
from integrations.gupshup.onboarding_calls import SUBSCRIPTIONS, Told, Work
from integrations.gupshup.onboarding_rows import mail_enqueue, step_set
from integrations.gupshup.reading import as_text
from integrations.gupshup.tokens import AUTH, LEGACY, UNIVERSAL, universal
from integrations.models import Connection, MessageTemplate, NumberOnboarding
from tenants.audit import Actor, audit_record
from tenants.claims import ClaimedElsewhere, claim_take
from tenants.context import current_organization_id
from tenants.models import AssetClaim, Organization

#: An embed link's life (partner-docs); its answer names no end.
LINK_LIFE = timedelta(days=5)
#: The owner is told so long before it ends.
LINK_WARNING = timedelta(hours=24)
#: How long Gupshup's test call may take.
TEST_CALL = timedelta(seconds=150)


def step_record(onboarding: NumberOnboarding, work: Work, told: Told) -> None:
    """Changes what the answer says; the caller saves the onboarding."""
    special = _SPECIAL.get(work.step)
    if special is not None:
        special(onboarding, work, told)
    else:
        step_set(onboarding, work.step, told.state, code=told.code, said=told.said)


def _app(onboarding: NumberOnboarding, work: Work, told: Told) -> None:
    step_set(onboarding, steps.APP, told.state, code=told.code)
    if told.state != steps.DONE:
        return
    onboarding.app_id, onboarding.app_name = told.facts["app_id"], told.facts["app_name"]
    onboarding.connection = connection_save(
        workspace=onboarding.workspace,
        platform=PLATFORM,
        account=onboarding.app_id,
        config={
            "app_id": onboarding.app_id,
            "app_name": onboarding.app_name,
            AUTH: UNIVERSAL if universal() else LEGACY,
        },
        secrets={},
    )


def _subscriptions(onboarding: NumberOnboarding, work: Work, told: Told) -> None:
    known = onboarding.steps.get(steps.SUBSCRIPTIONS, {})
    known.pop("again", None)
    if set(known.get("seen", ())) >= {str(version) for version in SUBSCRIPTIONS}:
        step_set(onboarding, steps.SUBSCRIPTIONS, steps.DONE)
        return
    since = datetime.fromisoformat(known["since"]) if known.get("state") == steps.WAITING else clock.now()
    if clock.now() - since >= TEST_CALL and not work.again:
        step_set(onboarding, steps.SUBSCRIPTIONS, steps.FAILED, code="no_test_call")
    else:
        step_set(onboarding, steps.SUBSCRIPTIONS, steps.WAITING, code="test_call")


def _link(onboarding: NumberOnboarding, work: Work, told: Told) -> None:
    step_set(onboarding, steps.LINK, told.state, code=told.code, said=told.said)
    onboarding.steps[steps.LINK].pop("renew", None)
    link = told.facts.get("link", "")
    if link and link != onboarding.link:
        onboarding.link, onboarding.link_expires_at = link, real_now() + LINK_LIFE
        onboarding.steps.get("mail", {}).pop("link_ends", None)


def _signup(onboarding: NumberOnboarding, work: Work, told: Told) -> None:
    ends = onboarding.link_expires_at
    if told.facts and not _number(onboarding, steps.SIGNUP, told):
        return
    step_set(onboarding, steps.SIGNUP, told.state, code=told.code, said=told.said)
    if told.state == steps.FAILED:
        mail_enqueue(onboarding, "refused")
    elif told.state == steps.WAITING and ends is not None:
        if real_now() >= ends:
            onboarding.steps.pop(steps.SIGNUP)
            step_set(onboarding, steps.LINK, steps.FAILED, code="link_expired")
        elif real_now() >= ends - LINK_WARNING:
            mail_enqueue(onboarding, "link_ends")


def _health(onboarding: NumberOnboarding, work: Work, told: Told) -> None:
    if told.facts and not _number(onboarding, steps.HEALTH, told):
        return
    seen = {key: told.facts.get(key) for key in ("quality", "limit", "balance")} if told.facts else {}
    step_set(onboarding, steps.HEALTH, told.state, code=told.code, said=told.said, **seen)
    connection = onboarding.connection
    assert connection is not None
    if told.state == steps.DONE:
        _health_note(connection, Connection.Health.OK, "")
        if onboarding.live_at is None:
            onboarding.live_at = clock.now()
            mail_enqueue(onboarding, "live")
            audit_record(
                actor=Actor.system(),
                action="onboarding.live",
                subject=onboarding.app_name,
                workspace=onboarding.workspace,
            )
            transaction.on_commit(connections_forget)
    elif told.state == steps.FAILED:
        _health_note(connection, Connection.Health.BROKEN, told.said)
        mail_enqueue(onboarding, "refused")


def _health_note(connection: Connection, health: str, text: str) -> None:
    Connection.objects.filter(id=connection.id).update(
        health=health, health_text=text[:400], checked_at=real_now()
    )


def _number(onboarding: NumberOnboarding, step: str, told: Told) -> bool:
    """The number and its account become this workspace's; False when another one has them."""
    connection = onboarding.connection
    assert connection is not None
    facts = {key: told.facts[key] for key in ("number", "number_id", "waba_id") if told.facts.get(key)}
    try:
        with transaction.atomic():
            number_claim(onboarding, facts)
    except ClaimedElsewhere as error:
        step_set(onboarding, step, steps.FAILED, code="claimed", said=error.message)
        return False
    if any(connection.config.get(key) != value for key, value in facts.items()):
        fresh = Connection.objects.select_for_update().get(id=connection.id)
        fresh.config = {**fresh.config, **facts}
        fresh.save(update_fields=["config"])
        onboarding.connection = fresh
        transaction.on_commit(connections_forget)
    return True


def number_claim(onboarding: NumberOnboarding, facts: dict[str, Any]) -> None:
    """Claims number and WABA for the workspace. Raises ClaimedElsewhere (T2)."""
    organization = Organization.objects.get(id=current_organization_id())
    for kind, key in ((AssetClaim.Kind.NUMBER, "number"), (AssetClaim.Kind.WABA, "waba_id")):
        if facts.get(key):
            claim_take(
                kind=kind,
                external_id=facts[key],
                organization=organization,
                workspace=onboarding.workspace,
            )


def _templates(onboarding: NumberOnboarding, work: Work, told: Told) -> None:
    assert onboarding.connection is not None
    known = {(draft.name, draft.language): draft for draft in work.drafts}
    rows: list[TemplateInfo] = told.facts["rows"]
    now = clock.now()
    for row in rows:
        draft = known[row.name, row.language]
        values = {
            "purpose": draft.purpose,
            "category": row.category[:24],
            "body": draft.body,
            "status": row.status[:16],
            "reason": as_text(row.answer.get("reason"))[:300],
            "quality": as_text(row.answer.get("quality"))[:16],
            "external_id": (row.external_id or row.id)[:64],
            "updated_at": now,
        }
        MessageTemplate.objects.update_or_create(
            connection=onboarding.connection,
            name=row.name,
            language=row.language,
            defaults=values,
            create_defaults={**values, "submitted_at": now},
        )
    for (name, language), reason in told.facts["refused"].items():
        MessageTemplate.objects.update_or_create(
            connection=onboarding.connection,
            name=name,
            language=language,
            defaults={"status": "REJECTED", "reason": reason[:300], "purpose": known[name, language].purpose},
        )
    step_set(onboarding, steps.TEMPLATES, told.state, code=told.code, said=told.said)


def _test_message(onboarding: NumberOnboarding, work: Work, told: Told) -> None:
    step_set(onboarding, steps.TEST_MESSAGE, steps.DONE, gs_id=told.facts["gs_id"])
    onboarding.steps[steps.TEST_MESSAGE].pop("begun", None)


_SPECIAL: dict[str, Callable[[NumberOnboarding, Work, Told], None]] = {
    steps.APP: _app,
    steps.SUBSCRIPTIONS: _subscriptions,
    steps.LINK: _link,
    steps.SIGNUP: _signup,
    steps.HEALTH: _health,
    steps.TEMPLATES: _templates,
    steps.TEST_MESSAGE: _test_message,
}
