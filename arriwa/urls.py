"""URLs of everything but /hooks/, which the receiver serves before Django."""

from __future__ import annotations

from django.urls import include, path

from arriwa import health
from arriwa.admin import site

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("api/", include("arriwa.api.urls")),
    path("admin/", site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("arriwa.pages.urls")),
]
