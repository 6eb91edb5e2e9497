"""API tokens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arriwa.api.pagination import page_of
from arriwa.api.permissions import organization_of, principal_of
from arriwa.api.shapes import LIST_PARAMETERS, WORKSPACE_PARAMETER, envelope, parsed, refusals
from tenants.abilities import MANAGE
from tenants.models import Role
from tenants.tokens import token_create, token_revoke, tokens_of


class TokenSerializer(serializers.Serializer[Any]):
    """A named key to the API; the key itself is told once, when it is made."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.ChoiceField(Role.choices)
    scopes = serializers.ListField(child=serializers.CharField(), help_text="[]: all that the role may")
    createdBy = serializers.UUIDField(source="created_by", allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")
    lastUsedAt = serializers.DateTimeField(source="last_used_at", allow_null=True)
    revokedAt = serializers.DateTimeField(source="revoked_at", allow_null=True)


class NewTokenSerializer(serializers.Serializer[Any]):
    """What the token may do: a role, or some scopes of it such as "read:subscribers"."""

    name = serializers.CharField(max_length=100)
    role = serializers.ChoiceField(Role.choices, required=False, default=Role.ANALYST)
    scopes = serializers.ListField(child=serializers.CharField(max_length=60), required=False, default=list)


class TokenSecretSerializer(TokenSerializer):
    """The token with its key, which cannot be read again."""

    token = serializers.CharField()


class TokenList(APIView):
    """The organization's API tokens."""

    ability = (MANAGE, "tokens")

    @extend_schema(
        parameters=[*LIST_PARAMETERS, WORKSPACE_PARAMETER],
        responses={200: envelope("tokens", TokenSerializer), **refusals(400, 423)},
    )
    def get(self, request: Request) -> Response:
        """One page: those that work, then revoked ones."""
        page, counts = page_of(request, tokens_of(organization_of(request)), "tokens")
        return Response({"tokens": TokenSerializer(page, many=True).data, **counts})

    @extend_schema(
        parameters=[WORKSPACE_PARAMETER],
        request=NewTokenSerializer,
        responses={201: TokenSecretSerializer, **refusals(400, 423)},
    )
    def post(self, request: Request) -> Response:
        """Makes one that may do no more than its maker; the key is told in this answer alone."""
        caller = principal_of(request)
        wanted = parsed(NewTokenSerializer, request)
        token, secret = token_create(
            organization=organization_of(request),
            name=wanted["name"],
            role=Role(wanted["role"]),
            scopes=wanted["scopes"],
            created_by=caller.user.id if caller.user else None,
            actor=caller.actor,
            by=caller.abilities,
        )
        told: dict[str, Any] = dict(TokenSerializer(token).data)
        return Response({**told, "token": secret}, status=201)


class TokenDetail(APIView):
    """One API token."""

    ability = (MANAGE, "tokens")

    @extend_schema(parameters=[WORKSPACE_PARAMETER], responses={204: None, **refusals(404, 423)})
    def delete(self, request: Request, token: UUID) -> Response:
        """It opens nothing from now on."""
        token_revoke(organization=organization_of(request), token_id=token, actor=principal_of(request).actor)
        return Response(status=204)
