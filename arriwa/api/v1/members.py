"""Members, invitations and requests to join."""

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
from arriwa.api.shapes import LIST_PARAMETERS, envelope, parsed, refusals
from arriwa.pages.settings.links import invitation_url
from tenants.abilities import MANAGE
from tenants.gates import ONBOARDING
from tenants.members import (
    invitation_create,
    invitation_revoke,
    invitations_open,
    join_request_decide,
    join_requests_pending,
    members_of,
    membership_remove,
    membership_set_role,
)
from tenants.models import Role


class MemberSerializer(serializers.Serializer[Any]):
    """A member of the organization."""

    id = serializers.IntegerField()
    userId = serializers.UUIDField(source="user_id")
    fullName = serializers.CharField(source="user.get_full_name")
    username = serializers.CharField(source="user.username")
    email = serializers.EmailField(source="user.email")
    role = serializers.ChoiceField(Role.choices)
    createdAt = serializers.DateTimeField(source="created_at")


class RoleSerializer(serializers.Serializer[Any]):
    """A role to give."""

    role = serializers.ChoiceField(Role.choices)


class LeftTokenSerializer(serializers.Serializer[Any]):
    """An API token that somebody who was taken out has made and that still works."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class RemovedSerializer(serializers.Serializer[Any]):
    """What somebody who was taken out has left: revoke it if nobody needs it."""

    tokens = LeftTokenSerializer(many=True)


class InvitationSerializer(serializers.Serializer[Any]):
    """An invitation that still works; its link is told once, when it is made."""

    id = serializers.UUIDField()
    role = serializers.ChoiceField(Role.choices)
    note = serializers.CharField()
    createdAt = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(source="expires_at")


class NewInvitationSerializer(serializers.Serializer[Any]):
    """Whom to invite as what."""

    role = serializers.ChoiceField(Role.choices)
    note = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)


class InvitationLinkSerializer(InvitationSerializer):
    """The invitation with its link, which cannot be read again."""

    url = serializers.URLField()


class JoinRequestSerializer(serializers.Serializer[Any]):
    """Somebody who chose the organization's Page and waits for a decision."""

    id = serializers.UUIDField()
    userId = serializers.UUIDField(source="user_id")
    fullName = serializers.CharField(source="user.get_full_name")
    email = serializers.EmailField(source="user.email")
    state = serializers.CharField()
    createdAt = serializers.DateTimeField(source="created_at")


class DecisionSerializer(serializers.Serializer[Any]):
    """Let in with a role, or decline."""

    accept = serializers.BooleanField()
    role = serializers.ChoiceField(Role.choices, required=False, default=Role.ANALYST)


class MemberView(APIView):
    """What all of these take."""

    ability = (MANAGE, "members")
    stage = ONBOARDING


class MemberList(MemberView):
    """The organization's members."""

    @extend_schema(
        parameters=LIST_PARAMETERS,
        responses={200: envelope("members", MemberSerializer), **refusals(400)},
    )
    def get(self, request: Request) -> Response:
        """One page, first come first."""
        page, counts = page_of(request, members_of(organization_of(request)), "members")
        return Response({"members": MemberSerializer(page, many=True).data, **counts})


class MemberDetail(MemberView):
    """One member."""

    @extend_schema(request=RoleSerializer, responses={200: MemberSerializer, **refusals(400, 404, 409)})
    def patch(self, request: Request, member: int) -> Response:
        """Gives another role: 409 for the last owner and for oneself, 403 for more than one has."""
        caller = principal_of(request)
        changed = membership_set_role(
            organization=organization_of(request),
            membership_id=member,
            role=Role(parsed(RoleSerializer, request)["role"]),
            actor=caller.actor,
            by=caller.abilities,
        )
        return Response(MemberSerializer(changed).data)

    @extend_schema(responses={200: RemovedSerializer, **refusals(404, 409)})
    def delete(self, request: Request, member: int) -> Response:
        """Takes them out at once; tells which API tokens they made that still work."""
        caller = principal_of(request)
        left = membership_remove(
            organization=organization_of(request),
            membership_id=member,
            actor=caller.actor,
            by=caller.abilities,
        )
        return Response(RemovedSerializer({"tokens": left}).data)


class InvitationList(MemberView):
    """Invitations that still work."""

    @extend_schema(
        parameters=LIST_PARAMETERS,
        responses={200: envelope("invitations", InvitationSerializer), **refusals(400)},
    )
    def get(self, request: Request) -> Response:
        """One page, newest first."""
        page, counts = page_of(request, invitations_open(organization_of(request)), "invitations")
        return Response({"invitations": InvitationSerializer(page, many=True).data, **counts})

    @extend_schema(
        request=NewInvitationSerializer, responses={201: InvitationLinkSerializer, **refusals(400)}
    )
    def post(self, request: Request) -> Response:
        """Makes a link that works once, for seven days; it is told in this answer alone."""
        caller = principal_of(request)
        wanted = parsed(NewInvitationSerializer, request)
        made, secret = invitation_create(
            organization=organization_of(request),
            role=Role(wanted["role"]),
            note=wanted["note"],
            actor=caller.actor,
            by=caller.abilities,
        )
        told: dict[str, Any] = dict(InvitationSerializer(made).data)
        return Response({**told, "url": invitation_url(secret)}, status=201)


class InvitationDetail(MemberView):
    """One invitation."""

    @extend_schema(responses={204: None, **refusals(404)})
    def delete(self, request: Request, invitation: UUID) -> Response:
        """The link opens nothing from now on."""
        invitation_revoke(
            organization=organization_of(request),
            invitation_id=invitation,
            actor=principal_of(request).actor,
        )
        return Response(status=204)


class JoinRequestList(MemberView):
    """People who wait for a decision."""

    @extend_schema(
        parameters=LIST_PARAMETERS,
        responses={200: envelope("joinRequests", JoinRequestSerializer), **refusals(400)},
    )
    def get(self, request: Request) -> Response:
        """One page, oldest first."""
        page, counts = page_of(request, join_requests_pending(organization_of(request)), "joinRequests")
        return Response({"joinRequests": JoinRequestSerializer(page, many=True).data, **counts})


class JoinRequestDetail(MemberView):
    """One of them."""

    @extend_schema(
        request=DecisionSerializer, responses={200: JoinRequestSerializer, **refusals(400, 404, 409)}
    )
    def post(self, request: Request, join_request: UUID) -> Response:
        """Decides; the same decision again changes nothing, another one is 409."""
        caller = principal_of(request)
        decision = parsed(DecisionSerializer, request)
        decided = join_request_decide(
            organization=organization_of(request),
            request_id=join_request,
            role=Role(decision["role"]) if decision["accept"] else None,
            actor=caller.actor,
            by=caller.abilities,
        )
        return Response(JoinRequestSerializer(decided).data)
