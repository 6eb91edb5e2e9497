"""Addresses below /wa-onboarding."""

from __future__ import annotations

from django.urls import path

from arriwa.pages.onboarding import acts, begin, views

urlpatterns = [
    path("wa-onboarding", views.overview, name="onboarding"),
    path("wa-onboarding/new", begin.new, name="onboarding-new"),
    path("wa-onboarding/move", begin.move, name="onboarding-move"),
    path("wa-onboarding/existing", begin.existing, name="onboarding-existing"),
    path("wa-onboarding/how-to-get-a-number", views.how_to, name="onboarding-how-to"),
    path("wa-onboarding/<uuid:identity>", views.number, name="onboarding-number"),
    path("wa-onboarding/<uuid:identity>/state", views.state, name="onboarding-state"),
    path("wa-onboarding/<uuid:identity>/again", acts.again, name="onboarding-again"),
    path("wa-onboarding/<uuid:identity>/link", acts.new_link, name="onboarding-link"),
    path("wa-onboarding/<uuid:identity>/page", acts.page_checked, name="onboarding-page"),
    path("wa-onboarding/<uuid:identity>/test", acts.test, name="onboarding-test"),
    path("wa-onboarding/<uuid:identity>/drop", acts.drop, name="onboarding-drop"),
]
