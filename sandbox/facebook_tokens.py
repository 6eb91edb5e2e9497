"""Token endpoints of the fake Graph: /oauth/access_token and what /debug_token says of a person's token."""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from sandbox.facebook_login import App, Login, Token
from sandbox.meta_graph import GraphError


def access_token(login: Login, params: dict[str, Any]) -> dict[str, Any]:
    """GET or POST /oauth/access_token: a code, an exchange (fb_exchange_token) or an app token."""

    def text(name: str) -> str:
        value = params.get(name)
        if not isinstance(value, str) or not value:
            raise GraphError(f"Missing {name} parameter.", 101 if name == "client_id" else 1)
        return value

    app = login.app_checked(text("client_id"), text("client_secret"))
    kind = params.get("grant_type") or "authorization_code"
    if kind == "client_credentials":
        value = f"{app.id}|{secrets.token_urlsafe(20)}"
        login.app_tokens[value] = app.id
        return {"access_token": value, "token_type": "bearer"}
    if kind == "fb_exchange_token":
        token = login.exchanged(app, text("fb_exchange_token"))
    elif kind == "authorization_code":
        token = login.code_redeem(app, text("code"), text("redirect_uri"))
    else:
        raise GraphError(f"Invalid grant_type: {kind}")
    left = int(token.expires_at - login.world.now())
    return {"access_token": token.value, "token_type": "bearer", "expires_in": left}


def app_of(login: Login, value: str) -> App | None:
    """The app behind an app token, either `id|secret` or one from client_credentials, or None."""
    app_id, bar, secret = value.partition("|")
    if not bar or app_id not in login.apps:
        return None
    app = login.apps[app_id]
    known = login.app_tokens.get(value) == app_id
    return app if known or hmac.compare_digest(secret.encode(), app.secret.encode()) else None


def debug(login: Login, asking: str, value: str) -> dict[str, Any]:
    """What /debug_token says of a person's token; a dead one is told, not refused.

    Raises GraphError 190 for an asker that is no app, 100 for another app's token.
    """
    token = login.tokens[value]
    app = app_of(login, asking)
    if app is None:
        app = login.apps[login.living(asking).app_id]
    if app.id != token.app_id:
        raise GraphError(
            "(#100) You must provide an app access token, or a user access token that is an owner or "
            "developer of the app",
        )
    told = _told(app, token)
    subcode = login.death(token)
    if subcode:
        error = {"code": 190, "message": "Error validating access token", "subcode": subcode}
        return {"data": {**told, "error": error, "is_valid": False, "scopes": []}}
    granted = login.effective(token)
    return {
        "data": {
            **told,
            "is_valid": True,
            "issued_at": int(token.issued_at),
            "scopes": list(granted),
            "granular_scopes": [
                {"scope": scope} if ids is None else {"scope": scope, "target_ids": ids}
                for scope, ids in granted.items()
            ],
        }
    }


def _told(app: App, token: Token) -> dict[str, Any]:
    return {
        "app_id": app.id,
        "application": app.name,
        "type": "PAGE" if token.page_id else "USER",
        "expires_at": int(token.expires_at),
        "data_access_expires_at": int(token.data_access_expires_at),
        "user_id": token.user_id,
    }
