"""Who changed what."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arriwa.api.pagination import page_of
from arriwa.api.shapes import LIST_PARAMETERS, envelope, refusals
from arriwa.pages.settings.sentences import sentence_of
from tenants.abilities import READ
from tenants.audit import audit_find
from tenants.gates import ONBOARDING
from tenants.workspaces.models import AuditEntry


class EntrySerializer(serializers.Serializer[Any]):
    """One line of the audit log."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    actor = serializers.UUIDField(allow_null=True, help_text="A user or an API token; null: Arriwa itself")
    actorName = serializers.CharField(source="actor_name")
    via = serializers.ChoiceField(AuditEntry.Via.choices)
    action = serializers.CharField()
    subject = serializers.CharField()
    workspace = serializers.UUIDField(source="workspace_id", allow_null=True)
    details = serializers.JSONField()
    sentence = serializers.SerializerMethodField()

    def get_sentence(self, entry: AuditEntry) -> str:
        """In the language of the request."""
        return sentence_of(entry)


class AuditFilter(serializers.Serializer[Any]):
    """The list's own query parameters."""

    q = serializers.CharField(required=False, default="", allow_blank=True, max_length=100)
    actor = serializers.UUIDField(required=False, default=None)
    action = serializers.RegexField(r"^[a-z_.]*$", required=False, default="", allow_blank=True)
    since = serializers.DateTimeField(required=False, default=None)
    until = serializers.DateTimeField(required=False, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A time from after to before is a mistake, not an empty list."""
        if attrs["since"] and attrs["until"] and attrs["since"] >= attrs["until"]:
            raise serializers.ValidationError({"until": [_("Give a time after the first one.")]})
        return attrs


class AuditList(APIView):
    """The organization's audit log."""

    ability = (READ, "audit")
    stage = ONBOARDING

    @extend_schema(
        parameters=[
            *LIST_PARAMETERS,
            OpenApiParameter("q", OpenApiTypes.STR, description="In names of actors and subjects"),
            OpenApiParameter("actor", OpenApiTypes.UUID),
            OpenApiParameter(
                "action", OpenApiTypes.STR, description="Such as member.removed, or member for all of them"
            ),
            OpenApiParameter("since", OpenApiTypes.DATETIME),
            OpenApiParameter("until", OpenApiTypes.DATETIME, description="Not included"),
        ],
        responses={200: envelope("entries", EntrySerializer), **refusals(400)},
    )
    def get(self, request: Request) -> Response:
        """One page, newest first."""
        form = AuditFilter(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        chosen = form.validated_data
        rows = audit_find(
            actor=chosen["actor"],
            action=chosen["action"],
            since=chosen["since"],
            until=chosen["until"],
            query=chosen["q"].strip(),
        )
        page, counts = page_of(request, rows, "entries")
        return Response({"entries": EntrySerializer(page, many=True).data, **counts})
