"""Who may sign in how: passwords are for staff alone, members come by Facebook (brief T1)."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from tenants.models import User


class StaffPasswords(ModelBackend):
    """Passwords, of staff only. Nobody learns whether a refused name exists or is no staff."""

    def user_can_authenticate(self, user: Any) -> bool:
        """Active staff."""
        return bool(super().user_can_authenticate(user) and user.is_staff)


class FacebookSessions(AuthenticationBackend):
    """Keeps sessions of people who came by Facebook; takes no password at all."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Nobody: the consent flow signs in by itself."""
        return None
