"""Clients that speak for a person who signed in through our app, with the operator's settings."""

from __future__ import annotations

from django.conf import settings

from integrations.base.urls import platform_session, platform_url
from integrations.meta.assets_client import AssetsClient
from integrations.meta.login_client import LoginClient


def login_client() -> LoginClient:
    """Tokens of people who signed in through our app."""
    return LoginClient(
        platform_url("meta"), settings.META_APP_ID, settings.META_APP_SECRET, session=platform_session()
    )


def assets_client(token: str) -> AssetsClient:
    """What `token`'s person may choose from; every call is signed with our app's secret."""
    return AssetsClient(
        platform_url("meta"),
        token,
        settings.META_APP_SECRET,
        business_url=settings.META_BUSINESS_URL,
        session=platform_session(),
    )
