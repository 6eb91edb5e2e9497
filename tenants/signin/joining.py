"""Asking to join an organization whose Page one has a role on, too (T1)."""

from __future__ import annotations

from django_tenants.utils import schema_context

from tenants.audit import Actor, audit_record
from tenants.members import name_of
from tenants.models import JoinRequest, Membership, Organization, User
from tenants.workspaces.models import AuditEntry


def join_request_create(*, user: User, organization: Organization) -> JoinRequest:
    """The user's one request, made when there is none; a decided one stays decided.

    The caller has made sure that the user has a role on the organization's Page.
    """
    request, made = JoinRequest.objects.get_or_create(organization=organization, user=user)
    if made:
        name = name_of(user)
        with schema_context(organization.schema_name):
            audit_record(
                actor=Actor(user.id, name, AuditEntry.Via.PAGE), action="join_request.made", subject=name
            )
    return request


def page_states(*, user: User, page_ids: list[str]) -> dict[str, tuple[Organization, str]]:
    """Page id -> (its organization, "mine" | "taken" | a JoinRequest's state), for Pages that have one."""
    organizations = {one.page_id: one for one in Organization.objects.filter(page_id__in=page_ids)}
    mine = set(Membership.objects.filter(user=user).values_list("organization_id", flat=True))
    asked = dict(JoinRequest.objects.filter(user=user).values_list("organization_id", "state"))
    return {
        str(page): (one, "mine" if one.id in mine else asked.get(one.id, "taken"))
        for page, one in organizations.items()
    }
