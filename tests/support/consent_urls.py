"""The product's URLs and a page that asks for a later step's consent, as /credentials does."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.urls import path

from arriwa.pages.access import PageRequest, page
from arriwa.signin.consent import consent_result, consent_returned, consent_start
from arriwa.urls import urlpatterns as product


@page()
def ask(request: PageRequest, purpose: str) -> HttpResponse:
    """POST asks; GET tells what came of it."""
    if request.method == "POST":
        return consent_start(request, purpose, f"/ask/{purpose}", request.workspace)
    assert request.workspace is not None
    result = consent_result(request.user, purpose)
    return JsonResponse(
        {
            "returned": consent_returned(request, purpose, request.workspace),
            "workspace": str(request.workspace.id),
            "granted": [one.scope for one in result.granted],
            "missing": [one.scope for one in result.missing],
        }
    )


urlpatterns = [*product, path("ask/<str:purpose>", ask)]
