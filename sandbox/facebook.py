"""The fake www.facebook.com and business.facebook.com, mounted at /dialog: consent dialog, audience terms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from sandbox.core import World, platform_middleware
from sandbox.facebook_dialog import (
    PARAMETERS,
    Asked,
    DialogError,
    answer,
    asked_of,
    cancelled,
    choices,
    kinds_of,
    to_ask,
)
from sandbox.facebook_html import Words, checkbox, escape, hidden, page, person_form, radio
from sandbox.facebook_login import Login
from sandbox.facebook_scopes import BASIC, KINDS, SCOPES

#: Remembers who the tester is.
COOKIE = "sandbox_facebook"


def create_dialog(world: World, login: Login) -> web.Application:
    """The sub-application mounted at /dialog; its requests are recorded as Meta's."""
    app = web.Application(middlewares=[platform_middleware(world, "meta"), _errors])
    site = Site(login)
    for version in ("/{version:v\\d+\\.\\d+}", ""):
        app.router.add_get(version + "/dialog/oauth", site.remembering(site.show))
        app.router.add_post(version + "/dialog/oauth", site.decide)
    app.router.add_get("/ads/manage/customaudiences/tos/", site.remembering(site.terms))
    app.router.add_post("/ads/manage/customaudiences/tos/", site.accept)
    return app


@web.middleware
async def _errors(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except DialogError as error:
        words = Words(request)
        return page(words, words("Something went wrong"), f"<p>{escape(error)}</p>", status=400)


Show = Callable[[web.Request, str], Awaitable[web.Response]]


class Site:
    """The pages a person sees."""

    def __init__(self, login: Login) -> None:
        self.login = login

    def remembering(self, show: Show) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Finds out who the person is (`?as=`, else the cookie) and remembers it."""

        async def handler(request: web.Request) -> web.Response:
            person = request.query.get("as") or request.cookies.get(COOKIE, "")
            person = person if person in self.login.directory.people else ""
            response = await show(request, person)
            if person:
                response.set_cookie(COOKIE, person, path="/dialog", samesite="Lax", httponly=True)
            return response

        return handler

    def _person_form(self, request: web.Request, chosen: str = "") -> str:
        words = Words(request)
        people = [
            (key, one["name"], words.of(one["about"])) for key, one in self.login.directory.people.items()
        ]
        fields = {name: value for name, value in request.query.items() if name not in ("as", "edit")}
        return person_form(words, people, fields, chosen)

    def _who(self, request: web.Request) -> web.Response:
        words = Words(request)
        text = words("This is the sandbox's Facebook. Choose who you are.")
        return page(words, words("Log in to Facebook"), f"<p>{text}</p>" + self._person_form(request))

    # --- consent --------------------------------------------------------------------------------

    async def show(self, request: web.Request, person: str) -> web.Response:
        """GET /dialog/oauth."""
        asked = asked_of(self.login, request.query)
        if not person:
            return self._who(request)
        words = Words(request)
        scopes = to_ask(self.login, asked, person)
        fields = {name: request.query[name] for name in PARAMETERS if name in request.query}
        body = [f'<form method="post">{hidden(fields | {"person": person})}']
        if scopes:
            body.append(self._scopes(words, asked, scopes))
            body += [self._ticks(words, asked, person, kind) for kind in kinds_of(scopes)]
        else:
            body.append(f"<p>{words('You have already allowed what is asked.')}</p>")
        name = escape(self.people_name(person))
        body.append(
            f'<div class="actions"><button class="primary" name="do" value="continue">'
            f"{words('Continue as')} {name}</button>"
            f'<button name="do" value="cancel">{words("Cancel")}</button></div></form>'
        )
        if len(scopes) < len(asked.scopes):
            edit = hidden({key: value for key, value in fields.items() if key != "edit"} | {"edit": "1"})
            body.append(f'<form method="get">{edit}<button>{words("Edit access")}</button></form>')
        body.append(self._person_form(request, person))
        return page(words, f"{asked.app.name} {words('asks for access')}", "".join(body))

    def people_name(self, person: str) -> str:
        """The person's name."""
        return str(self.login.directory.people[person]["name"])

    def _scopes(self, words: Words, asked: Asked, scopes: list[str]) -> str:
        rows = []
        for scope in scopes:
            label = f"{words.of(SCOPES[scope])} ({scope})"
            if scope == BASIC or asked.together:
                rows.append(
                    f"<p>{escape(label)} · {words('always')}</p>"
                    if scope == BASIC
                    else f"<p>{escape(label)}</p>"
                )
            else:
                rows.append(checkbox("grant", scope, label))
        note = words("All of these permissions are given together or not at all.") if asked.together else ""
        return f"<fieldset><legend>{escape(asked.app.name)}</legend>{''.join(rows)}<p>{note}</p></fieldset>"

    def _ticks(self, words: Words, asked: Asked, person: str, kind: str) -> str:
        found = choices(self.login, person, kind)
        before = self._before(asked, person, kind)
        body = radio(f"which_{kind}", "all", words("All, also those to come"), checked=before is None)
        body += radio(f"which_{kind}", "some", words("Only these:"), checked=before is not None)
        ticks = "".join(
            checkbox(f"tick_{kind}", one, name, checked=before is None or one in before)
            for one, name in found
        )
        body += f'<div class="ticks">{ticks or words("You have none.")}</div>'
        return f"<fieldset><legend>{words.of(KINDS[kind])}</legend>{body}</fieldset>"

    def _before(self, asked: Asked, person: str, kind: str) -> list[str] | None:
        """What was ticked before, None for all."""
        granted = self.login.consent_of(asked.app, person).granted
        for scope, ids in granted.items():
            if ids is not None and kinds_of([scope]) == [kind]:
                return ids
        return None

    async def decide(self, request: web.Request) -> web.Response:
        """POST /dialog/oauth: the form of `show`. Sends the person back to the app."""
        form = await request.post()
        asked = asked_of(self.login, {name: str(form[name]) for name in PARAMETERS if name in form})
        person = str(form.get("person", ""))
        if person not in self.login.directory.people:
            raise DialogError("Log in first.")
        if form.get("do") == "cancel":
            location = cancelled(self.login, asked, person)
        else:
            ticks = {kind: ids for kind in KINDS if (ids := self._ticked(form, person, kind)) is not None}
            kept = {str(one) for one in form.getall("grant", [])}
            location = answer(self.login, asked, person, kept, ticks)
        return web.Response(status=302, headers={"Location": location})

    def _ticked(self, form: Mapping[str, Any], person: str, kind: str) -> list[str] | None:
        """The ids of a kind that the person left ticked; None for all, also those to come."""
        which = form.get(f"which_{kind}")
        seen = [one for one, _ in choices(self.login, person, kind)]
        sent = {str(value) for name, value in form.items() if name == f"tick_{kind}"}
        ids = [one for one in seen if one in sent]
        # Whoever unticks a box means it, whatever stands above.
        return ids if which == "some" or (which == "all" and ids != seen) else None

    # --- terms of custom audiences --------------------------------------------------------------

    async def terms(self, request: web.Request, person: str) -> web.Response:
        """GET /ads/manage/customaudiences/tos/?act=: a person with access may accept."""
        if not person:
            return self._who(request)
        words, number = Words(request), request.query.get("act", "").removeprefix("act_")
        title = words("Custom Audience terms")
        if number not in self.login.directory.seen_by(person, "ad_accounts"):
            body = f"<p>{words('You have no access to this ad account.')}</p>"
            return page(words, title, body + self._person_form(request, person), status=403)
        account = self.login.directory.asset("ad_accounts", number) or {}
        text = words("Whoever uses custom audiences confirms that the people agreed to it.")
        body = f"<p>{text}</p><p>{words('Ad account')}: {escape(account.get('name', ''))} ({number})</p>"
        if account.get("custom_audience_tos", True):
            body += f"<p>{words('The terms are accepted. You can close this page.')}</p>"
        else:
            fields = hidden({"act": number, "person": person})
            body += f'<form method="post">{fields}<button class="primary">{words("I accept")}</button></form>'
        return page(words, title, body + self._person_form(request, person))

    async def accept(self, request: web.Request) -> web.Response:
        """POST of the terms page's form."""
        form = await request.post()
        person, number = str(form.get("person", "")), str(form.get("act", ""))
        people = self.login.directory
        if person not in people.people or number not in people.seen_by(person, "ad_accounts"):
            raise DialogError("You have no access to this ad account.")
        people.terms_accept(number)
        return web.Response(status=303, headers={"Location": f"{request.path}?act={number}"})
