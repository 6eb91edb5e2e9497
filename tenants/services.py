"""Organizations, their schemas, and the keys that lead to them."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from typing import cast

from django.core.management import call_command
from django.db import connection, transaction
from django_tenants.utils import schema_context

from arriwa.common import clock, sealing
from arriwa.common.schema import enter_public
from tenants.models import ApiToken, HookRoute, Membership, Organization, Role, User
from tenants.workspaces.models import Workspace


def organization_create(*, name: str, page_id: str | None = None) -> Organization:
    """Makes an organization and its schema; resumes a birth that was cut short (T1).

    The row comes last, so that no half-made tenant is ever visible.
    """
    enter_public()
    found = Organization.objects.filter(page_id=page_id).first() if page_id else None
    if found is not None:
        return cast(Organization, found)
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"arriwa:page:{page_id}") if page_id else uuid.uuid4()
    schema_name = f"org_{identity.hex[:16]}"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema_name}"')
    organization = Organization(id=identity, name=name, page_id=page_id, schema_name=schema_name)
    call_command("migrate_schemas", schema_name=schema_name, interactive=False, verbosity=0)
    enter_public()
    organization.save(force_insert=True)
    return organization


def workspace_create(
    *, organization: Organization, name: str, business_id: str, language: str = "ru"
) -> Workspace:
    """Get-or-create of the workspace of a Business Manager (T1)."""
    with schema_context(organization.schema_name):
        workspace, _ = Workspace.objects.get_or_create(
            business_id=business_id, defaults={"name": name, "language": language}
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
