"""Texts of errors from below, where no language is known: marked here, so that catalogs hold them."""

from __future__ import annotations

from django.utils.translation import gettext_noop

ERRORS = (
    gettext_noop("Give access to ads, audiences and events first: the button is at the top of this page."),
    gettext_noop(
        "Meta does not list this for your access any more: reload the page and choose from the list."
    ),
    gettext_noop("One pixel cannot be GOOD and NOISE at once: choose another one, or make a new one."),
    gettext_noop(
        "The terms of custom audiences are not accepted for this ad account: accept them, then check again."
    ),
    gettext_noop(
        "This is not among what the workspace has connected: reload the page and choose from the list."
    ),
    gettext_noop("Facebook has granted none of this step's permissions: ask for them on this page first."),
    gettext_noop("The token is dead: reconnect."),
    gettext_noop("The token lacks a permission: reconnect and grant it."),
    gettext_noop("The token lacks a permission or the asset: reconnect and grant both."),
    gettext_noop("This answer from Kommo belongs to no sign-in of this browser: start connecting once more."),
    gettext_noop("Kommo was not allowed to let us in: start connecting once more and allow it there."),
    gettext_noop("Signing in at Kommo is not set up here: use a long-lived token."),
    gettext_noop("Your own Flowise needs an API key: make one there."),
)
