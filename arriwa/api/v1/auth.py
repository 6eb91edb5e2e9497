"""Signing in to the API, in Vuexy's words (design 6)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arriwa.api.authentication import Principal, principal_of_token, principal_of_user
from arriwa.api.permissions import ANYONE, SIGNED_IN, principal_of
from arriwa.api.shapes import parsed, refusals
from tenants.models import AccessToken, Membership, Organization, User
from tenants.staff import staff_authenticate, staff_entered
from tenants.tokens import access_token_create, access_token_end, token_find
from tenants.workspaces.models import AuditEntry


class LoginSerializer(serializers.Serializer[Any]):
    """An API token, or staff's e-mail and password; nothing for the browser's own session."""

    token = serializers.CharField(required=False, default="", max_length=200)
    email = serializers.CharField(required=False, default="", max_length=254, help_text="Staff alone")
    password = serializers.CharField(required=False, default="", max_length=200, trim_whitespace=False)
    organization = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="For staff: which one to look at"
    )


class AbilityRuleSerializer(serializers.Serializer[Any]):
    """A rule as CASL reads it."""

    action = serializers.CharField()
    subject = serializers.CharField()


class OrganizationSerializer(serializers.Serializer[Any]):
    """The organization that the caller acts in."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class UserDataSerializer(serializers.Serializer[Any]):
    """Who acts, in Vuexy's manner."""

    id = serializers.UUIDField(source="actor.id")
    fullName = serializers.CharField(source="actor.name")
    username = serializers.SerializerMethodField()
    avatar = serializers.SerializerMethodField()
    email = serializers.SerializerMethodField()
    role = serializers.CharField()
    organization = OrganizationSerializer(allow_null=True)

    def get_username(self, principal: Principal) -> str:
        """A user's, or the API token's name."""
        return principal.user.get_username() if principal.user else principal.actor.name

    def get_avatar(self, principal: Principal) -> str | None:
        """We keep no pictures of people."""
        return None

    def get_email(self, principal: Principal) -> str:
        """ "" for an API token, or when Facebook told none."""
        return principal.user.email if principal.user else ""


class MeSerializer(serializers.Serializer[Any]):
    """Who acts and what that allows."""

    userData = UserDataSerializer()
    userAbilityRules = AbilityRuleSerializer(many=True)


class SignedInSerializer(MeSerializer):
    """The same with an access token that lasts an hour."""

    accessToken = serializers.CharField()


def me_json(principal: Principal) -> dict[str, Any]:
    """`userData` and `userAbilityRules`."""
    return {
        "userData": UserDataSerializer(principal).data,
        "userAbilityRules": principal.abilities.as_casl(),
    }


class Login(APIView):
    """Exchanges the browser's Facebook session, an API token, or staff's password."""

    ability = ANYONE

    @extend_schema(request=LoginSerializer, responses={200: SignedInSerializer, **refusals(400)})
    def post(self, request: Request) -> Response:
        """`{accessToken, userData, userAbilityRules}`; 400 by field for what does not fit."""
        wanted = parsed(LoginSerializer, request)
        session_key = ""
        caller: Any = request.user
        if wanted["email"]:
            principal = self._by_password(request, wanted)
        elif wanted["token"]:
            principal = self._by_token(wanted["token"])
        elif isinstance(caller, Principal):
            principal = caller
            # One that came with the session ends with it, however often it is renewed.
            if isinstance(request.auth, AccessToken):
                session_key = request.auth.session_key
            elif request.auth is None:
                session_key = request._request.session.session_key or ""
        else:
            raise AuthenticationFailed(
                _("Sign in through Facebook first, or give an API token."), "not_authenticated"
            )
        if principal.organization is None:
            raise PermissionDenied(_("You belong to no organization yet: choose your Page first."), "no_page")
        secret = access_token_create(
            organization=principal.organization,
            user=principal.user,
            api_token=principal.api_token,
            session_key=session_key,
        )
        return Response({"accessToken": secret, **me_json(principal)})

    def _by_token(self, secret: str) -> Principal:
        token = token_find(secret)
        if token is None:
            raise ValidationError({"token": [_("The API token is not valid: make a new one.")]})
        return principal_of_token(token)

    def _by_password(self, request: Request, wanted: dict[str, Any]) -> Principal:
        user = staff_authenticate(
            request=request._request, login=wanted["email"], password=wanted["password"]
        )
        if user is None:
            raise ValidationError(
                {"email": [_("E-mail or password is wrong. Members sign in through Facebook.")]}
            )
        organization = self._organization(user, wanted["organization"])
        principal = principal_of_user(user, organization, AuditEntry.Via.API)
        assert principal is not None
        if principal.actor.via == AuditEntry.Via.STAFF and organization is not None:
            staff_entered(user=user, organization=organization)
        return principal

    def _organization(self, user: User, wanted: UUID | None) -> Organization:
        """The one named, else the first that the person is a member of."""
        found: Organization | None
        if wanted is not None:
            found = Organization.objects.filter(id=wanted).first()
        else:
            mine = Membership.objects.filter(user=user).select_related("organization").order_by("id").first()
            found = mine.organization if mine else None
        if found is None:
            raise ValidationError({"organization": [_("Name the organization to look at by its id.")]})
        return found


class Me(APIView):
    """Who calls."""

    ability = SIGNED_IN

    @extend_schema(responses={200: MeSerializer, **refusals()})
    def get(self, request: Request) -> Response:
        """`{userData, userAbilityRules}`, with the role of this moment."""
        return Response(me_json(principal_of(request)))


class Logout(APIView):
    """Signs out."""

    ability = SIGNED_IN

    @extend_schema(request=None, responses={204: None, **refusals()})
    def post(self, request: Request) -> Response:
        """Ends the access token, and the browser's session that it came from; an API token stays."""
        token = request.auth
        if isinstance(token, AccessToken):
            if token.session_key:
                Session.objects.filter(session_key=token.session_key).delete()
            access_token_end(token)
        elif token is None:
            logout(request._request)
        return Response(status=204)
