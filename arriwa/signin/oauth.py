"""allauth's Facebook flow with our own calls: secrets in bodies and headers, typed errors, no other view.

allauth's login, sign-up, password and e-mail views are not routed at all; a dialog is started by
`arriwa.signin.consent` alone, so nobody outside chooses its scopes or parameters.
"""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import ProviderException
from allauth.socialaccount.providers.facebook.views import FacebookOAuth2Adapter
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.http import HttpRequest
from django.urls import path

from arriwa.signin.facebook import code_redeem, person_read
from integrations.base.errors import IntegrationError


class FacebookFlow(FacebookOAuth2Adapter):
    """The two calls of the redirect flow; their errors reach `on_authentication_error` as the cause."""

    def get_access_token_data(
        self, request: HttpRequest, app: Any, client: Any, pkce_code_verifier: str | None = None
    ) -> dict[str, Any]:
        """The token for the code in the address."""
        try:
            return code_redeem(str(request.GET.get("code", "")), redirect_uri=client.callback_url)
        except IntegrationError as error:
            raise ProviderException(error.message) from error

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> SocialLogin:
        """Who came back."""
        try:
            person = person_read(token.token)
        except IntegrationError as error:
            raise ProviderException(error.message) from error
        login = self.get_provider().sociallogin_from_response(request, person)
        # What Facebook tells now; `login.user` becomes the known user.
        login.told = {name: getattr(login.user, name) for name in ("first_name", "last_name", "email")}
        return login


urlpatterns = [
    path(
        "accounts/facebook/login/callback/",
        OAuth2CallbackView.adapter_view(FacebookFlow),
        name="facebook_callback",
    )
]
