"""API tokens: the token names the organization (design, decision 1)."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from arriwa.common.schema import enter_tenant
from tenants.models import ApiToken


class TokenUser:
    """Who acts with an API token."""

    is_authenticated = True
    is_anonymous = False

    def __init__(self, token: ApiToken) -> None:
        self.token = token
        self.role = token.role
        self.pk = token.pk


class ApiTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer arw_…` enters the token's organization for this request.

    The middleware resets the connection's schema after the answer.
    """

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        """(user, token), None without a token. Raises AuthenticationFailed for an unknown or revoked one."""
        head, _, value = request.headers.get("Authorization", "").partition(" ")
        if head.lower() != "bearer":
            return None
        token = (
            ApiToken.objects.select_related("organization")
            .filter(digest=ApiToken.digest_of(value.strip()), revoked_at=None)
            .first()
        )
        if token is None:
            raise AuthenticationFailed("The API token is not valid: make a new one.")
        enter_tenant(token.organization)
        request._request.organization = token.organization  # type: ignore[attr-defined]
        return TokenUser(token), token

    def authenticate_header(self, request: Request) -> str:
        """The scheme that a 401 answer asks for."""
        return "Bearer"
