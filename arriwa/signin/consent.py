"""Consents: asking Facebook for exactly one step's permissions, and what came of it (T3.1, T3.5, T3.6).

A page calls `consent_start` and, when the person is back, `consent_result`; a workspace's own credential
comes from `workspace_token`.
"""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.base import AuthProcess
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from arriwa.common.errors import ArriwaError
from arriwa.pages.access import WORKSPACE_KEY
from arriwa.signin import stops
from arriwa.signin.facebook import login_client
from arriwa.signin.grants import grant_close, reason_of
from integrations.base.errors import ConfigurationError, CredentialRefused
from tenants.middleware import SESSION_KEY
from tenants.models import Membership, User
from tenants.signin.grants import grant_living, grant_of, grant_token
from tenants.signin.permissions import SIGNIN, ConsentResult, consent_compare, scopes_of
from tenants.workspaces.models import Workspace

#: Session: the consent that came back last, until its page has taken it.
CONSENT_KEY = "consent"


class ConsentMissing(ArriwaError):
    """Facebook has granted none of this step's permissions: ask for them on this page first."""


def consent_start(
    request: HttpRequest,
    purpose: str,
    next_url: str,
    workspace: Workspace | None = None,
    *,
    again: bool = False,
) -> HttpResponse:
    """Leads to Facebook's dialog for the step's scopes, from where the person comes back to `next_url`.

    `purpose` is one of PURPOSES. A signed-in person is asked once more for what he declined; a stranger
    only with `again`. A `next_url` of another site becomes "/".
    """
    signed_in = request.user.is_authenticated
    if purpose != SIGNIN and not signed_in:
        return HttpResponseRedirect("/")
    try:
        login_client()
    except ConfigurationError as error:
        return stops.stopped(request, stops.kind_of(error), {"next": next_url})
    organization = getattr(request, "organization", None)
    provider = get_adapter().get_provider(request, "facebook")
    answer: HttpResponse = provider.redirect(
        request,
        process=AuthProcess.CONNECT if signed_in else AuthProcess.LOGIN,
        next_url=stops.local_url(next_url),
        data={
            "purpose": purpose,
            "organization": str(organization.id) if organization and workspace else "",
            "workspace": str(workspace.id) if workspace else "",
        },
        scope=scopes_of(purpose),
        auth_params={"auth_type": "rerequest"} if signed_in or again else {},
    )
    return answer


def consent_arrived(request: HttpRequest, state: dict[str, Any]) -> None:
    """A signed-in person is back: the page that asked goes on in the workspace that it asked for."""
    asked = state.get("data") or {}
    organization, workspace = asked.get("organization"), asked.get("workspace")
    if organization and Membership.objects.filter(user=request.user.pk, organization=organization).exists():
        request.session[SESSION_KEY] = organization
        request.session[WORKSPACE_KEY] = workspace
    request.session[CONSENT_KEY] = asked


def consent_returned(request: HttpRequest, purpose: str, workspace: Workspace | None = None) -> bool:
    """Whether the person has just come back from this page's consent; true once."""
    asked = request.session.get(CONSENT_KEY) or {}
    wanted = (purpose, str(workspace.id) if workspace else "")
    if (asked.get("purpose"), asked.get("workspace")) != wanted:
        return False
    del request.session[CONSENT_KEY]
    return True


def consent_result(user: User, purpose: str) -> ConsentResult:
    """What the user has granted of what the step needs; a dead grant grants nothing."""
    grant = grant_of(user)
    return consent_compare(purpose, grant.granted if grant and not grant.revoked_at else ())


def workspace_token(user: User, purpose: str) -> str:
    """A fresh long-lived token of the user's, for one workspace alone: each call gives another.

    Raises NoGrant when Facebook gives no access any more, ConsentMissing when it never gave any of the
    step's permissions, and the transient errors of `LoginClient.exchange`.
    """
    grant = grant_living(user)
    if not consent_compare(purpose, grant.granted).granted:
        raise ConsentMissing()
    try:
        return login_client().exchange(grant_token(grant)).token
    except CredentialRefused as error:
        grant_close(grant, reason_of(error.platform_code or ""))
    grant_living(user)
    raise ConsentMissing()
