"""The fake Facebook's pages as HTML: consent dialog, errors, terms. English and Russian, no script."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aiohttp import web

PAGE = Path(__file__).parent / "static" / "facebook.html"

#: English text -> Russian; the pages' own words. Names and permissions have theirs elsewhere.
RUSSIAN = {
    "Log in to Facebook": "Вход в Facebook",
    "This is the sandbox's Facebook. Choose who you are.": "Это Facebook песочницы. Выберите, кто вы.",
    "Cancel": "Отмена",
    "Not you?": "Это не вы?",
    "Switch": "Сменить",
    "asks for access": "запрашивает доступ",
    "Continue as": "Продолжить как",
    "You have already allowed what is asked.": "Вы уже разрешили всё, о чём сейчас просят.",
    "Edit access": "Изменить доступ",
    "always": "всегда",
    "All, also those to come": "Все, и те, что появятся",
    "Only these:": "Только эти:",
    "You have none.": "У вас их нет.",
    "All of these permissions are given together or not at all.": "Эти разрешения даются все вместе или "
    "никак.",
    "Something went wrong": "Что-то пошло не так",
    "Custom Audience terms": "Условия индивидуализированных аудиторий",
    "Whoever uses custom audiences confirms that the people agreed to it.": "Кто использует "
    "индивидуализированные аудитории, подтверждает согласие этих людей.",
    "Ad account": "Рекламный аккаунт",
    "I accept": "Принимаю",
    "The terms are accepted. You can close this page.": "Условия приняты. Страницу можно закрыть.",
    "You have no access to this ad account.": "У вас нет доступа к этому рекламному аккаунту.",
}


class Words:
    """Texts in the reader's language."""

    def __init__(self, request: web.Request) -> None:
        asked = request.query.get("locale") or request.headers.get("Accept-Language") or ""
        self.russian = asked.lower().startswith("ru")

    def __call__(self, text: str) -> str:
        """A text of `RUSSIAN`."""
        return RUSSIAN[text] if self.russian else text

    def of(self, pair: Sequence[str]) -> str:
        """(English, Russian) in the reader's language."""
        return pair[1] if self.russian else pair[0]


def page(words: Words, title: str, body: str, status: int = 200) -> web.Response:
    """A whole page; `body` is HTML, `title` text."""
    text = PAGE.read_text(encoding="utf-8")
    values = {"lang": "ru" if words.russian else "en", "title": html.escape(title), "body": body}
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return web.Response(text=text, content_type="text/html", status=status)


def escape(text: object) -> str:
    """Text for HTML."""
    return html.escape(str(text))


def hidden(fields: Mapping[str, str]) -> str:
    """Fields that a form carries along."""
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )


def checkbox(name: str, value: str, label: str, *, checked: bool = True) -> str:
    """A box with its label."""
    mark = " checked" if checked else ""
    box = f'<input type="checkbox" name="{escape(name)}" value="{escape(value)}"{mark}>'
    return f"<label>{box} <span>{escape(label)}</span></label>"


def radio(name: str, value: str, label: str, *, checked: bool = False) -> str:
    """A choice with its label."""
    mark = " checked" if checked else ""
    box = f'<input type="radio" name="{escape(name)}" value="{escape(value)}"{mark}>'
    return f"<label>{box} <span>{escape(label)}</span></label>"


def person_form(
    words: Words, people: Iterable[tuple[str, str, str]], fields: Mapping[str, str], chosen: str = ""
) -> str:
    """Who one is: a GET form, a list for somebody new. `people`: (key, name, what is special about him)."""
    if not chosen:
        rows = "".join(
            f'<button name="as" value="{escape(key)}"><strong>{escape(name)}</strong><br>'
            f"{escape(about)}</button>"
            for key, name, about in people
        )
        return f'<form method="get" class="people">{hidden(fields)}{rows}</form>'
    options = "".join(
        f'<option value="{escape(key)}"{" selected" if key == chosen else ""}>{escape(name)}</option>'
        for key, name, _ in people
    )
    return (
        f'<form method="get" class="who">{hidden(fields)}<label for="as">{words("Not you?")}</label>'
        f'<select id="as" name="as">{options}</select><button>{words("Switch")}</button></form>'
    )
