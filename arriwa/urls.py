"""URLs of everything but /hooks/, which the receiver serves before Django."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from arriwa import health

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("api/", include("arriwa.api.urls")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("arriwa.pages.urls")),
]
