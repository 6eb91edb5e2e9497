"""Facebook Login of the sandbox: apps, consents, codes, tokens of people. Source: reference/meta.md 7.

Times are the sandbox's (`World.now`). A token opens what was granted when it was minted, as far as the
person has not taken it back since.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sandbox.core import World
from sandbox.facebook_people import Directory
from sandbox.facebook_scopes import BASIC
from sandbox.meta_graph import GraphError

CODE_SECONDS = 600
LONG_SECONDS = 60 * 86_400
DATA_ACCESS_SECONDS = 90 * 86_400
LOOPBACK = ("127.0.0.1", "localhost", "::1")

#: scope -> ids that were ticked, None for all, also those to come
Targets = dict[str, list[str] | None]


@dataclass
class App:
    """An app at Meta and its settings; POST /facebook/_settings changes them."""

    id: str
    secret: str = field(repr=False)
    name: str = "App"
    #: Valid redirect URIs; empty allows any loopback address.
    redirect_uris: list[str] = field(default_factory=list)
    #: "Require App Secret": calls of people's tokens need appsecret_proof.
    require_proof: bool = False
    #: How long a token from a code lives; Meta's 1-2 h.
    token_seconds: int = 5400
    #: Login for Business: configuration id -> its scopes, granted all or none.
    configurations: dict[str, list[str]] = field(default_factory=dict)

    def allows(self, redirect_uri: str) -> bool:
        """Whether the dialog may send a person there."""
        if self.redirect_uris:
            return redirect_uri in self.redirect_uris
        parts = urlsplit(redirect_uri)
        return parts.scheme in ("http", "https") and (parts.hostname or "") in LOOPBACK


@dataclass
class Consent:
    """What a person lets an app do, over all dialogs so far."""

    granted: Targets = field(default_factory=dict)
    declined: set[str] = field(default_factory=set)


@dataclass
class Token:
    """A token of a person (or of one of his Pages) for an app."""

    value: str = field(repr=False)
    app_id: str
    person: str
    user_id: str
    issued_at: float
    expires_at: float
    data_access_expires_at: float
    granted: Targets
    #: Subcode of 190 once it is dead for good: 458, 459, 460.
    dead: int = 0
    page_id: str = ""


@dataclass
class Code:
    """An authorization code on its way back to the app."""

    app_id: str
    person: str
    redirect_uri: str
    at: float
    used: bool = False


DEATHS = {
    458: "Error validating access token: The user has not authorized application {app}.",
    459: "Error validating access token: You cannot access the app till you log in to www.facebook.com and "
    "follow the instructions given.",
    460: "Error validating access token: The session has been invalidated because the user changed their "
    "password or Facebook has changed the session for security reasons.",
    463: "Error validating access token: Session has expired.",
}


class Login:
    """Everything that Facebook knows of apps, consents and tokens."""

    def __init__(self, world: World, directory: Directory, app: dict[str, Any]) -> None:
        self.world, self.directory = world, directory
        self._app = app
        world.on_reset(self.reset)

    def reset(self) -> None:
        """One app, nobody signed in yet."""
        self.apps = {str(self._app["id"]): App(**self._app)}
        self.consents: dict[tuple[str, str], Consent] = {}
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, Token] = {}
        self.app_tokens: dict[str, str] = {}
        #: What the dialog was asked and answered, oldest first.
        self.asked: list[dict[str, Any]] = []

    # --- the dialog's outcome -------------------------------------------------------------------

    def consent_of(self, app: App, person: str) -> Consent:
        """The consent so far; an empty one for a person who never met the app."""
        return self.consents.get((app.id, person)) or Consent()

    def grant(self, app: App, person: str, targets: Targets, declined: set[str]) -> None:
        """Adds a dialog's answer to the consent. A scope asked again takes its new ticks."""
        consent = self.consents.setdefault((app.id, person), Consent())
        for scope in declined:
            consent.granted.pop(scope, None)
        consent.granted |= {BASIC: None} | targets
        consent.declined = (consent.declined | declined) - set(consent.granted)

    def code_mint(self, app: App, person: str, redirect_uri: str) -> str:
        """A code, good once, for ten minutes, for that redirect URI."""
        code = "AQ" + secrets.token_urlsafe(96)
        self.codes[code] = Code(app.id, person, redirect_uri, self.world.now())
        return code

    # --- tokens ---------------------------------------------------------------------------------

    def app_checked(self, app_id: str, secret: str) -> App:
        """The app. Raises GraphError 101 for an unknown id, 1 for a wrong secret."""
        app = self.apps.get(app_id)
        if app is None:
            raise GraphError(
                "Error validating application. Cannot get application info due to a system error.", 101
            )
        if not hmac.compare_digest(app.secret.encode(), secret.encode()):
            raise GraphError("Error validating client secret.", 1)
        return app

    def code_redeem(self, app: App, value: str, redirect_uri: str) -> Token:
        """The token for a code. Raises GraphError 100: used 36009, expired 36007, other address 36008."""
        code = self.codes.get(value)
        if code is None or code.app_id != app.id:
            raise GraphError("Invalid verification code format.")
        if code.redirect_uri != redirect_uri:
            raise GraphError(
                "Error validating verification code. Please make sure your redirect_uri is identical to the "
                "one you used in the OAuth dialog request",
                100,
                36008,
            )
        if code.used:
            raise GraphError("This authorization code has been used.", 100, 36009)
        if self.world.now() > code.at + CODE_SECONDS:
            raise GraphError("This authorization code has expired.", 100, 36007)
        code.used = True
        return self.mint(app, code.person, app.token_seconds)

    def exchanged(self, app: App, value: str) -> Token:
        """A long-lived token for a living one; a new one each time."""
        token = self.living(value)
        if token.app_id != app.id:
            raise GraphError("The access token does not belong to application " + app.id, 100)
        new = self.mint(app, token.person, LONG_SECONDS)
        # An exchange grants nothing anew, and data access runs from the person's own visit.
        new.granted, new.data_access_expires_at = dict(token.granted), token.data_access_expires_at
        return new

    def mint(self, app: App, person: str, seconds: float, page_id: str = "") -> Token:
        """A new token with what the person has granted by now."""
        now = self.world.now()
        token = Token(
            value="EAA" + secrets.token_hex(60),
            app_id=app.id,
            person=person,
            user_id=str(self.directory.people[person]["id"]),
            issued_at=now,
            expires_at=now + seconds if seconds else 0,
            data_access_expires_at=now + DATA_ACCESS_SECONDS,
            granted=dict(self.consent_of(app, person).granted),
            page_id=page_id,
        )
        self.tokens[token.value] = token
        return token

    def page_token(self, token: Token, page_id: str) -> Token:
        """The Page's token of the same person; made from a long-lived one it does not expire."""
        for known in self.tokens.values():
            owner = (known.app_id, known.person, known.page_id)
            if owner == (token.app_id, token.person, page_id) and not known.dead:
                return known
        return self.mint(self.apps[token.app_id], token.person, 0, page_id)

    def living(self, value: str) -> Token:
        """The token. Raises GraphError 190 with Meta's subcode when it is dead or nobody's."""
        token = self.tokens.get(value)
        if token is None:
            raise GraphError("Invalid OAuth access token - Cannot parse access token", 190, status=401)
        if subcode := self.death(token):
            raise GraphError(DEATHS[subcode].format(app=token.app_id), 190, subcode, status=401)
        return token

    def death(self, token: Token) -> int:
        """Subcode of why it is dead, 0 while it lives."""
        if token.dead:
            return token.dead
        return 463 if token.expires_at and self.world.now() >= token.expires_at else 0

    def authenticate(self, value: str, proof: Any) -> Token:
        """`living`, and the proof checked. Raises GraphError 100 for a wrong or missing proof."""
        token = self.living(value)
        app = self.apps[token.app_id]
        right = hmac.new(app.secret.encode(), value.encode(), hashlib.sha256).hexdigest()
        if proof is None and app.require_proof:
            raise GraphError(
                "API calls from the server require an appsecret_proof argument", kind="GraphMethodException"
            )
        if proof is not None and not hmac.compare_digest(right, str(proof)):
            raise GraphError(
                "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException"
            )
        return token

    def effective(self, token: Token) -> Targets:
        """What the token opens now: what it was minted with, less what was taken back."""
        consent = self.consent_of(self.apps[token.app_id], token.person)
        return {scope: ids for scope, ids in token.granted.items() if scope in consent.granted}

    # --- taking back ----------------------------------------------------------------------------

    def permission_revoke(self, token: Token, scope: str) -> None:
        """Takes one permission back; all tokens of the person lose it. Raises GraphError 100."""
        consent = self.consents[token.app_id, token.person]
        if scope == BASIC or scope not in consent.granted:
            raise GraphError(f"(#100) The permission {scope} is not granted or cannot be revoked")
        del consent.granted[scope]
        consent.declined.add(scope)

    def app_remove(self, app_id: str, person: str) -> None:
        """The person removes the app: the consent is gone, every token dead (458)."""
        self.consents.pop((app_id, person), None)
        self.kill(app_id, person, 458)

    def kill(self, app_id: str, person: str, subcode: int) -> int:
        """Every token of the person dies with that subcode; how many did."""
        found = [one for one in self.tokens.values() if (one.app_id, one.person) == (app_id, person)]
        for token in found:
            token.dead = token.dead or subcode
        return len(found)

    def state(self) -> dict[str, Any]:
        """For GET /_state: every dialog's question and answer, consents in force, how many tokens live."""
        return {
            "consents": list(self.asked),
            "permissions": [
                {
                    "app_id": app_id,
                    "person": person,
                    "facebook_user_id": self.directory.people[person]["id"],
                    "granted": consent.granted,
                    "declined": sorted(consent.declined),
                }
                for (app_id, person), consent in self.consents.items()
            ],
            "person_tokens": [
                {key: value for key, value in asdict(token).items() if key not in ("value", "granted")}
                | {"alive": not self.death(token)}
                for token in self.tokens.values()
            ],
        }
