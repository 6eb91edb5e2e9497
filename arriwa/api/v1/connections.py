"""A workspace's connections and its routing table (T2). Secrets are in no answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arriwa.api.pagination import page_of
from arriwa.api.permissions import principal_of, workspace_chosen
from arriwa.api.shapes import LIST_PARAMETERS, WORKSPACE_PARAMETER, envelope, parsed, refusals
from integrations.base.assets import route_set
from integrations.base.routing import FIELDS, RoutingTable, Source, routing_table
from integrations.models import Asset, Connection
from tenants.abilities import MANAGE
from tenants.gates import CREDENTIALS
from tenants.workspaces.models import Workspace

#: Field of a route → its name on the wire.
WIRE = {
    "agentflow": "agentflow",
    "dataset": "dataset",
    "good_pixel": "goodPixel",
    "noise_pixel": "noisePixel",
    "ad_account": "adAccount",
    "catalog": "catalog",
    "pipeline": "pipeline",
    "payments": "payments",
}


class AssetSerializer(serializers.Serializer[Any]):
    """One thing at a platform that the owner chose."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Asset.Kind.choices)
    externalId = serializers.CharField(source="external_id")
    name = serializers.CharField()


class ConnectionSerializer(serializers.Serializer[Any]):
    """Access to one account of a platform, and whether it works."""

    id = serializers.UUIDField()
    workspace = serializers.UUIDField(source="workspace_id")
    platform = serializers.CharField()
    name = serializers.CharField()
    account = serializers.CharField()
    state = serializers.ChoiceField(Connection.State.choices)
    stateReason = serializers.CharField(source="state_reason")
    health = serializers.ChoiceField(Connection.Health.choices)
    healthText = serializers.CharField(source="health_text")
    checkedAt = serializers.DateTimeField(source="checked_at", allow_null=True)
    lastSuccessAt = serializers.DateTimeField(source="last_success_at", allow_null=True)
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")
    assets = AssetSerializer(many=True)


class ConnectionList(APIView):
    """The connections of the organization, or of the workspace that is named."""

    ability = (MANAGE, "credentials")
    stage = CREDENTIALS

    @extend_schema(
        parameters=[*LIST_PARAMETERS, WORKSPACE_PARAMETER],
        responses={200: envelope("connections", ConnectionSerializer), **refusals(400, 404, 423)},
    )
    def get(self, request: Request) -> Response:
        """One page, first come first."""
        found = Connection.objects.filter(removed_at=None)
        workspace = workspace_chosen(request, principal_of(request))
        if workspace is not None:
            found = found.filter(workspace=workspace)
        rows = found.prefetch_related("assets").order_by("created_at", "id")
        page, counts = page_of(request, rows, "connections")
        return Response({"connections": ConnectionSerializer(page, many=True).data, **counts})


class ChoiceSerializer(serializers.Serializer[Any]):
    """One field of a row."""

    own = serializers.UUIDField(allow_null=True, help_text="What the row itself says; null: it inherits")
    value = serializers.UUIDField(allow_null=True, help_text="What serves the number's chats")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        [one.value for one in Source], help_text="Why it does"
    )


class RouteSerializer(serializers.Serializer[Any]):
    """A number's row of the routing table, or the default row."""

    number = serializers.UUIDField(allow_null=True, help_text="The number's connection; null: the default")
    phone = serializers.CharField(help_text="Digits; empty for the default row")
    choices = serializers.DictField(child=ChoiceSerializer(), help_text="By field")


class RouteChangeSerializer(serializers.Serializer[Any]):
    """Fields to be changed: an option's id, or null to inherit; what is left out stays."""

    def get_fields(self) -> dict[str, Any]:
        """One field per column of the table."""
        return {wire: serializers.UUIDField(required=False, allow_null=True) for wire in WIRE.values()}


class RouteList(APIView):
    """The routing table of one workspace."""

    ability = (MANAGE, "credentials")
    stage = CREDENTIALS

    @extend_schema(
        operation_id="v1_number_routes_list",
        parameters=[*LIST_PARAMETERS, WORKSPACE_PARAMETER],
        responses={200: envelope("numberRoutes", RouteSerializer), **refusals(400, 404, 423)},
    )
    def get(self, request: Request) -> Response:
        """The default row, then one for each number."""
        table = routing_table(_workspace(request).id)
        keys: list[UUID | None] = [None, *(one.id for one in table.of_platform("gupshup"))]
        page, counts = page_of(request, keys, "numberRoutes")
        return Response({"numberRoutes": [_shown(table, key) for key in page], **counts})

    @extend_schema(
        operation_id="v1_number_routes_default_partial_update",
        parameters=[WORKSPACE_PARAMETER],
        request=RouteChangeSerializer,
        responses={200: RouteSerializer, **refusals(400, 404, 423)},
    )
    def patch(self, request: Request) -> Response:
        """Changes the default row."""
        return _changed(request, _workspace(request), None)


class RouteDetail(APIView):
    """One number's row."""

    ability = (MANAGE, "credentials")
    stage = CREDENTIALS

    @extend_schema(parameters=[WORKSPACE_PARAMETER], responses={200: RouteSerializer, **refusals(404, 423)})
    def get(self, request: Request, number: UUID) -> Response:
        """The row with what it inherits."""
        found = _number(number)
        return Response(_shown(routing_table(found.workspace_id), found.id))

    @extend_schema(
        parameters=[WORKSPACE_PARAMETER],
        request=RouteChangeSerializer,
        responses={200: RouteSerializer, **refusals(400, 404, 423)},
    )
    def patch(self, request: Request, number: UUID) -> Response:
        """Changes the row; effects follow it within seconds."""
        found = _number(number)
        return _changed(request, found.workspace, found)


def _workspace(request: Request) -> Workspace:
    chosen = (
        workspace_chosen(request, principal_of(request)) or Workspace.objects.order_by("created_at").first()
    )
    if chosen is None:
        raise Http404
    return chosen


def _number(number: UUID) -> Connection:
    found = Connection.objects.filter(id=number, platform="gupshup", removed_at=None)
    connection = found.select_related("workspace").first()
    if connection is None:
        raise Http404
    return connection


def _changed(request: Request, workspace: Workspace, number: Connection | None) -> Response:
    given = parsed(RouteChangeSerializer, request)
    choices = {name: given[wire] for name, wire in WIRE.items() if wire in given}
    route_set(workspace=workspace, number=number, choices=choices, actor=principal_of(request).actor)
    return Response(_shown(routing_table(workspace.id), number.id if number else None))


def _shown(table: RoutingTable, number: UUID | None) -> dict[str, Any]:
    row = table.rows.get(number)
    choices = {}
    for name in FIELDS:
        choice = table.choice(number, name)
        value = choice.value.id if choice.value is not None else None
        own = getattr(row, f"{name}_id") if row is not None else None
        choices[WIRE[name]] = {"own": own, "value": value, "source": choice.source.value}
    phone = next((str(c.config.get("number") or "") for c in table.connections if c.id == number), "")
    return dict(RouteSerializer({"number": number, "phone": phone, "choices": choices}).data)
