"""`/start/<birth>`: an organization being made, step by step; survives reloads, tells errors (T1)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from arriwa.pages.access import WORKSPACE_KEY
from arriwa.pages.start.doors import SignedInRequest, signed_in
from tenants.birth import birth_progress, birth_retry
from tenants.middleware import SESSION_KEY
from tenants.models import Birth

#: Where a new organization goes on; `/` finds the workspace's own stage.
NEXT = "/wa-onboarding"


@require_safe
@never_cache
@signed_in
def progress(request: SignedInRequest, birth_id: UUID) -> HttpResponse:
    """The page around the steps; leads on when they are done."""
    birth = _own(request, birth_id)
    if birth.state == Birth.State.DONE:
        _enter(request, birth)
        return HttpResponseRedirect(NEXT)
    return render(request, "pages/start/birth.html", _context(birth))


@require_safe
@never_cache
@signed_in
def fragment(request: SignedInRequest, birth_id: UUID) -> HttpResponse:
    """The steps alone, for the page's polling."""
    birth = _own(request, birth_id)
    context = _context(birth)
    response = render(request, "pages/start/birth_steps.html", context)
    if context["progress"].finished:
        response["X-Done"] = "1"
    if birth.state == Birth.State.DONE:
        _enter(request, birth)
        response["X-Location"] = NEXT
    return response


@require_POST
@signed_in
def again(request: SignedInRequest, birth_id: UUID) -> HttpResponse:
    """Tries a failed birth once more; for any other it changes nothing."""
    birth_retry(birth=_own(request, birth_id))
    return HttpResponseRedirect(f"/start/{birth_id}")


def _own(request: SignedInRequest, birth_id: UUID) -> Birth:
    """The user's own birth; others are not there."""
    birth: Birth = get_object_or_404(Birth, id=birth_id, requested_by=request.user)
    return birth


def _context(birth: Birth) -> dict[str, Any]:
    return {"birth": birth, "progress": birth_progress(birth)}


def _enter(request: SignedInRequest, birth: Birth) -> None:
    """The new organization is the chosen one. Its member's place is checked with the next request."""
    if birth.organization_id and request.session.get(SESSION_KEY) != str(birth.organization_id):
        request.session[SESSION_KEY] = str(birth.organization_id)
        request.session.pop(WORKSPACE_KEY, None)
