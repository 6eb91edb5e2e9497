"""The organization's workspaces and how far each has come."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arriwa.api.pagination import page_of
from arriwa.api.shapes import LIST_PARAMETERS, envelope, refusals
from arriwa.pages.gate import PAGES, reason_text, workspace_gate
from tenants.abilities import READ
from tenants.gates import ONBOARDING, STAGES
from tenants.workspaces.models import Workspace


class WorkspaceSerializer(serializers.Serializer[Any]):
    """A Business Manager of the organization."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    businessId = serializers.CharField(source="business_id")
    timeZone = serializers.CharField(source="time_zone")
    language = serializers.CharField()
    botOn = serializers.BooleanField(source="bot_on")
    createdAt = serializers.DateTimeField(source="created_at")
    stage = serializers.ChoiceField(STAGES, help_text="How far it has come; everything is open at `open`")
    reason = serializers.CharField(help_text="What it waits for, in words")
    location = serializers.CharField(help_text="The page on which to go on")

    def to_representation(self, instance: Workspace) -> dict[str, Any]:
        """Adds what the gate says."""
        gate = workspace_gate(instance)
        instance.stage, instance.reason = gate.stage, reason_text(gate)  # type: ignore[attr-defined]
        instance.location = PAGES[gate.stage]  # type: ignore[attr-defined]
        shown: dict[str, Any] = super().to_representation(instance)
        return shown


class WorkspaceList(APIView):
    """The organization's workspaces."""

    ability = (READ, "organization")
    stage = ONBOARDING

    @extend_schema(
        parameters=LIST_PARAMETERS,
        responses={200: envelope("workspaces", WorkspaceSerializer), **refusals(400)},
    )
    def get(self, request: Request) -> Response:
        """One page, first come first."""
        page, counts = page_of(request, Workspace.objects.order_by("created_at", "id"), "workspaces")
        return Response({"workspaces": WorkspaceSerializer(page, many=True).data, **counts})
