"""Asking for an organization: once or ten times, from one tab or two, it comes to the same."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django_tenants.utils import schema_context

from arriwa.common import clock
from arriwa.common.schema import enter_public
from arriwa.outbox import wakeup
from tenants.abilities import MANAGE, abilities_of
from tenants.birth.errors import BirthRefused, PageBusy, PageTaken
from tenants.birth.steps import schema_name_of, step_keys
from tenants.models import Birth, Membership, Organization, User
from tenants.schemas.template import schema_drop
from tenants.workspaces.models import Workspace

#: First key of the advisory lock of a Page; the second is made of its id.
PAGE_LOCK = 0x4157_0004
MOST_BUSINESSES = 200

Business = dict[str, str]


def birth_request(
    *, user: User, page_id: str, page_name: str, businesses: Iterable[Mapping[str, Any]]
) -> Birth:
    """Asks for the organization of a Page with a workspace for each Business Manager (T1).

    `businesses`: {"id", "name"} of each, and if known the "language" of its leads (one of the settings) and
    its "time_zone" (such as Asia/Almaty). Asked again, the same birth is returned, with further businesses
    added; one that failed is tried again. Once the organization is there, its owner's further businesses are
    added to it. A worker is woken at commit.

    Raises BirthRefused, PageTaken (with the organization to join), PageBusy (another person's birth is
    under way).
    """
    enter_public()
    wanted = _checked(page_id, page_name, businesses)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", (PAGE_LOCK, lock_key(page_id)))
        # Waits for the step that a worker is at; what it made is seen then.
        birth = Birth.objects.select_for_update().filter(page_id=page_id).first()
        organization = Organization.objects.filter(page_id=page_id).first()
        if organization is not None:
            return _extended(user, organization, birth, page_name, wanted)
        if birth is not None and birth.requested_by_id == user.id and birth.state != Birth.State.DONE:
            return _asked_again(birth, wanted)
        if birth is not None:
            _forget(birth)
        birth = Birth(page_id=page_id, page_name=page_name[:200], requested_by=user, businesses=wanted)
        birth.save(force_insert=True)
        _wake()
        return birth


def birth_retry(*, birth: Birth) -> Birth:
    """Tries a failed birth again from the step that failed; any other stays as it is."""
    enter_public()
    with transaction.atomic():
        found = Birth.objects.select_for_update().get(id=birth.id)
        return _asked_again(found, [])


def lock_key(text: str) -> int:
    """The second key of an advisory lock: a signed 32-bit number."""
    return zlib.crc32(text.encode()) - (1 << 31)


def _checked(page_id: str, page_name: str, businesses: Iterable[Mapping[str, Any]]) -> list[Business]:
    """The businesses without repetitions, with the keys that a birth knows. Raises BirthRefused."""
    if not page_id or len(page_id) > 64 or not page_name.strip():
        raise BirthRefused(_("Choose a Page first."))
    languages = {code for code, _name in settings.LANGUAGES}
    found: dict[str, Business] = {}
    for business in businesses:
        identity, name = str(business.get("id") or ""), str(business.get("name") or "").strip()
        if not identity or len(identity) > 64:
            raise BirthRefused(_("A business without an id was chosen. Choose again."))
        one = {"id": identity, "name": (name or identity)[:200]}
        if business.get("language") in languages:
            one["language"] = str(business["language"])
        if business.get("time_zone") and business["time_zone"] in _time_zones():
            one["time_zone"] = str(business["time_zone"])
        found.setdefault(identity, one)
    if not found:
        raise BirthRefused(_("Choose at least one business."))
    if len(found) > MOST_BUSINESSES:
        raise BirthRefused(_("Choose at most %(count)s businesses at once.") % {"count": MOST_BUSINESSES})
    return list(found.values())


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    """All IANA names; they are looked for on the disk, which takes a tenth of a second."""
    return frozenset(available_timezones())


def _asked_again(birth: Birth, wanted: Sequence[Business]) -> Birth:
    """The asker's own birth, under way or failed. Its last step makes the workspaces once more."""
    birth.businesses = _merged(birth.businesses, wanted)
    if birth.state == Birth.State.FAILED:
        _restart(birth)
    elif birth.state == Birth.State.WAITING:
        _wake()
    birth.save()
    return birth


def _extended(
    user: User, organization: Organization, birth: Birth | None, page_name: str, wanted: Sequence[Business]
) -> Birth:
    """The owner comes back, perhaps with further businesses; nobody else may. Raises PageTaken."""
    membership = Membership.objects.filter(user=user, organization=organization).first()
    if membership is None or not abilities_of(membership.role).can(MANAGE, "organization"):
        raise PageTaken(organization, member=membership is not None)
    if birth is None or birth.organization_id != organization.id:
        birth = _adopted(user, organization, birth, page_name)
    with schema_context(organization.schema_name):
        there = set(Workspace.objects.values_list("business_id", flat=True))
    if {business["id"] for business in wanted} <= there:
        return birth
    birth.businesses = _merged(birth.businesses, wanted)
    birth.requested_by = user
    if birth.state in (Birth.State.DONE, Birth.State.FAILED):
        birth.step = step_keys()[1]
        _restart(birth)
    birth.save()
    return birth


def _adopted(user: User, organization: Organization, birth: Birth | None, page_name: str) -> Birth:
    """A birth for an organization that a command has made."""
    if birth is not None:
        _forget(birth)
    return Birth.objects.create(
        page_id=str(organization.page_id),
        page_name=page_name[:200],
        requested_by=user,
        businesses=[],
        state=Birth.State.DONE,
        organization=organization,
        finished_at=clock.now(),
    )


def _forget(birth: Birth) -> None:
    """Makes room for a new birth where this one led to nothing. Raises PageBusy while it may yet."""
    if birth.state in (Birth.State.WAITING, Birth.State.RUNNING):
        raise PageBusy()
    if birth.state == Birth.State.FAILED and birth.organization_id is None:
        # Nobody has seen what it had made.
        schema_drop(schema_name_of(birth))
    birth.delete()


def _restart(birth: Birth) -> None:
    birth.state = Birth.State.WAITING
    birth.attempts, birth.error_text = 0, ""
    birth.created_at, birth.finished_at = clock.now(), None
    _wake()


def _merged(there: Sequence[Business], wanted: Iterable[Business]) -> list[Business]:
    return list({business["id"]: business for business in (*wanted, *there)}.values())


def _wake() -> None:
    transaction.on_commit(partial(wakeup.poke, wakeup.BIRTHS))
