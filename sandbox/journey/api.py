"""The two HTTP APIs of the journey: the sandbox (the lead's phone, the record) and the product's ledger."""

from __future__ import annotations

from typing import Any

import requests

SECONDS = 10.0
PLATFORMS = ("gupshup", "meta", "kommo", "stripe", "flowise")


class JourneyStopped(Exception):
    """The journey cannot go on; the text says what is missing and what was seen last."""


def _http() -> requests.Session:
    session = requests.Session()
    # A proxy set for the outer world must not get the loopback's requests.
    session.trust_env = False
    return session


def _answer(response: requests.Response) -> Any:
    if response.status_code != 200:
        path = response.request.path_url
        raise JourneyStopped(f"{path} answered {response.status_code}: {response.text[:300]}")
    return response.json()


class Phone:
    """The lead's hand: acts on one phone of the sandbox towards one account's number."""

    def __init__(self, sandbox_url: str, account: str, digits: str) -> None:
        self.base = f"{sandbox_url.rstrip('/')}/phone/{digits}"
        self.account = account
        self.digits = digits
        self.http = _http()

    def act(self, action: str, **given: Any) -> dict[str, Any]:
        """tap-ad | send | tap | order | pay, with that action's fields (sandbox/phone.py)."""
        body = {"account": self.account, **given}
        done: dict[str, Any] = _answer(self.http.post(f"{self.base}/{action}", json=body, timeout=SECONDS))
        return done

    def received(self) -> list[dict[str, Any]]:
        """What the business sent, oldest first."""
        chat = _answer(self.http.get(f"{self.base}/chat", params={"account": self.account}, timeout=SECONDS))
        return [message for message in chat["messages"] if message["from"] == "business"]


class Sandbox:
    """The sandbox's own record."""

    def __init__(self, url: str) -> None:
        self.base = url.rstrip("/")
        self.http = _http()

    def account(self, name: str) -> dict[str, Any]:
        """The settings of an account by platform (sandbox/accounts.json). Raises JourneyStopped."""
        accounts = _answer(self.http.get(f"{self.base}/_accounts", timeout=SECONDS))
        if name not in accounts:
            raise JourneyStopped(f"The sandbox has no account {name!r}; it has {', '.join(accounts)}.")
        found: dict[str, Any] = accounts[name]
        return found

    def states(self) -> dict[str, Any]:
        """platform -> the effects that its fake holds."""
        return {
            name: _answer(self.http.get(f"{self.base}/_state", params={"platform": name}, timeout=SECONDS))
            for name in PLATFORMS
        }

    def stages(self, subdomain: str, token: str) -> dict[int, str]:
        """status id -> name of the account's stages, asked from the fake Kommo as its users do."""
        answer = self.http.get(
            f"{self.base}/kommo/{subdomain}/api/v4/leads/pipelines",
            headers={"Authorization": f"Bearer {token}"},
            timeout=SECONDS,
        )
        pipelines = _answer(answer)["_embedded"]["pipelines"]
        return {int(one["id"]): str(one["name"]) for p in pipelines for one in p["_embedded"]["statuses"]}

    def events_received(self) -> list[dict[str, Any]]:
        """Requests with events as they arrived at Meta, with what was answered."""
        rows: list[dict[str, Any]] = _answer(
            self.http.get(
                f"{self.base}/_received", params={"platform": "meta", "path": "/events"}, timeout=SECONDS
            )
        )
        return rows


class Product:
    """The product's API: the lead and its ledger."""

    def __init__(self, url: str, token: str, digits: str) -> None:
        self.base = f"{url.rstrip('/')}/api/v1/subscribers/"
        self.digits = digits
        self.http = _http()
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.subscriber = ""

    def rows(self) -> list[dict[str, Any]]:
        """The lead's ledger, oldest first; empty before the product knows the lead.

        Raises JourneyStopped when two leads have this phone.
        """
        if not self.subscriber:
            found = self._get(self.base, phone=self.digits)["subscribers"]
            if len(found) > 1:
                raise JourneyStopped(f"The product knows {len(found)} leads with the phone {self.digits}.")
            if not found:
                return []
            self.subscriber = str(found[0]["id"])
        rows: list[dict[str, Any]] = self._get(f"{self.base}{self.subscriber}/ledger/")["rows"]
        return rows

    def _get(self, url: str, **params: str) -> Any:
        return _answer(self.http.get(url, params=params, timeout=SECONDS))
