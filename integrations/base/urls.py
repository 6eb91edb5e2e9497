"""Where platforms are: base URLs set by the operator are trusted, a tenant's are not."""

from __future__ import annotations

from django.conf import settings

from arriwa.common.http import HttpSession, shared_session


def platform_url(platform: str, **parts: str) -> str:
    """The operator's base URL of a platform, its placeholders filled."""
    template: str = settings.PLATFORM_URLS[platform]
    return template.format(**parts)


def platform_session(*, trusted: bool = True) -> HttpSession:
    """The shared session for calls to a base URL of that trust."""
    return shared_session(trusted=trusted)
