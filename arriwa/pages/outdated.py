"""A form of a page that is older than the session: sent from another tab, after signing in or out."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def outdated(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 in words; Django calls it for a missing or foreign CSRF token, `reason` is for its log."""
    return render(request, "pages/outdated.html", status=403)
