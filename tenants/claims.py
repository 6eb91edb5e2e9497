"""Numbers, WhatsApp accounts and datasets belong to one workspace across all organizations (T2)."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext_lazy as _

from arriwa.common.errors import ArriwaError
from tenants.models import AssetClaim, Organization
from tenants.workspaces.models import Workspace

_TEXTS = {
    AssetClaim.Kind.NUMBER: _(
        "The WhatsApp number {id} is connected to another workspace already. Disconnect it there first, "
        "or choose another number."
    ),
    AssetClaim.Kind.WABA: _(
        "The WhatsApp Business account {id} is connected to another workspace already. Disconnect it "
        "there first, or choose another one."
    ),
    AssetClaim.Kind.DATASET: _(
        "The messaging dataset {id} is used by another workspace already. Remove it there first, or "
        "choose another one."
    ),
}


class ClaimedElsewhere(ArriwaError):
    """Another workspace uses this already. Disconnect it there first, or choose another one."""


def claim_take(*, kind: str, external_id: str, organization: Organization, workspace: Workspace) -> None:
    """Holds the asset for the workspace; again for the same workspace changes nothing.

    `kind`: one of AssetClaim.Kind; `external_id`: a number in digits, else the platform's id. Call it in
    the transaction that stores the asset. Raises ClaimedElsewhere, which does not name the holder.
    """
    claim, taken = AssetClaim.objects.get_or_create(
        kind=kind,
        external_id=external_id,
        defaults={"organization": organization, "workspace_uuid": workspace.id},
    )
    if not taken and (claim.organization_id, claim.workspace_uuid) != (organization.id, workspace.id):
        raise ClaimedElsewhere(str(_TEXTS[AssetClaim.Kind(kind)]).format(id=external_id))


def claim_release(*, kind: str, external_id: str, workspace_uuid: UUID) -> bool:
    """Lets the asset go, when this workspace holds it; says whether it did."""
    mine = AssetClaim.objects.filter(kind=kind, external_id=external_id, workspace_uuid=workspace_uuid)
    return bool(mine.delete()[0])
