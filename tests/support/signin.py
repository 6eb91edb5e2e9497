"""A browser that signs in: Django's test client on our side, requests on Facebook's."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from tenants.birth import births_advance
from tenants.models import FacebookGrant, Organization, User
from tests.support.facebook import FacebookPerson, make_person
from tests.support.sandbox import Sandbox

#: Facebook sends people back to loopback addresses only.
HOST = "127.0.0.1"
_addresses = (f"{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1))


class Browser:
    """One browser with its session."""

    def __init__(self, language: str = "en") -> None:
        # An address of its own: sign-ins are limited by it.
        self.client = Client(
            SERVER_NAME=HOST, REMOTE_ADDR=f"10.{next(_addresses)}", headers={"accept-language": language}
        )

    def dialog(self, **fields: str) -> str:
        """Presses "Continue with Facebook"; the dialog's address."""
        answer = self.client.post("/sign-in/facebook", fields)
        assert answer.status_code == 302, answer.content.decode()
        return str(answer["Location"])

    def come_back(self, location: str) -> Any:
        """Follows Facebook's redirect to us; our answer."""
        parts = urlsplit(location)
        assert parts.hostname == HOST
        return self.client.get(f"{parts.path}?{parts.query}")

    def sign_in(self, person: FacebookPerson, *, next: str = "", again: str = "", **answers: Any) -> Any:
        """The whole way through the dialog; see FacebookPerson.consent."""
        return self.come_back(person.consent(self.dialog(next=next, again=again), **answers))

    @property
    def user(self) -> User | None:
        """Who is signed in."""
        identity = self.client.session.get("_auth_user_id")
        return User.objects.filter(pk=identity).first() if identity else None

    def page(self, path: str, status: int = 200) -> str:
        """A page's text."""
        answer = self.client.get(path)
        assert answer.status_code == status, (answer.status_code, answer.headers.get("Location"))
        return answer.content.decode()


def signed_in(sandbox: Sandbox, **given: Any) -> tuple[Browser, FacebookPerson]:
    """A new person who has signed in and granted everything; see make_person."""
    browser, person = Browser(), make_person(sandbox.url, **given)
    answer = browser.sign_in(person)
    assert answer.status_code == 302, answer.content.decode()
    return browser, person


def grant_of(person: FacebookPerson) -> FacebookGrant:
    """The grant that we keep of the person."""
    return FacebookGrant.objects.get(facebook_user_id=person.id)


def query_of(url: str) -> dict[str, str]:
    """The query's parameters."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def asked_of(sandbox: Sandbox, person: FacebookPerson) -> list[dict[str, Any]]:
    """What the fake Facebook recorded of the person's dialogs, oldest first."""
    return [one for one in sandbox.state("meta")["consents"] if one["person"] == person.key]


def make_organization(browser: Browser, person: FacebookPerson, *, businesses: int = 1) -> Organization:
    """Chooses the person's first Page and so many Business Managers, and lets a worker make them."""
    chosen = [one["id"] for one in person.businesses[:businesses]]
    answer = browser.client.post("/start", {"page": person.pages[0], "businesses": chosen})
    assert answer.status_code == 302, answer.content.decode()
    births_advance()
    assert browser.client.get(answer["Location"])["Location"] == "/wa-onboarding"
    made: Organization = Organization.objects.get(page_id=person.pages[0])
    return made
