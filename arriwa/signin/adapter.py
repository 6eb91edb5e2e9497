"""What allauth asks us: who may come in, what is kept of him, where errors lead."""

from __future__ import annotations

from typing import Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.base.constants import AuthError
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from arriwa.signin import stops
from arriwa.signin.consent import consent_arrived
from arriwa.signin.facebook import granted_read
from integrations.base.errors import IntegrationError
from tenants.models import User
from tenants.signin.grants import Granted, grant_store


class Accounts(DefaultAccountAdapter):
    """Members have no password, no e-mail confirmation and no messages of allauth's own."""

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Our pages say what happened."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """For rate limits; a proxy that names nobody counts as one client instead of refusing all."""
        try:
            return str(super().get_client_ip(request))
        except PermissionDenied:
            return str(request.META.get("REMOTE_ADDR") or "unknown")

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """A deactivated user, such as one who asked to be forgotten."""
        return stops.stopped(request, "inactive", {})


class FacebookSignIn(DefaultSocialAccountAdapter):
    """A person is his app-scoped id at Facebook and nothing else; tokens go into the sealed grant."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Reads what was granted. A signed-in person's consent ends here; accounts are never joined."""
        state = sociallogin.state or {}
        # No addresses at allauth: nobody is found, merged or refused by one.
        sociallogin.email_addresses = []
        person = sociallogin.user if sociallogin.is_existing else None
        if request.user.is_authenticated:
            if person != request.user:
                _stop(request, "other_account", state)
        elif state.get("process") == AuthProcess.CONNECT:
            _stop(request, "signed_out", state)
        granted = self._granted(request, sociallogin, state)
        if person is None:
            sociallogin.granted = granted
            return
        if not person.is_active:
            _stop(request, "inactive", state)
        person_update(person, sociallogin.told)
        grant_store(user=person, granted=granted)
        if request.user.is_authenticated:
            consent_arrived(request, state)
            raise ImmediateHttpResponse(HttpResponseRedirect(stops.next_of(state)))

    def _granted(self, request: HttpRequest, sociallogin: SocialLogin, state: dict[str, Any]) -> Granted:
        try:
            granted = granted_read(sociallogin.token.token)
        except IntegrationError as error:
            _stop(request, stops.kind_of(error), state)
        if granted.facebook_user_id != sociallogin.account.uid:
            _stop(request, "code", state)
        return granted

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """A new person with his grant, or nothing. Two tabs at once make one person."""
        try:
            with transaction.atomic():
                user: User = super().save_user(request, sociallogin, form)
                grant_store(user=user, granted=sociallogin.granted)
        except IntegrityError:
            account = SocialAccount.objects.select_related("user").get(
                provider=sociallogin.account.provider, uid=sociallogin.account.uid
            )
            sociallogin.account, sociallogin.user = account, account.user
            user = account.user
            grant_store(user=user, granted=sociallogin.granted)
        return user

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Any) -> User:
        """Name and address as Facebook gives them; a user name that no other person can have."""
        user: User = super().populate_user(request, sociallogin, data)
        user.username = f"facebook-{sociallogin.account.uid}"
        # The answer held nothing else, and what is kept once need not be kept twice.
        sociallogin.account.extra_data = {}
        return user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> NoReturn:
        """A page in words, never allauth's own."""
        state = (extra_context or {}).get("state")
        if state is None:
            _stop(request, "state", {})
        if error == AuthError.CANCELLED:
            _stop(request, "cancelled", state)
        if exception is None:
            _stop(request, "refused", state)
        _stop(request, stops.kind_of(exception.__cause__ or exception), state)


def person_update(user: User, told: dict[str, str]) -> None:
    """Takes over a new name or address; one that Facebook no longer tells stays."""
    changed = [name for name, value in told.items() if value and getattr(user, name) != value]
    for name in changed:
        setattr(user, name, told[name])
    if changed:
        user.save(update_fields=changed)


def _stop(request: HttpRequest, kind: str, state: dict[str, Any]) -> NoReturn:
    raise ImmediateHttpResponse(stops.stopped(request, kind, state))
