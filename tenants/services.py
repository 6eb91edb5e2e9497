"""Organizations, their schemas, and the keys that lead to them."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from typing import cast

from django.db import IntegrityError, transaction
from django_tenants.utils import schema_context

from arriwa.common import clock, sealing
from arriwa.common.schema import enter_public
from tenants.models import ApiToken, HookRoute, Membership, Organization, Role, User
from tenants.schemas.template import SchemaTaken, schema_create, template_current
from tenants.workspaces.models import Workspace


def organization_create(*, name: str, page_id: str | None = None) -> Organization:
    """Makes an organization and its schema, for commands and tests; get-or-create where it has a Page (T1).

    One transaction: there is a whole organization or none. People's are born in steps that they can watch
    (`tenants.birth`). Raises SchemaTaken.
    """
    enter_public()
    found = _organization_of(page_id)
    if found is not None:
        return found
    template = template_current()
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"arriwa:page:{page_id}") if page_id else uuid.uuid4()
    schema_name = f"org_{identity.hex[:16]}"
    organization = Organization(id=identity, name=name, page_id=page_id, schema_name=schema_name)
    try:
        with transaction.atomic():
            schema_create(template=template, schema_name=schema_name)
            organization.save(force_insert=True)
    except (IntegrityError, SchemaTaken):
        # Another process was quicker.
        found = _organization_of(page_id)
        if found is None:
            raise
        return found
    return organization


def _organization_of(page_id: str | None) -> Organization | None:
    found = Organization.objects.filter(page_id=page_id).first() if page_id else None
    return cast("Organization | None", found)


def workspace_create(
    *,
    organization: Organization,
    name: str,
    business_id: str,
    language: str = "ru",
    time_zone: str = "UTC",
) -> Workspace:
    """Get-or-create of the workspace of a Business Manager (T1). `time_zone` is an IANA name."""
    with schema_context(organization.schema_name):
        workspace, _ = Workspace.objects.get_or_create(
            business_id=business_id,
            defaults={"name": name, "language": language, "time_zone": time_zone},
        )
        return workspace


def membership_create(*, user: User, organization: Organization, role: Role) -> Membership:
    """Get-or-create of a membership; an existing one keeps its role."""
    membership, _ = Membership.objects.get_or_create(
        user=user, organization=organization, defaults={"role": role}
    )
    return membership


def api_token_create(
    *, organization: Organization, name: str, role: Role = Role.ANALYST, token: str = ""
) -> str:
    """Makes an API token and returns it; it cannot be read again. `token` fixes its value (demo)."""
    token = token or ApiToken.new_token()
    ApiToken.objects.get_or_create(
        digest=ApiToken.digest_of(token),
        defaults={"organization": organization, "name": name, "role": role},
    )
    return token


def api_token_revoke(*, token: ApiToken) -> None:
    """The token opens nothing from now on."""
    token.revoked_at = clock.now()
    token.save(update_fields=["revoked_at"])


def hook_route_create(
    *,
    organization: Organization,
    platform: str,
    workspace_uuid: uuid.UUID,
    connection_uuid: uuid.UUID,
    verification_secrets: Sequence[str] = (),
) -> HookRoute:
    """Get-or-create of the route by which a connection's hooks come in.

    Existing secrets stay; `hook_route_set_secrets` changes them.
    """
    route = HookRoute.objects.filter(platform=platform, connection_uuid=connection_uuid).first()
    if route is not None:
        return route
    route = HookRoute(
        key=secrets.token_urlsafe(32),
        platform=platform,
        organization=organization,
        workspace_uuid=workspace_uuid,
        connection_uuid=connection_uuid,
    )
    _seal_secrets(route, verification_secrets)
    route.save(force_insert=True)
    return route


@transaction.atomic
def hook_route_set_secrets(*, route: HookRoute, verification_secrets: Sequence[str]) -> None:
    """Replaces the secrets, current first; keep the previous one until the platform has switched."""
    _seal_secrets(route, verification_secrets)
    route.save(update_fields=["secrets_sealed"])


def hook_route_secrets(route: HookRoute) -> tuple[str, ...]:
    """The route's verification secrets, current first."""
    return tuple(
        sealing.unseal_json(route.secrets_sealed, organization=route.organization_id, row=route.seal_row)
    )


def _seal_secrets(route: HookRoute, verification_secrets: Sequence[str]) -> None:
    route.secrets_sealed = sealing.seal_json(
        list(verification_secrets), organization=route.organization_id, row=route.seal_row
    )
