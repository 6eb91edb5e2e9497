"""Staff: the only people with passwords. They belong to no organization and enter one openly."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from arriwa.common.errors import ArriwaError
from tenants.audit import Actor, audit_record
from tenants.context import in_organization
from tenants.members import name_of
from tenants.models import Organization, User
from tenants.throttle import attempt_allowed
from tenants.workspaces.models import AuditEntry


class TooManyAttempts(ArriwaError):
    """Too many attempts to sign in: wait a minute, then try again."""


def attempt_check(*, login: str, address: str) -> None:
    """Counts an attempt to sign in with a password. Raises TooManyAttempts.

    Limits: 5 at once and one in 30 s for a name from one address; 30 at once for an address.
    """
    pair = attempt_allowed("pair", f"{login.lower()} {address}", burst=5, per_minute=2)
    if not attempt_allowed("address", address, burst=30, per_minute=10) or not pair:
        raise TooManyAttempts(_("Too many attempts to sign in: wait a minute, then try again."))


def staff_authenticate(*, request: HttpRequest, login: str, password: str) -> User | None:
    """The member of staff whose e-mail (or user name) and password these are, else None.

    An unknown name takes as long as a wrong password. Raises TooManyAttempts.
    """
    attempt_check(login=login, address=request.META.get("REMOTE_ADDR", ""))
    staff = User.objects.filter(is_staff=True, is_active=True)
    found = staff.filter(Q(email__iexact=login) | Q(username=login)).order_by("date_joined").first()
    if found is None or not login:
        make_password(password)
        return None
    user = authenticate(request, username=found.get_username(), password=password)
    return user if isinstance(user, User) and user.is_staff else None


def staff_entered(*, user: User, organization: Organization) -> None:
    """Writes into the organization's audit log that support looks at it."""
    actor = Actor(user.id, name_of(user), AuditEntry.Via.STAFF)
    with in_organization(organization.schema_name):
        audit_record(actor=actor, action="staff.entered", subject=organization.name)


def staff_actor(user: User) -> Actor:
    """How the audit log names a member of staff."""
    return Actor(user.id, name_of(user), AuditEntry.Via.STAFF)


def staff_create(*, username: str, email: str, password: str) -> User:
    """Get-or-create of a superuser for support (demo); an existing one gets this password."""
    user, _made = User.objects.get_or_create(username=username, defaults={"email": email})
    user.is_staff = user.is_superuser = True
    if not user.check_password(password):
        user.set_password(password)
    user.save()
    return user
