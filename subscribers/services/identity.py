"""Who is writing: our own UUID behind the platforms' names for a person (L6; design, decision 6)."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import phonenumbers
from django.db import IntegrityError, transaction

from arriwa.common import sealing
from arriwa.common.errors import ArriwaError
from subscribers.models import AliasKind, Subscriber, SubscriberAlias
from tenants.context import current_organization_id
from tenants.workspaces.models import Workspace


class NobodyNamed(ArriwaError):
    """The event names neither a phone nor a user id, so there is nobody to answer."""


def phone_hash(phone: str) -> str:
    """The keyed hash under which a phone (digits with country code) is looked up."""
    return sealing.keyed_hash(phone, organization=current_organization_id(), purpose="phone")


@lru_cache(maxsize=10_000)
def country_of(phone: str, user_id: str) -> str:
    """ISO 3166-1 alpha-2 from the number, else from the user id's prefix, else ""."""
    if phone:
        try:
            return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{phone}")) or ""
        except phonenumbers.NumberParseException:
            return ""
    head = user_id.partition(".")[0]
    return head if len(head) == 2 and head.isalpha() else ""


def subscriber_resolve(
    *, workspace: Workspace, phone: str | None, user_id: str | None, name: str, at: datetime
) -> tuple[Subscriber, bool]:
    """The subscriber behind a phone or a WhatsApp user id, made when new; (subscriber, created).

    Both names given and only one known: the other is added. Two racing first messages meet in the
    alias's unique constraint. Raises NobodyNamed.
    """
    names = subscriber_names(phone, user_id)
    found = _find(workspace, names)
    if found is None:
        try:
            with transaction.atomic():
                return _create(workspace, names, phone or "", user_id or "", name, at), True
        except IntegrityError:
            found = _find(workspace, names)
            if found is None:
                raise
    subscriber, known = found
    for kind, key in names:
        if (kind, key) not in known:
            SubscriberAlias.objects.get_or_create(
                workspace=workspace,
                kind=kind,
                key=key,
                defaults={"subscriber": subscriber, "created_at": at},
            )
    return subscriber, False


def subscriber_names(phone: str | None, user_id: str | None) -> list[tuple[str, str]]:
    """(kind, key) of each alias that an event names, the strongest first. Raises NobodyNamed."""
    names = []
    if user_id:
        names.append((AliasKind.USER_ID.value, user_id))
    if phone:
        names.append((AliasKind.PHONE.value, phone_hash(phone)))
    if not names:
        raise NobodyNamed()
    return names


def person_open(subscriber: Subscriber) -> dict[str, str]:
    """{"phone": digits or "", "user_id", "name"} of a subscriber; never log it."""
    opened: dict[str, str] = sealing.unseal_json(
        subscriber.person_sealed, organization=current_organization_id(), row=subscriber.seal_row
    )
    return opened


def _find(
    workspace: Workspace, names: list[tuple[str, str]]
) -> tuple[Subscriber, set[tuple[str, str]]] | None:
    keys = [key for _, key in names]
    aliases = {
        (alias.kind, alias.key): alias
        for alias in SubscriberAlias.objects.filter(workspace=workspace, key__in=keys).select_related(
            "subscriber"
        )
    }
    for name in names:
        if name in aliases:
            subscriber = aliases[name].subscriber
            known = {n for n, a in aliases.items() if a.subscriber_id == subscriber.id}
            return subscriber, known
    return None


def _create(
    workspace: Workspace,
    names: list[tuple[str, str]],
    phone: str,
    user_id: str,
    name: str,
    at: datetime,
) -> Subscriber:
    subscriber = Subscriber(
        workspace=workspace,
        country=country_of(phone, user_id),
        language=workspace.language,
        created_at=at,
    )
    subscriber.person_sealed = sealing.seal_json(
        {"phone": phone, "user_id": user_id, "name": name},
        organization=current_organization_id(),
        row=subscriber.seal_row,
    )
    subscriber.save(force_insert=True)
    SubscriberAlias.objects.bulk_create(
        [
            SubscriberAlias(subscriber=subscriber, workspace=workspace, kind=k, key=v, created_at=at)
            for k, v in names
        ]
    )
    return subscriber
