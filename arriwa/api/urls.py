"""The API's URLs: /api/v1/, its OpenAPI document and its docs (design 6)."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from arriwa.api import document as document
from arriwa.api.errors import NotFound
from arriwa.api.permissions import ANYONE
from arriwa.api.v1 import audit, auth, chatflows, connections, members, subscribers, tokens, workspaces


class SchemaView(SpectacularAPIView):
    """The OpenAPI document; it names no data."""

    ability = ANYONE


class DocsView(SpectacularSwaggerView):
    """The document to be read and tried."""

    ability = ANYONE


urlpatterns = [
    path("v1/auth/login", auth.Login.as_view()),
    path("v1/auth/me", auth.Me.as_view()),
    path("v1/auth/logout", auth.Logout.as_view()),
    path("v1/workspaces/", workspaces.WorkspaceList.as_view()),
    path("v1/members/", members.MemberList.as_view()),
    path("v1/members/<int:member>/", members.MemberDetail.as_view()),
    path("v1/invitations/", members.InvitationList.as_view()),
    path("v1/invitations/<uuid:invitation>/", members.InvitationDetail.as_view()),
    path("v1/join-requests/", members.JoinRequestList.as_view()),
    path("v1/join-requests/<uuid:join_request>/", members.JoinRequestDetail.as_view()),
    path("v1/tokens/", tokens.TokenList.as_view()),
    path("v1/tokens/<uuid:token>/", tokens.TokenDetail.as_view()),
    path("v1/connections/", connections.ConnectionList.as_view()),
    path("v1/number-routes/", connections.RouteList.as_view()),
    path("v1/number-routes/<uuid:number>/", connections.RouteDetail.as_view()),
    path("v1/audit/", audit.AuditList.as_view()),
    path("v1/playbook/draft/", chatflows.DraftDetail.as_view()),
    path("v1/playbook/versions/", chatflows.VersionList.as_view()),
    path("v1/playbook/publish/", chatflows.Publish.as_view()),
    path("v1/playbook/rollback/", chatflows.Rollback.as_view()),
    path("v1/bot/", chatflows.Bot.as_view()),
    path("v1/subscribers/", subscribers.SubscriberList.as_view()),
    path("v1/subscribers/<uuid:subscriber>/ledger/", subscribers.SubscriberLedger.as_view()),
    re_path(r"^v1/(?P<rest>.*)$", NotFound.as_view()),
    path("schema/", SchemaView.as_view(authentication_classes=[], permission_classes=[]), name="schema"),
    path(
        "docs/",
        DocsView.as_view(url_name="schema", authentication_classes=[], permission_classes=[]),
    ),
]
