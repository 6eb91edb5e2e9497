"""/join/<secret>: an invitation's link, opened before or after signing in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from arriwa.pages.access import WORKSPACE_KEY
from arriwa.pages.settings.sentences import role_name
from tenants.errors import TenancyError
from tenants.joining import invitation_accept, invitation_find, membership_by_invitation
from tenants.members import name_of
from tenants.middleware import SESSION_KEY
from tenants.models import User


@never_cache
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """Explains the invitation; a POST of somebody signed in accepts it, once."""
    user = request.user if isinstance(request.user, User) else None
    try:
        if request.method == "POST" and user is not None:
            return _accepted(request, secret, user)
        present = membership_by_invitation(secret, user) if user else None
        if present is not None:
            told = {"state": "member", "invited_to": present.organization}
            return render(request, "pages/settings/join.html", told)
        invitation = invitation_find(secret)
    except TenancyError as error:
        refused = {"state": "refused", "reason": error.message}
        return render(request, "pages/settings/join.html", refused, status=410)
    context: dict[str, Any] = {
        "state": "open",
        "invited_to": invitation.organization,
        "role": role_name(invitation.role),
        "person": name_of(user) if user else "",
        "sign_in_url": "/?" + urlencode({"next": request.path}),
        "expires_at": invitation.expires_at,
    }
    return render(request, "pages/settings/join.html", context)


def _accepted(request: HttpRequest, secret: str, user: User) -> HttpResponse:
    membership = invitation_accept(secret=secret, user=user)
    request.session[SESSION_KEY] = str(membership.organization_id)
    request.session.pop(WORKSPACE_KEY, None)
    messages.success(request, _("You are a member of %(name)s now.") % {"name": membership.organization.name})
    return HttpResponseRedirect("/")
