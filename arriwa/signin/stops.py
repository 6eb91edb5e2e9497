"""Where a sign-in that came to nothing ends: in words, with a way on, never as a server error."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from integrations.base.errors import ConfigurationError, CredentialRefused, Rejected

#: Kind -> (HTTP status, heading, text).
KINDS: Final[dict[str, tuple[int, str | Promise, str | Promise]]] = {
    "cancelled": (
        200,
        _("You cancelled at Facebook"),
        _("Nothing was changed. Arriwa needs Facebook to know who you are and which Pages are yours."),
    ),
    "refused": (
        400,
        _("Facebook did not let you through"),
        _("Facebook ended the sign-in without an answer. Nothing was changed; try again."),
    ),
    "state": (
        400,
        _("This sign-in is over"),
        _("It was finished already, took longer than ten minutes or was begun in another browser."),
    ),
    "code": (
        400,
        _("Facebook did not accept the sign-in"),
        _("Its answer was used before or came too late. Nothing was changed; try again."),
    ),
    "down": (
        503,
        _("Facebook does not answer"),
        _("Nothing was changed. Wait a minute, then try again."),
    ),
    "unset": (
        503,
        _("Facebook is not set up here"),
        _("The operator of this installation has to name its app at Meta first: see the configuration."),
    ),
    "other_account": (
        409,
        _("That is another Facebook account"),
        _(
            "You are signed in here as somebody else, so nothing was changed. Sign out first, or choose your"
            " own account at Facebook."
        ),
    ),
    "signed_out": (
        409,
        _("You are signed out"),
        _("You signed out while Facebook was asking, so nothing was changed. Sign in, then try again."),
    ),
    "inactive": (
        403,
        _("This account is closed"),
        _("Its owner asked for it to be deleted, or it was blocked. Write to support if that is a mistake."),
    ),
    "often": (
        429,
        _("Too many sign-ins"),
        _("Wait a minute, then try again."),
    ),
}


def kind_of(error: BaseException) -> str:
    """The kind that fits an error of Facebook's."""
    if isinstance(error, ConfigurationError):
        return "unset"
    return "code" if isinstance(error, (Rejected, CredentialRefused)) else "down"


def stopped(request: HttpRequest, kind: str, state: dict[str, Any]) -> HttpResponse:
    """A page for someone who is not signed in; who is goes back to where he asked, with the reason."""
    status, heading, text = KINDS[kind]
    if request.user.is_authenticated and state:
        messages.warning(request, f"{heading}. {text}")
        return HttpResponseRedirect(next_of(state))
    context = {"heading": heading, "text": text, "next": next_of(state), "kind": kind}
    return render(request, "pages/start/stopped.html", context, status=status)


def next_of(state: dict[str, Any]) -> str:
    """Where the sign-in was to lead; "/" knows where everybody belongs."""
    return local_url(state.get("next"))


def local_url(url: object, fallback: str = "/") -> str:
    """`url` when it is a path of this site, else `fallback`."""
    text = str(url or "")
    safe = text.startswith("/") and url_has_allowed_host_and_scheme(text, allowed_hosts=None)
    return text if safe else fallback
