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

from arriwa.api.permissions import SIGNED_IN
from arriwa.common.errors import ArriwaError
from arriwa.pages.chatflows.checklist import NotReady
from integrations.base.assets import NoSuchOption
from subscribers.selectors import NoPlaybook
from subscribers.services.playbook import DraftStale, NoSuchVersion, NothingToPublish
from tenants import errors as tenancy
from tenants.staff import TooManyAttempts

#: Errors of services that people cause; others are faults of ours and stay Django's.
STATUSES: dict[type[ArriwaError], int] = {
    tenancy.NotAllowed: 403,
    tenancy.NotThere: 404,
    tenancy.ScopeUnknown: 400,
    tenancy.LastOwner: 409,
    tenancy.OwnMembership: 409,
    tenancy.AlreadyDecided: 409,
    NoSuchOption: 400,
    TooManyAttempts: 429,
    DraftStale: 409,
    NothingToPublish: 409,
    NotReady: 409,
    NoSuchVersion: 404,
    NoPlaybook: 404,
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer in our shape, and that of services' errors; what neither knows stays Django's."""
    if isinstance(error, ArriwaError) and type(error) in STATUSES:
        body = {"errors": {}, "code": error.code, "message": error.message}
        return Response(body, status=STATUSES[type(error)])
    response = drf_handler(error, context)
    if response is None:
        return None
    fields: dict[str, Any] = {}
    message = "The request could not be served."
    code = "error"
    if isinstance(error, ValidationError) and isinstance(error.detail, dict):
        fields, code, message = dict(error.detail), "invalid", "Some fields are not valid."
        if "non_field_errors" in fields:
            fields["base"] = fields.pop("non_field_errors")
    elif isinstance(error, APIException):
        code = str(error.get_codes()) if isinstance(error.get_codes(), str) else error.default_code
        message = str(error.detail)
    elif response.status_code == 404:
        code, message = "not_found", "There is no such thing here."
    elif response.status_code == 403:
        code, message = "permission_denied", str(error) or "This is not allowed."
    response.data = {"errors": fields, "code": code, "message": message}
    location = getattr(error, "location", "")
    if location:
        response.data["location"] = location
    return response


class NotFound(APIView):
    """Any address of the API that is none: 404 in our shape instead of a page."""

    ability = SIGNED_IN

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str) -> Response:
        """Always Http404."""
        raise Http404

    post = put = patch = delete = get
