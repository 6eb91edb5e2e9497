"""Leads and their ledgers."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arriwa.api.pagination import page_of
from arriwa.api.shapes import LIST_PARAMETERS, WORKSPACE_PARAMETER, envelope, refusals
from integrations.ledger import Row, ledger
from subscribers.models import AliasKind, Subscriber
from subscribers.services.identity import person_open, phone_hash
from tenants.abilities import READ


def mask(phone: str) -> str:
    """A phone as lists show it: country and last digits, such as 7701•••0001."""
    return f"{phone[:4]}•••{phone[-4:]}" if len(phone) > 8 else ""


def subscriber_json(subscriber: Subscriber) -> dict[str, Any]:
    """One lead on the wire; the phone only masked."""
    person = person_open(subscriber)
    conversation = subscriber.conversations.order_by("started_at").last()
    return {
        "id": str(subscriber.id),
        "name": person["name"],
        "phone": mask(person["phone"]),
        "country": subscriber.country,
        "language": subscriber.language,
        "createdAt": subscriber.created_at.isoformat(),
        "state": conversation.state if conversation else "",
        "answers": (conversation.snapshot or {}).get("answers", {}) if conversation else {},
    }


def row_json(row: Row) -> dict[str, Any]:
    """One ledger line on the wire."""
    return {
        "at": row.at.isoformat(),
        "kind": row.kind,
        "title": row.title,
        "key": row.key,
        "platform": row.platform,
        "state": row.state,
        "reason": row.reason,
        "proof": row.proof,
        "amountMinor": row.amount_minor,
        "currency": row.currency,
    }


class SubscriberSerializer(serializers.Serializer[Any]):
    """A lead, as `subscriber_json` writes it."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    phone = serializers.CharField(help_text="Masked, such as 7701•••0001")
    country = serializers.CharField(help_text="ISO 3166-1 alpha-2, empty when unknown")
    language = serializers.CharField()
    createdAt = serializers.DateTimeField()
    state = serializers.CharField(help_text="Of the latest conversation")
    answers = serializers.JSONField(help_text="By question, as the playbook names them")


class LedgerRowSerializer(serializers.Serializer[Any]):
    """A line of the ledger, as `row_json` writes it."""

    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(("fact", "decision", "delivery"))
    title = serializers.CharField()
    key = serializers.CharField()
    platform = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField()
    proof = serializers.JSONField(help_text="The platform's own words")
    amountMinor = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField()


class LedgerSerializer(serializers.Serializer[Any]):
    """A lead with everything that happened."""

    subscriber = SubscriberSerializer()
    rows = LedgerRowSerializer(many=True)


class SubscriberList(APIView):
    """The organization's leads, newest first."""

    ability = (READ, "subscribers")

    @extend_schema(
        parameters=[
            *LIST_PARAMETERS,
            WORKSPACE_PARAMETER,
            OpenApiParameter("phone", OpenApiTypes.STR, description="Digits with country code"),
        ],
        responses={200: envelope("subscribers", SubscriberSerializer), **refusals(400, 423)},
    )
    def get(self, request: Request) -> Response:
        """One page: `{"subscribers": [...], "totalSubscribers", "total", "totalPages", "page"}`."""
        rows = Subscriber.objects.order_by("-created_at").prefetch_related("conversations")
        phone = re.sub(r"\D", "", request.query_params.get("phone", ""))
        if phone:
            rows = rows.filter(aliases__kind=AliasKind.PHONE, aliases__key=phone_hash(phone))
        page, counts = page_of(request, rows, "subscribers")
        return Response({"subscribers": [subscriber_json(row) for row in page], **counts})


class SubscriberLedger(APIView):
    """Everything that happened with one lead, with every platform's proof."""

    ability = (READ, "subscribers")

    @extend_schema(parameters=[WORKSPACE_PARAMETER], responses={200: LedgerSerializer, **refusals(404, 423)})
    def get(self, request: Request, subscriber: UUID) -> Response:
        """`{"subscriber", "rows"}` in the order of time; 404 for another organization's lead."""
        found = Subscriber.objects.filter(id=subscriber).first()
        if found is None:
            raise Http404
        return Response(
            {"subscriber": subscriber_json(found), "rows": [row_json(row) for row in ledger(found)]}
        )
