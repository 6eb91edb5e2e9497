"""URLs of the pages (design 6); each area adds its own."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("arriwa.pages.start")),
    path("", include("arriwa.pages.credentials")),
    path("", include("arriwa.pages.legal")),
    path("", include("arriwa.signin.oauth")),
    path("", include("arriwa.pages.onboarding.urls")),
    path("", include("arriwa.pages.chatflows.urls")),
    path("", include("arriwa.pages.settings.urls")),
]
