"""The API's URLs: /api/v1/, its OpenAPI document and its docs (design 6)."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from arriwa.api import document as document
from arriwa.api.errors import NotFound
from arriwa.api.v1 import subscribers

urlpatterns = [
    path("v1/subscribers/", subscribers.SubscriberList.as_view()),
    path("v1/subscribers/<uuid:subscriber>/ledger/", subscribers.SubscriberLedger.as_view()),
    re_path(r"^v1/(?P<rest>.*)$", NotFound.as_view()),
    path(
        "schema/", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]), name="schema"
    ),
    path(
        "docs/",
        SpectacularSwaggerView.as_view(url_name="schema", authentication_classes=[], permission_classes=[]),
    ),
]
