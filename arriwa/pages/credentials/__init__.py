"""`/credentials`: access to platforms, the assets chosen, the routing table (T2, T3.5, T3.6)."""

from __future__ import annotations

from django.urls import path

from arriwa.pages.credentials import connections, flowise, kommo, meta, overview, routes, stripe

urlpatterns = [
    path("credentials", overview.overview),
    path("credentials/meta", meta.page_of_meta),
    path("credentials/meta/consent", meta.consent),
    path("credentials/meta/accounts", meta.accounts),
    path("credentials/meta/audiences", meta.audiences),
    path("credentials/meta/dataset", meta.dataset),
    path("credentials/meta/pixels", meta.pixels),
    path("credentials/meta/new-pixel", meta.new_pixel),
    path("credentials/meta/catalog", meta.catalog),
    path("credentials/kommo", kommo.connect),
    path("credentials/kommo/sign-in", kommo.sign_in),
    path("credentials/kommo/callback", kommo.callback),
    path("credentials/kommo/<uuid:connection_id>", kommo.mapping),
    path("credentials/stripe", stripe.connect),
    path("credentials/flowise", flowise.connect),
    path("credentials/routes", routes.table),
    path("credentials/assets/<uuid:asset_id>/remove", connections.remove_asset),
    path("credentials/connections/<uuid:connection_id>/test", connections.test),
    path("credentials/connections/<uuid:connection_id>/pause", connections.pause),
    path("credentials/connections/<uuid:connection_id>/resume", connections.resume),
    path("credentials/connections/<uuid:connection_id>/remove", connections.remove),
]
