"""URLs of the settings."""

from __future__ import annotations

from django.urls import path

from arriwa.pages.settings import audit, join, members, tokens

urlpatterns = [
    path("join/<str:secret>", join.join, name="join"),
    path("settings/members", members.members, name="members"),
    path("settings/members/<int:member>/role", members.set_role, name="member_role"),
    path("settings/members/<int:member>/remove", members.remove, name="member_remove"),
    path("settings/invitations", members.invite, name="invitations"),
    path("settings/invitations/<uuid:invitation>/revoke", members.revoke, name="invitation_revoke"),
    path("settings/join-requests/<uuid:join_request>", members.decide, name="join_request"),
    path("settings/leave", members.leave, name="leave"),
    path("settings/tokens", tokens.tokens, name="tokens"),
    path("settings/tokens/<uuid:token>/revoke", tokens.revoke, name="token_revoke"),
    path("settings/audit", audit.audit, name="audit"),
]
