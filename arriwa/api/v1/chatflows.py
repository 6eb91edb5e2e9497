"""The playbook's draft and versions, and the switches of the bot, of one workspace."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from arriwa.api.pagination import page_of
from arriwa.api.permissions import organization_of, principal_of, workspace_chosen
from arriwa.api.shapes import LIST_PARAMETERS, WORKSPACE_PARAMETER, envelope, parsed, refusals
from arriwa.pages.chatflows.checklist import publish_checked
from integrations.models import Connection
from subscribers.models import PlaybookVersion
from subscribers.playbook.load import PlaybookInvalid, document_problems, fingerprint
from subscribers.selectors import SILENT_NUMBER, playbook_draft, playbook_published
from subscribers.services.playbook import draft_discard, draft_save, playbook_rollback
from subscribers.services.switches import number_switch, workspace_switch
from tenants.abilities import MANAGE, READ
from tenants.gates import OPEN
from tenants.workspaces.models import Workspace


class ProblemSerializer(serializers.Serializer[Any]):
    """What keeps a document from being published."""

    path = serializers.CharField(help_text="JSON Pointer into the document")
    message = serializers.CharField()


class DraftSerializer(serializers.Serializer[Any]):
    """The document that is edited: the draft, else the live version."""

    document = serializers.JSONField(help_text="See the playbook's JSON Schema")
    base = serializers.CharField(help_text="Names the draft; empty while there is none")
    problems = ProblemSerializer(many=True)


class NewDraftSerializer(serializers.Serializer[Any]):
    """A document to keep as the draft."""

    document = serializers.DictField()
    base = serializers.CharField(allow_blank=True, help_text="`base` of the draft that was edited")


class PublicationSerializer(serializers.Serializer[Any]):
    """Which draft to publish, and why."""

    base = serializers.CharField()
    note = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class RollbackSerializer(serializers.Serializer[Any]):
    """Which version to publish once more."""

    number = serializers.IntegerField(min_value=1)
    note = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class VersionSerializer(serializers.Serializer[Any]):
    """A published version."""

    number = serializers.IntegerField()
    note = serializers.CharField()
    createdBy = serializers.UUIDField(source="created_by", allow_null=True)
    publishedAt = serializers.DateTimeField(source="published_at")


class SwitchSerializer(serializers.Serializer[Any]):
    """A switch to turn: of the workspace, or of one number."""

    on = serializers.BooleanField()
    number = serializers.UUIDField(required=False, allow_null=True, default=None)


class NumberSwitchSerializer(serializers.Serializer[Any]):
    """The bot of one number."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    on = serializers.BooleanField()


class BotSerializer(serializers.Serializer[Any]):
    """Where the switches stand. The bot speaks on a number when both are on and a version is live."""

    on = serializers.BooleanField()
    numbers = NumberSwitchSerializer(many=True)


class ChatflowView(APIView):
    """What all of these take: reading for those who may look, the rest for those who may change."""

    ability: ClassVar = {
        "GET": (READ, "chatflows"),
        "PUT": (MANAGE, "chatflows"),
        "PATCH": (MANAGE, "chatflows"),
        "POST": (MANAGE, "chatflows"),
        "DELETE": (MANAGE, "chatflows"),
    }
    stage = OPEN

    def workspace(self, request: Request) -> Workspace:
        """The workspace that is meant; the only one needs no name. Raises NotFound, ValidationError."""
        chosen = workspace_chosen(request, principal_of(request))
        if chosen is not None:
            return chosen
        mine = list(Workspace.objects.order_by("created_at")[:2])
        if not mine:
            raise NotFound("The organization has no workspace yet.")
        if len(mine) > 1:
            raise ValidationError({"workspace": ["Name the workspace by the header X-Workspace."]})
        return mine[0]


class DraftDetail(ChatflowView):
    """The draft."""

    @extend_schema(parameters=[WORKSPACE_PARAMETER], responses={200: DraftSerializer, **refusals(400, 404)})
    def get(self, request: Request) -> Response:
        """The draft, else the live document; 404 before the first."""
        workspace = self.workspace(request)
        draft = playbook_draft(workspace)
        return Response(_draft_json(draft, playbook_published(workspace) if draft is None else draft))

    @extend_schema(
        parameters=[WORKSPACE_PARAMETER],
        request=NewDraftSerializer,
        responses={200: DraftSerializer, **refusals(400, 409)},
    )
    def put(self, request: Request) -> Response:
        """Keeps a document as the draft, problems and all; 409 when somebody changed it meanwhile."""
        given = parsed(NewDraftSerializer, request)
        try:
            draft = draft_save(
                workspace=self.workspace(request),
                document=given["document"],
                base=given["base"],
                actor=principal_of(request).actor,
                reason="api",
            )
        except PlaybookInvalid as error:
            raise invalid(error) from error
        return Response(_draft_json(draft, draft))

    @extend_schema(parameters=[WORKSPACE_PARAMETER], responses={204: None, **refusals()})
    def delete(self, request: Request) -> Response:
        """Throws the draft away, if there is one."""
        draft_discard(workspace=self.workspace(request), actor=principal_of(request).actor)
        return Response(status=204)


class VersionList(ChatflowView):
    """What was published."""

    @extend_schema(
        parameters=[WORKSPACE_PARAMETER, *LIST_PARAMETERS],
        responses={200: envelope("versions", VersionSerializer), **refusals(400)},
    )
    def get(self, request: Request) -> Response:
        """One page, newest first; the first of all is live."""
        rows = PlaybookVersion.objects.filter(
            workspace=self.workspace(request), published_at__isnull=False, number__gt=SILENT_NUMBER
        )
        page, counts = page_of(request, rows.defer("document").order_by("-number"), "versions")
        return Response({"versions": VersionSerializer(page, many=True).data, **counts})


class Publish(ChatflowView):
    """Going live."""

    @extend_schema(
        parameters=[WORKSPACE_PARAMETER],
        request=PublicationSerializer,
        responses={200: VersionSerializer, **refusals(400, 409)},
    )
    def post(self, request: Request) -> Response:
        """Publishes the draft; 409 for another draft than `base`, or when the checklist holds it back."""
        given = parsed(PublicationSerializer, request)
        version = publish_checked(
            organization=organization_of(request),
            workspace=self.workspace(request),
            base=given["base"],
            actor=principal_of(request).actor,
            note=given["note"],
        )
        return Response(VersionSerializer(version).data)


class Rollback(ChatflowView):
    """The way back."""

    @extend_schema(
        parameters=[WORKSPACE_PARAMETER],
        request=RollbackSerializer,
        responses={200: VersionSerializer, **refusals(400, 404)},
    )
    def post(self, request: Request) -> Response:
        """Publishes a copy of an older version as the next one."""
        given = parsed(RollbackSerializer, request)
        workspace, actor = self.workspace(request), principal_of(request).actor
        try:
            version = playbook_rollback(
                workspace=workspace, number=given["number"], actor=actor, note=given["note"]
            )
        except PlaybookInvalid as error:
            raise invalid(error) from error
        return Response(VersionSerializer(version).data)


class Bot(ChatflowView):
    """The switches that stop the bot."""

    @extend_schema(parameters=[WORKSPACE_PARAMETER], responses={200: BotSerializer, **refusals(400)})
    def get(self, request: Request) -> Response:
        """Where they stand."""
        return Response(_bot_json(self.workspace(request)))

    @extend_schema(
        parameters=[WORKSPACE_PARAMETER],
        request=SwitchSerializer,
        responses={200: BotSerializer, **refusals(400, 404)},
    )
    def patch(self, request: Request) -> Response:
        """Turns one, at once."""
        given, actor = parsed(SwitchSerializer, request), principal_of(request).actor
        workspace = self.workspace(request)
        if given["number"] is None:
            workspace_switch(workspace=workspace, on=given["on"], actor=actor)
        else:
            number = _numbers(workspace).filter(id=given["number"]).first()
            if number is None:
                raise NotFound("The workspace has no such number.")
            label = _label(number)
            number_switch(workspace=workspace, channel=number.id, label=label, on=given["on"], actor=actor)
        return Response(_bot_json(workspace))


def invalid(error: PlaybookInvalid) -> ValidationError:
    """The problems by place, as the API tells fields."""
    fields: dict[str, list[str]] = {}
    for problem in error.problems:
        fields.setdefault(problem["path"] or "base", []).append(problem["message"])
    return ValidationError(fields)


def _draft_json(draft: PlaybookVersion | None, shown: PlaybookVersion) -> dict[str, Any]:
    base = fingerprint(draft.document) if draft else ""
    return {"document": shown.document, "base": base, "problems": document_problems(shown.document)}


def _numbers(workspace: Workspace) -> Any:
    return Connection.objects.filter(workspace=workspace, platform="gupshup", removed_at=None)


def _label(number: Connection) -> str:
    return str(number.config.get("number") or number.account)


def _bot_json(workspace: Workspace) -> dict[str, Any]:
    numbers = [
        {"id": str(row.id), "number": _label(row), "on": row.id not in workspace.silent_channels}
        for row in _numbers(workspace).order_by("created_at")
    ]
    return {"on": workspace.bot_on, "numbers": numbers}
