"""From the first visit to an organization: sign-in, choosing, switching (T1, T3.1)."""

from __future__ import annotations

from django.urls import path

from arriwa.pages.start import births, choosing, home, workspaces

urlpatterns = [
    path("", home.home),
    path("sign-in/facebook", home.sign_in),
    path("sign-out", home.sign_out),
    path("switch", home.switch),
    path("start", choosing.start),
    path("start/join", choosing.join),
    path("start/workspaces", workspaces.workspaces),
    path("start/<uuid:birth_id>", births.progress),
    path("start/<uuid:birth_id>/progress", births.fragment),
    path("start/<uuid:birth_id>/again", births.again),
]
