"""A person at the fake Facebook: goes through the consent dialog as a browser does, without one."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

_CHECKED = re.compile(r'name="grant" value="([^"]+)"')
_HIDDEN = re.compile(r'type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass
class FacebookPerson:
    """A person of people.json, or one that was made; see `make_person`."""

    base_url: str
    key: str
    id: str = ""
    name: str = ""
    pages: list[str] = field(default_factory=list)
    #: [{"id", "name", "ad_accounts", "pixels", "catalogs"}]
    businesses: list[dict[str, Any]] = field(default_factory=list)

    def dialog(self, url: str) -> requests.Response:
        """The dialog's page as this person sees it."""
        return requests.get(url, params={"as": self.key}, allow_redirects=False, timeout=60)

    def asked(self, url: str) -> list[str]:
        """The scopes that the dialog lets this person decline."""
        return _CHECKED.findall(self.dialog(url).text)

    def consent(
        self,
        url: str,
        *,
        decline: Collection[str] = (),
        ticks: Mapping[str, Sequence[str]] | None = None,
        cancel: bool = False,
    ) -> str:
        """Answers the dialog at `url`; the address that Facebook sends the browser to.

        `decline`: scopes to untick. `ticks`: kind (pages, businesses, ad_accounts, wabas, catalogs) -> ids;
        a kind that is not named is ticked for all. Fails when the dialog shows an error.
        """
        page = self.dialog(url)
        assert page.status_code == 200, page.text
        start = page.text.index('<form method="post"')
        form = page.text[start : page.text.index("</form>", start)]
        data: list[tuple[str, str]] = [(name, html.unescape(value)) for name, value in _HIDDEN.findall(form)]
        data += [("grant", scope) for scope in _CHECKED.findall(form) if scope not in decline]
        for kind, ids in (ticks or {}).items():
            data += [(f"which_{kind}", "some"), *((f"tick_{kind}", one) for one in ids)]
        data.append(("do", "cancel" if cancel else "continue"))
        answer = requests.post(url.partition("?")[0], data=data, allow_redirects=False, timeout=60)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def code(self, url: str, **answers: Any) -> str:
        """As `consent`; the code alone."""
        return parse_qs(urlsplit(self.consent(url, **answers)).query)["code"][0]

    def act(self, action: str, **given: Any) -> None:
        """expire, age, remove_app, change_password, checkpoint, decline: see the sandbox's controls."""
        body = {"person": self.key, "action": action, **given}
        answer = requests.post(f"{self.base_url}/facebook/_tokens", json=body, timeout=60)
        assert answer.ok, answer.text

    def callback(self, url: str, **given: Any) -> dict[str, Any]:
        """Meta posts a signed_request about this person to `url`; {"signed_request", "status", "body"}."""
        body = {"person": self.key, "url": url, **given}
        answer = requests.post(f"{self.base_url}/facebook/_callback", json=body, timeout=60)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found


def make_person(base_url: str, **given: Any) -> FacebookPerson:
    """A new person with a Page, a business, an ad account, two pixels and a catalog of his own.

    `given`: see POST /facebook/_people of the sandbox (pages, businesses, email, …).
    """
    answer = requests.post(f"{base_url}/facebook/_people", json=given, timeout=60)
    assert answer.ok, answer.text
    return FacebookPerson(base_url, **answer.json())
