"""The organization of a browser request comes from session and membership, never from the host."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from arriwa.common.schema import enter_public, enter_tenant
from tenants.models import Membership

SESSION_KEY = "organization"


class OrganizationMiddleware:
    """Sets the connection's schema for a signed-in member and resets it afterwards.

    `request.organization` and `request.membership` are None for others. API requests with a token choose
    theirs in `arriwa.api.authentication`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        enter_public()
        request.organization = request.membership = None  # type: ignore[attr-defined]
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            mine = Membership.objects.filter(user=user).select_related("organization").order_by("id")
            chosen = request.session.get(SESSION_KEY)
            membership = (mine.filter(organization_id=chosen) if chosen else mine).first()
            if membership is not None:
                request.organization = membership.organization  # type: ignore[attr-defined]
                request.membership = membership  # type: ignore[attr-defined]
                enter_tenant(membership.organization)
        try:
            return self.get_response(request)
        finally:
            enter_public()
