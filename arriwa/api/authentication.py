"""Who calls the API, and for which organization (design, decision 1; design 6).

A bearer token is an API token ("arw_…") or the dashboard's access token ("ara_…"); pages of our own call
with the browser's session and Django's CSRF token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from arriwa.common.schema import enter_tenant
from arriwa.pages.access import WORKSPACE_KEY
from tenants.abilities import SUPPORT, Abilities, abilities_of
from tenants.audit import Actor
from tenants.members import name_of
from tenants.models import AccessToken, ApiToken, Membership, Organization, User
from tenants.tokens import access_token_find, token_find
from tenants.workspaces.models import AuditEntry

#: The role that `userData` names for staff.
SUPPORT_ROLE = "support"


@dataclass(frozen=True)
class Principal:
    """Who acts in a request, as which role, and what that allows."""

    organization: Organization | None
    role: str
    abilities: Abilities
    actor: Actor
    user: User | None = None
    api_token: ApiToken | None = None
    #: The workspace that the browser's session has chosen.
    workspace: str = ""

    is_authenticated = True
    is_anonymous = False

    @property
    def pk(self) -> Any:
        """For the framework, which keeps logs and throttles by it."""
        return self.actor.id


def principal_of_token(token: ApiToken) -> Principal:
    """An API token acts within its role and scopes."""
    return Principal(
        organization=token.organization,
        role=token.role,
        abilities=abilities_of(token.role, token.scopes),
        actor=Actor(token.id, token.name, AuditEntry.Via.API),
        api_token=token,
    )


def principal_of_user(user: User, organization: Organization | None, via: str) -> Principal | None:
    """A member acts with the role of this moment, staff without a membership look; others are None."""
    membership = (
        Membership.objects.filter(user=user, organization=organization).first() if organization else None
    )
    actor = Actor(user.id, name_of(user), via)
    if membership is not None:
        role = str(membership.role)
        return Principal(organization, role, abilities_of(role), actor, user=user)
    if user.is_staff and organization is not None:
        staff = Actor(user.id, name_of(user), AuditEntry.Via.STAFF)
        return Principal(organization, SUPPORT_ROLE, SUPPORT, staff, user=user)
    return None


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer …` enters the token's organization for this request.

    The middleware resets the connection's schema after the answer.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """(principal, token), None without a token. Raises AuthenticationFailed for a wrong one."""
        head, _, value = request.headers.get("Authorization", "").partition(" ")
        if head.lower() != "bearer":
            return None
        secret = value.strip()
        principal, token = (
            self._by_access_token(secret)
            if secret.startswith(AccessToken.PREFIX)
            else self._by_api_token(secret)
        )
        enter_tenant(principal.organization)
        request._request.organization = principal.organization  # type: ignore[attr-defined]
        return principal, token

    def authenticate_header(self, request: Request) -> str:
        """The scheme that a 401 answer asks for."""
        return "Bearer"

    def _by_api_token(self, secret: str) -> tuple[Principal, ApiToken]:
        token = token_find(secret)
        if token is None:
            raise AuthenticationFailed("The API token is not valid: make a new one.")
        return principal_of_token(token), token

    def _by_access_token(self, secret: str) -> tuple[Principal, AccessToken]:
        token = access_token_find(secret)
        principal = None
        if token is not None and token.api_token is not None:
            # One query has read the organization already.
            token.api_token.organization = token.organization
            principal = principal_of_token(token.api_token)
        elif token is not None and token.user is not None and token.user.is_active:
            principal = principal_of_user(token.user, token.organization, AuditEntry.Via.API)
        if token is None or principal is None:
            raise AuthenticationFailed("The access token has ended: sign in again.")
        return principal, token


class BrowserAuthentication(SessionAuthentication):
    """The session of our own pages, with a CSRF token for everything that changes something."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """(principal, None), None without a session. Raises PermissionDenied for a wrong CSRF token."""
        inner: Any = request._request
        user = getattr(inner, "user", None)
        if user is None or not user.is_authenticated or not user.is_active:
            return None
        self.enforce_csrf(request)
        chosen = inner.session.get(WORKSPACE_KEY) or ""
        membership = getattr(inner, "membership", None)
        actor = Actor(user.id, name_of(user), AuditEntry.Via.API)
        if membership is None:
            return Principal(None, "", Abilities(()), actor, user=user), None
        role = str(membership.role)
        return (
            Principal(inner.organization, role, abilities_of(role), actor, user=user, workspace=str(chosen)),
            None,
        )
