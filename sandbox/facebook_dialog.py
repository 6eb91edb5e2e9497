"""The consent dialog, mounted at /dialog as www.facebook.com is: who asks, for what, and what was answered.

Source: reference/meta.md 7.1 and 7.2. A scope declined before is not asked again without
auth_type=rerequest; one granted before is asked again only on "Edit access".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from sandbox.facebook_login import App, Login, Targets
from sandbox.facebook_scopes import BASIC, SCOPES, TARGETS

#: Query parameters of the dialog; a form carries them along.
PARAMETERS = (
    "client_id",
    "redirect_uri",
    "state",
    "scope",
    "response_type",
    "auth_type",
    "config_id",
    "return_scopes",
    "locale",
    "display",
    "edit",
)


class DialogError(Exception):
    """Facebook shows this on a page of its own and sends nobody back."""


@dataclass(frozen=True)
class Asked:
    """A dialog's question."""

    app: App
    redirect_uri: str
    state: str
    #: As the app asked.
    requested: tuple[str, ...]
    #: With public_profile, which Facebook always adds.
    scopes: tuple[str, ...]
    rerequest: bool
    #: "Edit access": everything is asked anew.
    edit: bool
    #: Login for Business: all or none.
    together: bool
    return_scopes: bool


def asked_of(login: Login, query: Mapping[str, str]) -> Asked:
    """Reads the dialog's parameters. Raises DialogError in Facebook's words."""
    app = login.apps.get(query.get("client_id", ""))
    if app is None:
        raise DialogError("Invalid App ID: The provided app ID does not look like a valid app ID.")
    redirect_uri = query.get("redirect_uri", "")
    if not app.allows(redirect_uri):
        raise DialogError(
            "URL Blocked: This redirect failed because the redirect URI is not whitelisted in the app's "
            "Client OAuth Settings. Make sure Client and Web OAuth Login are on and add all your app domains "
            "as Valid OAuth Redirect URIs."
        )
    if query.get("response_type", "code") != "code":
        raise DialogError("Invalid response_type: the sandbox gives codes only.")
    scopes = [one for one in query.get("scope", "").replace(" ", ",").split(",") if one]
    together = "config_id" in query
    if together:
        if query["config_id"] not in app.configurations:
            raise DialogError("Invalid configuration ID: the app has no such configuration.")
        scopes = list(app.configurations[query["config_id"]])
    if invalid := sorted(set(scopes) - set(SCOPES)):
        raise DialogError(
            f"Invalid Scopes: {', '.join(invalid)}. This message is only shown to developers. Users of your "
            "app will ignore these permissions if present."
        )
    return Asked(
        app=app,
        redirect_uri=redirect_uri,
        state=query.get("state", ""),
        requested=tuple(scopes),
        scopes=tuple(dict.fromkeys([BASIC, *scopes])),
        rerequest="rerequest" in query.get("auth_type", "").split(","),
        edit=bool(query.get("edit")),
        together=together,
        return_scopes=query.get("return_scopes") == "true",
    )


def to_ask(login: Login, asked: Asked, person: str) -> list[str]:
    """The scopes that the person is really shown."""
    consent = login.consent_of(asked.app, person)
    if asked.edit or asked.together:
        return list(asked.scopes)
    return [
        scope
        for scope in asked.scopes
        if scope not in consent.granted and (asked.rerequest or scope not in consent.declined)
    ]


def kinds_of(scopes: list[str]) -> list[str]:
    """What can be ticked for these scopes, each kind once."""
    return list(dict.fromkeys(TARGETS[scope] for scope in scopes if scope in TARGETS))


def choices(login: Login, person: str, kind: str) -> list[tuple[str, str]]:
    """(id, name) of everything that the person may tick."""
    directory = login.directory
    if kind == "businesses":
        return [
            (one, (directory.business(one) or {})["name"]) for one in directory.people[person]["businesses"]
        ]
    found = ((one, directory.asset(kind, one)) for one in directory.seen_by(person, kind))
    return [(one, str((known or {}).get("name", one))) for one, known in found]


def answer(
    login: Login, asked: Asked, person: str, kept: set[str], ticks: Mapping[str, list[str] | None]
) -> str:
    """Writes the answer down; the address that the person is sent back to.

    `kept`: scopes left ticked. `ticks`: kind -> ids, None for all; a scope with nothing ticked is declined.
    """
    shown = to_ask(login, asked, person)
    granted: Targets = {}
    for scope in shown:
        ids = ticks.get(TARGETS[scope]) if scope in TARGETS else None
        if (scope == BASIC or asked.together or scope in kept) and ids != []:
            granted[scope] = ids
    declined = set(shown) - set(granted)
    login.grant(asked.app, person, granted, declined)
    _record(login, asked, person, shown, granted=granted, declined=declined)
    sent = {"code": login.code_mint(asked.app, person, asked.redirect_uri)}
    consent = login.consent_of(asked.app, person)
    if asked.return_scopes:
        sent |= {
            "granted_scopes": ",".join(consent.granted),
            "denied_scopes": ",".join(sorted(consent.declined)),
        }
    return _back(asked, sent)


def cancelled(login: Login, asked: Asked, person: str) -> str:
    """The person cancels: nothing changes; the address that he is sent back to."""
    _record(login, asked, person, to_ask(login, asked, person), granted={}, declined=set(), cancelled=True)
    return _back(
        asked,
        {
            "error": "access_denied",
            "error_code": "200",
            "error_description": "Permissions error",
            "error_reason": "user_denied",
        },
    )


def _back(asked: Asked, sent: dict[str, str]) -> str:
    parts = urlsplit(asked.redirect_uri)
    more = urlencode(sent | ({"state": asked.state} if asked.state else {}))
    # Facebook's own addition, which ends a fragment of the page before.
    return urlunsplit(parts._replace(query=f"{parts.query}&{more}" if parts.query else more, fragment="_=_"))


def _record(login: Login, asked: Asked, person: str, shown: list[str], **answered: Any) -> None:
    login.asked.append(
        {
            "at": login.world.now(),
            "app_id": asked.app.id,
            "person": person,
            "facebook_user_id": login.directory.people[person]["id"],
            "requested": sorted(asked.requested),
            "shown": sorted(shown),
            "granted": sorted(answered["granted"]),
            "targets": {scope: ids for scope, ids in answered["granted"].items() if ids is not None},
            "declined": sorted(answered["declined"]),
            "rerequest": asked.rerequest,
            "edit": asked.edit,
            "cancelled": answered.get("cancelled", False),
            "redirect_uri": asked.redirect_uri,
        }
    )
