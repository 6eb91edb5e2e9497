"""What Meta asks of every app: privacy, terms, callbacks when people leave (reference meta 7.5)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from arriwa.outbox.enqueue import real_now
from arriwa.signin.forgetting import deauthorize
from tenants.models import DeletionRequest
from tenants.signin.deletion import deletion_request
from tenants.signin.signed_request import BadSignedRequest, SignedRequest, signed_request_read


def _signed(request: HttpRequest) -> SignedRequest:
    text = request.POST.get("signed_request", "")
    return signed_request_read(text, secret=settings.META_APP_SECRET, now=real_now())


def _refused(error: BadSignedRequest) -> JsonResponse:
    return JsonResponse({"errors": {}, "code": error.code, "message": error.message}, status=400)


@csrf_exempt
@require_POST
def deauthorized(request: HttpRequest) -> JsonResponse:
    """POST /facebook/deauthorize/: a person removed the app. Known or not, Meta gets 200."""
    try:
        deauthorize(_signed(request))
    except BadSignedRequest as error:
        return _refused(error)
    return JsonResponse({"success": True})


@csrf_exempt
@require_POST
def deletion(request: HttpRequest) -> JsonResponse:
    """POST /facebook/deletion/: {"url", "confirmation_code"}; the same person gets the same ones again."""
    try:
        asked = deletion_request(facebook_user_id=_signed(request).user_id)
    except BadSignedRequest as error:
        return _refused(error)
    url = f"{settings.PUBLIC_URL}/privacy/deletion/{asked.code}"
    return JsonResponse({"url": url, "confirmation_code": asked.code})


@require_safe
@never_cache
def deletion_status(request: HttpRequest, code: str) -> HttpResponse:
    """GET /privacy/deletion/<code>: how far a deletion is, for whoever has the code."""
    asked = get_object_or_404(DeletionRequest, code=code.upper())
    return render(request, "pages/legal/deletion.html", {"asked": asked})


def _legal_page(name: str) -> Any:
    @require_safe
    def view(request: HttpRequest) -> HttpResponse:
        return render(request, f"pages/legal/{name}.html", {"contact": settings.CONTACT_EMAIL})

    return view


urlpatterns = [
    path("facebook/deauthorize/", deauthorized),
    path("facebook/deletion/", deletion),
    path("privacy/deletion/<str:code>", deletion_status),
    path("privacy", _legal_page("privacy")),
    path("terms", _legal_page("terms")),
]
