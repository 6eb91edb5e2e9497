"""Gathers what a step needs, from the organization's rows; runs in the preparing transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from integrations.base.connect import hook_url, route_for
from integrations.base.urls import platform_url
from integrations.gupshup import PLATFORM
from integrations.gupshup import onboarding_steps as steps
from integrations.gupshup.config import GupshupSettings
from integrations.gupshup.onboarding_calls import SUBSCRIPTIONS, Work
from integrations.gupshup.onboarding_client import OnboardingClient
from integrations.gupshup.onboarding_rows import contact_read
from integrations.gupshup.payloads import message_body
from integrations.gupshup.template_forms import drafts
from integrations.gupshup.tokens import (
    app_token,
    partner_client,
    partner_configured,
    partner_refusal,
    partner_token,
    token_want,
)
from integrations.models import Connection, MessageTemplate, NumberOnboarding
from subscribers.content import Content, Template, Text
from subscribers.services.playbook import playbook_current
from tenants.context import current_organization_id
from tenants.models import Organization
from tenants.services import hook_route_secrets

TEST_TEXTS = {
    "ru": "Проверка связи: номер подключён к Arriwa.",
    "en": "A test: this number is connected to Arriwa.",
}


@dataclass
class NotReady(Exception):
    """A token is on its way; `final`: it will not come without staff."""

    reason: str
    said: str = ""
    final: bool = False


def work_for(onboarding: NumberOnboarding, step: str) -> Work:
    """The step's work. Raises NotReady, after asking for the token that it lacks."""
    contact = contact_read(onboarding)
    work = Work(
        step,
        onboarding.way,
        app_id=onboarding.app_id,
        region=onboarding.region,
        contact=contact,
        language=onboarding.workspace.language,
        coexistence=bool(contact.get("coexistence")),
        waba_id=str(contact.get("waba_id", "")),
        renew=bool(onboarding.steps.get(steps.LINK, {}).get("renew")),
    )
    if step in (steps.APP, steps.REGION):
        _with_partner(work, onboarding)
        return work
    if onboarding.connection is None:
        raise NotReady("connection_gone", final=True)
    _with_app(work, onboarding.connection)
    if step == steps.SUBSCRIPTIONS:
        _with_hook(work, onboarding, onboarding.connection)
    elif step == steps.TEMPLATES:
        work.drafts = drafts(playbook_current(onboarding.workspace).content())
    elif step == steps.TEST_MESSAGE:
        work.message = test_message(onboarding, contact)
    return work


def _with_partner(work: Work, onboarding: NumberOnboarding) -> None:
    if not partner_configured():
        raise NotReady("no_partner", final=True)
    work.partner_token = partner_token()
    if not work.partner_token:
        refusal = partner_refusal()
        if refusal:
            raise NotReady("partner_refused", refusal, final=True)
        token_want()
        raise NotReady("token")
    work.partner = partner_client()
    name, identity = onboarding.workspace.name, onboarding.id.hex
    work.names = [steps.app_name(name, identity, attempt) for attempt in range(3)]


def _with_app(work: Work, connection: Connection) -> None:
    work.app_token = app_token(connection)
    if not work.app_token:
        refusal = partner_refusal()
        if refusal:
            raise NotReady("partner_refused", refusal, final=True)
        token_want(connection.id)
        raise NotReady("token")
    known = connection.config
    settings = GupshupSettings(
        app_id=connection.account,
        app_name=str(known.get("app_name", "")),
        number=str(known.get("number", "")),
        number_id=str(known.get("number_id", "")),
        waba_id=str(known.get("waba_id", "")),
        token=work.app_token,
    )
    work.client = OnboardingClient(base_url=platform_url(PLATFORM), settings=settings)


def _with_hook(work: Work, onboarding: NumberOnboarding, connection: Connection) -> None:
    organization = Organization.objects.get(id=current_organization_id())
    route = route_for(organization=organization, connection=connection)
    work.hook_url, work.hook_secret = hook_url(route), hook_route_secrets(route)[0]
    known = onboarding.steps.get(steps.SUBSCRIPTIONS, {})
    # An app taken over from an earlier way has its subscriptions, and their test calls are long past.
    if known.get("again") or "state" not in known:
        seen = known.get("seen", ())
        work.again = [version for version in SUBSCRIPTIONS if str(version) not in seen]


def test_message(onboarding: NumberOnboarding, contact: dict[str, Any]) -> dict[str, Any]:
    """An approved template, or free text for a phone that has written to the number today (R3)."""
    language = onboarding.workspace.language
    text = TEST_TEXTS.get(language, TEST_TEXTS["en"])
    mine = MessageTemplate.objects.filter(connection=onboarding.connection, purpose="text", status="APPROVED")
    row = mine.filter(language=language).first() or mine.first()
    content: Content = Template(row.name, row.language, (text,)) if row else Text(text)
    return message_body(content, phone=str(contact.get("test_phone", "")), user_id=None)
