"""Choosing what a connection works with, and letting it go again (T2). No platform is called here."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from arriwa.common import clock
from arriwa.common.schema import current_schema
from arriwa.outbox.finish import connection_resume as tasks_resume
from integrations.base.deliveries import connections_forget
from integrations.base.errors import IntegrationError
from integrations.base.routing import ASSET_FIELDS, FIELDS, routing_table
from integrations.models import Asset, Connection, DealMirror, NumberRoute
from tenants.audit import Actor, audit_record
from tenants.claims import claim_release, claim_take
from tenants.models import AssetClaim, HookRoute, Organization
from tenants.workspaces.models import Workspace

Kind = Asset.Kind

#: Kind → what no longer happens without it, for the page that asks before it removes.
STOPS: Final[dict[str, str | Promise]] = {
    Kind.AD_ACCOUNT: _("Its audiences are no longer filled; people who are in them stay in them."),
    Kind.DATASET: _("Meta gets no events from the chats of this WhatsApp account."),
    Kind.GOOD_PIXEL: _("Valid answers and sales no longer reach this pixel."),
    Kind.NOISE_PIXEL: _("Noise no longer reaches this pixel, so nothing can be excluded by it."),
    Kind.CATALOG: _("Product cards of this catalog are no longer sent."),
    Kind.PIPELINE: _("No new deals are made in this pipeline."),
}
#: A fact goes to GOOD or to NOISE, never to both (design 4).
_NEVER_BOTH: Final[dict[str, str]] = {
    Kind.GOOD_PIXEL: Kind.NOISE_PIXEL,
    Kind.NOISE_PIXEL: Kind.GOOD_PIXEL,
}


class SamePixel(IntegrationError):
    """One pixel cannot be GOOD and NOISE at once: choose another one, or make a new one."""


class StillUsed(IntegrationError):
    """Something still stands on this: move it first, then remove this."""


@transaction.atomic
def asset_add(
    *,
    connection: Connection,
    kind: str,
    external_id: str,
    name: str,
    actor: Actor,
    details: dict[str, Any] | None = None,
) -> Asset:
    """Chooses an asset; chosen again, its name and details are renewed and nothing else happens.

    A dataset and its WhatsApp account (`details["waba_id"]`) are claimed for the workspace. Raises SamePixel
    and ClaimedElsewhere.
    """
    workspace = _locked(connection.workspace_id)
    other = _NEVER_BOTH.get(kind)
    if other and _assets(workspace).filter(kind=other, external_id=external_id).exists():
        raise SamePixel()
    if kind == Kind.DATASET:
        _claim(workspace, external_id, str((details or {}).get("waba_id") or ""))
    asset, made = Asset.objects.get_or_create(
        connection=connection,
        kind=kind,
        external_id=external_id,
        defaults={"name": name[:200], "details": details or {}},
    )
    if made:
        _written("asset.chosen", asset, actor, workspace)
        default_route_fill(workspace)
    elif (asset.name, asset.details) != (name[:200], {**asset.details, **(details or {})}):
        asset.name, asset.details = name[:200], {**asset.details, **(details or {})}
        asset.save(update_fields=["name", "details"])
    transaction.on_commit(connections_forget)
    return asset


@transaction.atomic
def asset_remove(*, asset: Asset, actor: Actor) -> None:
    """Lets an asset go; routes that named it fall back. Raises StillUsed for a pipeline with deals."""
    workspace = _locked(asset.connection.workspace_id)
    deals = DealMirror.objects.filter(pipeline=asset).count()
    if deals:
        text = _("%(count)d deals stand in this pipeline and are kept up to date there: it must stay.")
        raise StillUsed(str(text) % {"count": deals})
    if asset.kind == Kind.DATASET:
        _release(workspace, AssetClaim.Kind.DATASET, asset.external_id)
    _written("asset.removed", asset, actor, workspace)
    asset.delete()
    default_route_fill(workspace)
    transaction.on_commit(connections_forget)


@transaction.atomic
def connection_remove(*, connection: Connection, actor: Actor) -> None:
    """Takes a connection away: its secrets are destroyed, its hooks end, what it told remains on record.

    Connecting the same account again brings it back. Repeated, it changes nothing.
    """
    workspace = _locked(connection.workspace_id)
    row = Connection.objects.select_for_update().get(id=connection.id)
    if row.removed_at is not None:
        return
    _release_all(row, workspace)
    # Where deals stand is remembered, for the day on which the account is connected again.
    standing = DealMirror.objects.filter(connection=row).exclude(pipeline=None).values("pipeline")
    row.assets.exclude(id__in=standing).delete()
    NumberRoute.objects.filter(payments=row).update(payments=None)
    HookRoute.objects.filter(connection_uuid=row.id).update(active=False)
    row.set_secrets({})
    # Active, so that what still waits for it ends with a reason that people read.
    row.state, row.state_reason, row.paused_by = Connection.State.ACTIVE, "", None
    row.removed_at, row.expires_at = clock.now(), None
    row.save()
    tasks_resume(connection=row.id)
    default_route_fill(workspace)
    subject = f"{row.platform} {row.name or row.account}"
    audit_record(actor=actor, action="connection.removed", subject=subject, workspace=workspace)
    transaction.on_commit(connections_forget)


def default_route_fill(workspace: Workspace) -> NumberRoute:
    """The workspace's default row; what is the only one of its kind is written into it, so it stays.

    Runs in the caller's transaction; called wherever connections, assets and agentflows come and go.
    """
    row, _made = NumberRoute.objects.get_or_create(workspace=workspace, number=None)
    options = routing_table(workspace.id).options
    empty = [name for name in FIELDS if getattr(row, f"{name}_id") is None and len(options[name]) == 1]
    for name in empty:
        setattr(row, f"{name}_id", next(iter(options[name])))
    if empty:
        row.save(update_fields=[f"{name}_id" for name in empty])
    return row


@transaction.atomic
def route_set(
    *, workspace: Workspace, number: Connection | None, choices: dict[str, UUID | None], actor: Actor
) -> NumberRoute:
    """Sets fields of a number's row, or of the default row (`number` None); None: inherit.

    `choices`: field of FIELDS → id of an option. Raises NoSuchOption for one that is not the workspace's.
    """
    _locked(workspace.id)
    table = routing_table(workspace.id)
    options = {name: table.options_of(number.id if number else None, name) for name in FIELDS}
    for name, value in choices.items():
        if name not in options or (value is not None and value not in options[name]):
            raise NoSuchOption(field=name)
    row, _made = NumberRoute.objects.get_or_create(workspace=workspace, number=number)
    changed = {name: value for name, value in choices.items() if getattr(row, f"{name}_id") != value}
    if not changed:
        return row
    for name, value in changed.items():
        setattr(row, f"{name}_id", value)
    row.save(update_fields=[f"{name}_id" for name in changed])
    audit_record(
        actor=actor,
        action="route.changed",
        subject=str(number.config.get("number") or number.account) if number else "default",
        workspace=workspace,
        details={name: _told(options[name], value) for name, value in changed.items()},
    )
    transaction.on_commit(connections_forget)
    return row


class NoSuchOption(IntegrationError):
    """This is not among what the workspace has connected: reload the page and choose from the list."""


def _told(options: dict[UUID, Any], value: UUID | None) -> str:
    if value is None:
        return ""
    chosen = options[value]
    return str(chosen.external_id if isinstance(chosen, Asset) else getattr(chosen, "account", chosen.name))


def _locked(workspace: UUID) -> Workspace:
    """Two tabs choose one after the other."""
    return Workspace.objects.select_for_update().get(id=workspace)


def _assets(workspace: Workspace) -> Any:
    return Asset.objects.filter(connection__workspace=workspace, kind__in=ASSET_FIELDS.values())


def _claim(workspace: Workspace, dataset: str, waba: str) -> None:
    organization = Organization.objects.get(schema_name=current_schema())
    claims = ((AssetClaim.Kind.WABA, waba), (AssetClaim.Kind.DATASET, dataset))
    for kind, external_id in claims:
        if external_id:
            claim_take(kind=kind, external_id=external_id, organization=organization, workspace=workspace)


def _release_all(connection: Connection, workspace: Workspace) -> None:
    for asset in connection.assets.filter(kind=Kind.DATASET):
        _release(workspace, AssetClaim.Kind.DATASET, asset.external_id)
    if connection.platform != "gupshup":
        return
    number, waba = (str(connection.config.get(name) or "") for name in ("number", "waba_id"))
    _release(workspace, AssetClaim.Kind.NUMBER, number)
    others = Connection.objects.filter(workspace=workspace, platform="gupshup", removed_at=None)
    held = _assets(workspace).filter(kind=Kind.DATASET, details__waba_id=waba)
    if not others.exclude(id=connection.id).filter(config__waba_id=waba).exists() and not held.exists():
        _release(workspace, AssetClaim.Kind.WABA, waba)


def _release(workspace: Workspace, kind: str, external_id: str) -> None:
    claim_release(kind=kind, external_id=external_id, workspace_uuid=workspace.id)


def _written(action: str, asset: Asset, actor: Actor, workspace: Workspace) -> None:
    subject = f"{asset.kind} {asset.name or asset.external_id}"
    audit_record(
        actor=actor,
        action=action,
        subject=subject,
        workspace=workspace,
        details={"id": asset.external_id, "connection": str(asset.connection_id)},
    )
