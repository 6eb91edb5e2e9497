"""Shapes that several endpoints share, as the OpenAPI document tells them (design 6)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request

from arriwa.api.permissions import WORKSPACE_HEADER

#: Query parameters of every list.
LIST_PARAMETERS = [
    OpenApiParameter("page", OpenApiTypes.INT, description="From 1"),
    OpenApiParameter("itemsPerPage", OpenApiTypes.INT, description="At most 100; 10 unless given"),
]
WORKSPACE_PARAMETER = OpenApiParameter(
    WORKSPACE_HEADER,
    OpenApiTypes.UUID,
    OpenApiParameter.HEADER,
    description="The workspace that is meant; also as ?workspace=",
)


class ErrorSerializer(serializers.Serializer[Any]):
    """Every refusal."""

    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), help_text="By field; others under `base`"
    )
    code = serializers.CharField()
    message = serializers.CharField()
    location = serializers.CharField(required=False, help_text="With 423: the page on which to go on")


REFUSALS: dict[int | str, Any] = {
    400: ErrorSerializer,
    401: ErrorSerializer,
    403: ErrorSerializer,
    404: ErrorSerializer,
    409: ErrorSerializer,
    423: OpenApiResponse(ErrorSerializer, description="Locked until the workspace has come so far"),
}


def refusals(*statuses: int) -> dict[Any, Any]:
    """The document's entries for 401, 403 and the statuses named."""
    return {status: REFUSALS[status] for status in (401, 403, *statuses)}


def envelope(plural: str, item: Any) -> Any:
    """The answer of a paginated list."""
    title = f"{plural[:1].upper()}{plural[1:]}"
    count = serializers.IntegerField
    return inline_serializer(
        f"{title}Page",
        {
            plural: item(many=True),
            f"total{title}": count(),
            "total": count(),
            "totalPages": count(),
            "page": count(),
        },
    )


def parsed(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The request's body as the serializer reads it. Raises ValidationError by field."""
    form = serializer(data=request.data)
    form.is_valid(raise_exception=True)
    data: dict[str, Any] = form.validated_data
    return data
