"""Errors on the wire: {"errors": {field: [..]}, "code", "message"} (design 6)."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.views import exception_handler as drf_handler


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer in our shape; what DRF does not know stays Django's."""
    response = drf_handler(error, context)
    if response is None:
        return None
    fields: dict[str, Any] = {}
    message = "The request could not be served."
    code = "error"
    if isinstance(error, ValidationError) and isinstance(error.detail, dict):
        fields, code, message = dict(error.detail), "invalid", "Some fields are not valid."
    elif isinstance(error, APIException):
        code = str(error.get_codes()) if isinstance(error.get_codes(), str) else error.default_code
        message = str(error.detail)
    elif response.status_code == 404:
        code, message = "not_found", "There is no such thing here."
    response.data = {"errors": fields, "code": code, "message": message}
    return response


class NotFound(APIView):
    """Any address of the API that is none: 404 in our shape instead of a page."""

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str) -> Response:
        """Always Http404."""
        raise Http404

    post = put = patch = delete = get
