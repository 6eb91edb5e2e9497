"""Calls to Facebook on behalf of a person who signs in: code to token, who he is, what he granted."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from arriwa.outbox.enqueue import real_now
from integrations.base.errors import ConfigurationError, CredentialRefused, MalformedReply
from integrations.meta.assets_client import AssetsClient
from integrations.meta.graph import GraphToken, graph_request, graph_url
from integrations.meta.login_client import LoginClient
from tenants.signin.grants import Granted


def login_client() -> LoginClient:
    """The client that speaks for our app. Raises ConfigurationError without an app."""
    if not (settings.META_APP_ID and settings.META_APP_SECRET):
        raise ConfigurationError("ARRIWA_META_APP_ID and ARRIWA_META_APP_SECRET are not set.")
    return LoginClient(settings.PLATFORM_URLS["meta"], settings.META_APP_ID, settings.META_APP_SECRET)


def assets_client(token: str) -> AssetsClient:
    """The client that speaks for a person."""
    return AssetsClient(
        settings.PLATFORM_URLS["meta"],
        token,
        settings.META_APP_SECRET,
        business_url=settings.META_BUSINESS_URL,
    )


def code_redeem(code: str, *, redirect_uri: str) -> dict[str, Any]:
    """The answer with `access_token` for a code, which is good once; see DOCS of integrations.meta.

    Raises Rejected for a used, expired or foreign code, and the transient errors of `graph_request`.
    """
    # The secret is in the body: URLs end up in logs.
    form = {
        "client_id": settings.META_APP_ID,
        "client_secret": settings.META_APP_SECRET,
        "redirect_uri": redirect_uri,
        "code": code,
    }
    answer = _ask("POST", "oauth", "access_token", token=_app_token(), data=form)
    if not isinstance(answer.get("access_token"), str):
        raise MalformedReply("Facebook took the code and gave no token.")
    return answer


def person_read(token: str) -> dict[str, Any]:
    """{"id", "name", …} of the token's person: what SOCIALACCOUNT_PROVIDERS names, no more."""
    fields = list(settings.SOCIALACCOUNT_PROVIDERS["facebook"]["FIELDS"])
    answer = _ask("GET", "me", token=token, proof=True, params={"fields": ",".join(map(str, fields))})
    if not isinstance(answer.get("id"), str) or not answer["id"]:
        raise MalformedReply("Facebook did not say who signed in.")
    return answer


def granted_read(token: str, *, longer: bool = True) -> Granted:
    """What a person's token opens; with `longer` a new long-lived one is taken in its place first.

    Raises CredentialRefused for a dead token, and the transient errors of `LoginClient`.
    """
    client = login_client()
    ends = None
    if longer:
        long_token = client.exchange(token)
        token = long_token.token
        ends = real_now() + long_token.expires_in if long_token.expires_in else None
    info = client.debug(token)
    if not info.is_valid:
        raise CredentialRefused(platform_code=info.reason)
    answered = client.permissions(token)
    return Granted(
        facebook_user_id=info.user_id,
        token=token,
        # A token minted before the last consent opens less than what the person granted by now.
        granted=set(answered.granted) & set(info.scopes),
        declined=answered.declined,
        granular=info.granular,
        expires_at=info.expires_at or ends,
        data_access_expires_at=info.data_access_expires_at,
    )


def _app_token() -> str:
    return f"{settings.META_APP_ID}|{settings.META_APP_SECRET}"


def _ask(method: str, *path: str, token: str, proof: bool = False, **sent: Any) -> dict[str, Any]:
    credential = GraphToken(token, settings.META_APP_SECRET if proof else "")
    url = graph_url(settings.PLATFORM_URLS["meta"], *path)
    answer = graph_request(method, url, settings=credential, session=None, **sent).json
    if not isinstance(answer, dict):
        raise MalformedReply("Facebook's answer cannot be read.")
    return answer
