"""What an access to Meta offers, and choosing from it (T2, T3.5, T3.6). All of it calls Meta, so no
transaction may be open; all of it may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import uuid5

from django.conf import settings as django_settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from arriwa.common.errors import ArriwaError
from integrations.base.assets import asset_add
from integrations.base.errors import IntegrationError, RemoteError
from integrations.base.locks import platform_lock
from integrations.base.urls import platform_url
from integrations.meta.access import meta_settings
from integrations.meta.asset_types import AdAccount, Catalog, Pixel
from integrations.meta.assets_client import AssetsClient
from integrations.meta.audience_setup import audiences_ensure
from integrations.models import Asset, Connection
from tenants.audit import Actor

Kind = Asset.Kind
T = TypeVar("T")

#: account_status → what it means; every one of them stops writes (reference meta 7.4).
STATUSES: Final[dict[int, str | Promise]] = {
    2: gettext_lazy("disabled by Meta: see the account quality page there"),
    3: gettext_lazy("unpaid: settle the balance at Meta"),
    7: gettext_lazy("under review by Meta: wait for its decision"),
    8: gettext_lazy("a payment is pending: settle it at Meta"),
    9: gettext_lazy("in its grace period: settle the balance at Meta"),
    100: gettext_lazy("being closed"),
    101: gettext_lazy("closed"),
}


class NotOffered(IntegrationError):
    """Meta does not list this for your access any more: reload the page and choose from the list."""


class AccountInactive(IntegrationError):
    """This ad account is not active at Meta: its audiences cannot be written."""


class OtherCatalogLinked(IntegrationError):
    """A WhatsApp account shows one catalog, and another one is linked: confirm that it is to be replaced."""


@dataclass(frozen=True, slots=True)
class NumberAccount:
    """A WhatsApp Business account of the workspace's numbers."""

    waba_id: str
    numbers: tuple[str, ...]


@dataclass(slots=True)
class Offers:
    """What may be chosen; a list that Meta refuses stands in `refused` with its reason."""

    ad_accounts: list[AdAccount] = field(default_factory=list)
    pixels: list[Pixel] = field(default_factory=list)
    catalogs: list[Catalog] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def client_of(connection: Connection) -> AssetsClient:
    """The client with the connection's access. Raises ConfigurationError."""
    access = meta_settings(connection)
    return AssetsClient(
        platform_url("meta"),
        access.token,
        access.app_secret,
        business_url=django_settings.META_BUSINESS_URL,
    )


def number_accounts(connection: Connection) -> list[NumberAccount]:
    """The WhatsApp accounts behind the workspace's numbers. Calls nothing."""
    found: dict[str, list[str]] = {}
    numbers = Connection.objects.filter(
        workspace=connection.workspace_id, platform="gupshup", removed_at=None
    )
    for one in numbers.order_by("created_at"):
        if waba := str(one.config.get("waba_id") or ""):
            found.setdefault(waba, []).append(str(one.config.get("number") or ""))
    return [NumberAccount(waba, tuple(sorted(filter(None, told)))) for waba, told in found.items()]


def meta_offers(connection: Connection, *, catalogs: bool) -> Offers:
    """Everything that may be chosen. A missing permission empties its list only; a dead token raises.

    Raises CredentialRefused ("190/…") and the transient errors of `graph_request`.
    """
    client, business, offers = client_of(connection), connection.account, Offers()
    offers.ad_accounts = _listed(offers, Kind.AD_ACCOUNT, lambda: client.ad_accounts(business))
    offers.pixels = _listed(offers, "pixel", lambda: client.pixels(business))
    if catalogs:
        offers.catalogs = _listed(offers, Kind.CATALOG, lambda: client.catalogs(business))
    return offers


def _listed(offers: Offers, what: str, read: Callable[[], list[T]]) -> list[T]:
    try:
        return read()
    except RemoteError as error:
        if (error.platform_code or "").partition("/")[0] not in ("10", "100", "200", "294"):
            raise
        offers.refused[what] = error.message
        return []


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An ad account that was chosen and whose audiences are not there yet, with the reason."""

    asset: Asset
    error: ArriwaError


def ad_accounts_choose(
    *, connection: Connection, ids: Collection[str], actor: Actor
) -> tuple[list[Asset], list[Unfinished]]:
    """Chooses ad accounts, shared ones too, and finds or makes their audiences.

    Raises NotOffered and AccountInactive before anything is changed, and the errors of `AssetsClient`.
    """
    offered = {one.id: one for one in client_of(connection).ad_accounts(connection.account)}
    wanted = [_offered(offered, one) for one in ids]
    for account in wanted:
        if not account.is_active:
            reason = STATUSES.get(account.status, _("not active at Meta"))
            raise AccountInactive(f"{account.name}: {reason}.")
    chosen = [
        asset_add(
            connection=connection,
            kind=Kind.AD_ACCOUNT,
            external_id=account.id,
            name=account.name,
            actor=actor,
            details={"currency": account.currency, "time_zone": account.timezone_name},
        )
        for account in wanted
    ]
    return chosen, audiences_try(chosen)


def audiences_try(accounts: Iterable[Asset]) -> list[Unfinished]:
    """Finds or makes the audiences of ad accounts; those where it did not work, with the reason."""
    left = []
    for asset in accounts:
        try:
            audiences_ensure(account=asset, terms=True)
        except IntegrationError as error:
            # It stops this account alone: the others go on.
            left.append(Unfinished(asset, error))
    return left


def pixels_choose(*, connection: Connection, kind: str, ids: Collection[str], actor: Actor) -> list[Asset]:
    """Chooses GOOD or NOISE pixels (`kind`). Raises NotOffered, SamePixel, the errors of `AssetsClient`."""
    offered = {one.id: one for one in client_of(connection).pixels(connection.account)}
    wanted = [_offered(offered, one) for one in ids]
    return [
        asset_add(connection=connection, kind=kind, external_id=one.id, name=one.name, actor=actor)
        for one in wanted
    ]


def pixel_make(*, connection: Connection, kind: str, name: str, actor: Actor) -> Asset:
    """Makes a pixel of this name and chooses it; one that the business owns already is taken.

    Raises SamePixel and the errors of `AssetsClient`.
    """
    client = client_of(connection)
    # Meta knows no key of repetition: a lost answer, or another tab's, is found again by name.
    with platform_lock(uuid5(connection.id, "pixels")):
        known = (one.id for one in client.pixels(connection.account) if one.owned and one.name == name)
        pixel = next(known, None) or client.pixel_create(connection.account, name)
    return asset_add(connection=connection, kind=kind, external_id=pixel, name=name, actor=actor)


def dataset_ensure(*, connection: Connection, waba_id: str, actor: Actor) -> Asset:
    """The messaging dataset of a WhatsApp account of the workspace's numbers: found, or made at Meta.

    Raises NotOffered for another account, ClaimedElsewhere, and the errors of `AssetsClient`.
    """
    mine = next((one for one in number_accounts(connection) if one.waba_id == waba_id), None)
    if mine is None:
        raise NotOffered()
    dataset = client_of(connection).dataset_get_or_create(waba_id)
    return asset_add(
        connection=connection,
        kind=Kind.DATASET,
        external_id=dataset,
        name=_("WhatsApp %(numbers)s") % {"numbers": ", ".join(mine.numbers)},
        actor=actor,
        details={"waba_id": waba_id},
    )


def catalog_choose(
    *, connection: Connection, catalog_id: str, waba_id: str, replace: bool, actor: Actor
) -> Asset:
    """Chooses a catalog and links it to a WhatsApp account, which shows one.

    `replace`: another catalog that is linked is taken off. Raises NotOffered, OtherCatalogLinked, and the
    errors of `AssetsClient`.
    """
    if waba_id not in {one.waba_id for one in number_accounts(connection)}:
        raise NotOffered()
    client = client_of(connection)
    wanted = _offered({one.id: one for one in client.catalogs(connection.account)}, catalog_id)
    linked = client.catalog_linked(waba_id)
    if linked is not None and linked.id != wanted.id:
        if not replace:
            raise OtherCatalogLinked(catalog=linked.name or linked.id)
        client.catalog_unlink(waba_id, linked.id)
    if linked is None or linked.id != wanted.id:
        client.catalog_link(waba_id, wanted.id)
    known = connection.assets.filter(kind=Kind.CATALOG, external_id=wanted.id).first()
    shown = set((known.details if known else {}).get("waba_ids", ())) | {waba_id}
    return asset_add(
        connection=connection,
        kind=Kind.CATALOG,
        external_id=wanted.id,
        name=wanted.name,
        actor=actor,
        details={"waba_ids": sorted(shown), "products": wanted.product_count},
    )


def _offered(offered: dict[str, Any], wanted: str) -> Any:
    if wanted not in offered:
        raise NotOffered()
    return offered[wanted]
