"""The page behind an embed link: Meta's embedded signup as a tester goes through it, without a script."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from sandbox.facebook_html import Words, escape, radio
from sandbox.facebook_html import page as facebook_page
from sandbox.facebook_people import Directory
from sandbox.gupshup_apps import OTP, Apps

#: English text -> Russian.
RUSSIAN = {
    "Connect a WhatsApp number": "Подключение номера WhatsApp",
    "WhatsApp signup of the sandbox.": "Это регистрация WhatsApp в песочнице.",
    "Business": "Компания",
    "Display name": "Отображаемое имя",
    "Number with country code": "Номер с кодом страны",
    "Code from the SMS (it is 123456)": "Код из SMS (это 123456)",
    "What happens": "Что произойдёт",
    "Meta accepts the name": "Meta примет имя",
    "Meta refuses the display name": "Meta отклонит отображаемое имя",
    "Finish": "Готово",
    "Leave without finishing": "Уйти, не закончив",
    "The link has expired": "Срок ссылки истёк",
    "Ask for a new one on the page where you found it.": "Запросите новую там, где взяли эту.",
    "Done": "Готово",
    "You can close this page and go back.": "Страницу можно закрыть и вернуться.",
    "You left. Nothing was changed.": "Вы ушли. Ничего не изменилось.",
    "The code is wrong.": "Неверный код.",
    "Give the number with its country code, digits only.": "Укажите номер с кодом страны, только цифры.",
    "This number is used by another app.": "Этот номер занят другим приложением.",
    "Choose a business and a name.": "Выберите компанию и имя.",
}


class Signup:
    """GET and POST /gupshup/onboard/{key}."""

    def __init__(self, apps: Apps, directory: Directory) -> None:
        self.apps, self.directory = apps, directory

    def mount(self, router: web.UrlDispatcher) -> None:
        """Adds the routes."""
        router.add_get("/onboard/{key}", self.show)
        router.add_post("/onboard/{key}", self.finish)

    async def show(self, request: web.Request) -> web.Response:
        """The form, or that the link has ended."""
        say = Say(request)
        settings = self.apps.by_link(request.match_info["key"])
        if settings is None:
            text = f"<p>{say('Ask for a new one on the page where you found it.')}</p>"
            return facebook_page(say.words, say("The link has expired"), text, status=410)
        return facebook_page(say.words, say("Connect a WhatsApp number"), self._form(say, settings, {}))

    async def finish(self, request: web.Request) -> web.Response:
        """business, name, number, otp, outcome (ok | refused), do (finish | leave)."""
        say = Say(request)
        settings = self.apps.by_link(request.match_info["key"])
        if settings is None:
            return await self.show(request)
        given = {key: str(value).strip() for key, value in (await request.post()).items()}
        if given.get("do") == "leave":
            text = f"<p>{say('You left. Nothing was changed.')}</p>"
            return facebook_page(say.words, say("Connect a WhatsApp number"), text)
        number = re.sub(r"[^0-9]", "", given.get("number", ""))
        mistake = self._mistake(settings, given, number)
        if mistake:
            form = f'<p role="alert"><strong>{say(mistake)}</strong></p>' + self._form(say, settings, given)
            return facebook_page(say.words, say("Connect a WhatsApp number"), form, status=400)
        self.apps.sign_up(
            settings,
            business_id=given["business"],
            name=given["name"],
            number=number,
            outcome=given.get("outcome", "ok"),
        )
        return facebook_page(say.words, say("Done"), f"<p>{say('You can close this page and go back.')}</p>")

    def _mistake(self, settings: dict[str, Any], given: dict[str, str], number: str) -> str:
        """A text of `RUSSIAN`, "" when all is well."""
        if self.directory.business(given.get("business", "")) is None or not given.get("name"):
            return "Choose a business and a name."
        if not 7 <= len(number) <= 15:
            return "Give the number with its country code, digits only."
        if any(one["number"] == number for one in self.apps.all() if one is not settings):
            return "This number is used by another app."
        return "" if given.get("otp") == OTP else "The code is wrong."

    def _form(self, say: Say, settings: dict[str, Any], given: dict[str, str]) -> str:
        options = "".join(
            f'<option value="{escape(key)}"{" selected" if given.get("business") == key else ""}>'
            f"{escape(name)}</option>"
            for key, name in self._businesses()
        )
        fields = [
            ("name", "Display name", given.get("name") or settings["contact"].get("contactName", ""), "text"),
            ("number", "Number with country code", given.get("number") or settings["number"], "tel"),
            ("otp", "Code from the SMS (it is 123456)", given.get("otp", ""), "text"),
        ]
        inputs = "".join(
            f'<p><label for="{name}">{say(label)}</label>'
            f'<input id="{name}" name="{name}" type="{kind}" value="{escape(value)}"></p>'
            for name, label, value, kind in fields
        )
        outcomes = radio("outcome", "ok", say("Meta accepts the name"), checked=True) + radio(
            "outcome", "refused", say("Meta refuses the display name")
        )
        return (
            f'<p class="muted">{say("WhatsApp signup of the sandbox.")}</p><form method="post">'
            f'<p><label for="business">{say("Business")}</label>'
            f'<select id="business" name="business">{options}</select></p>{inputs}'
            f"<fieldset><legend>{say('What happens')}</legend>{outcomes}</fieldset>"
            f'<div class="actions"><button class="primary" name="do" value="finish">{say("Finish")}</button>'
            f'<button name="do" value="leave">{say("Leave without finishing")}</button></div></form>'
        )

    def _businesses(self) -> list[tuple[str, str]]:
        found = {key: one["name"] for key, one in self.directory.businesses.items()}
        for name, platforms in self.apps.world.accounts.items():
            business_id = str(platforms.get("meta", {}).get("business_id", ""))
            if business_id:
                found.setdefault(business_id, name.title())
        return list(found.items())


class Say:
    """The page's texts in the reader's language."""

    def __init__(self, request: web.Request) -> None:
        self.words = Words(request)

    def __call__(self, text: str) -> str:
        """A text of `RUSSIAN`."""
        return escape(RUSSIAN[text] if self.words.russian else text)
