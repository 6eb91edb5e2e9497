"""What the page of Meta shows: permissions, what is chosen, what may be chosen."""

from __future__ import annotations

from typing import Any

from arriwa.common.errors import ArriwaError
from arriwa.pages.credentials.doors import told
from integrations.meta.access import BY_CONSENT
from integrations.meta.audience_setup import TERMS
from integrations.meta.choosing import STATUSES, Offers, meta_offers, number_accounts
from integrations.meta.connect import ads_granted, meta_of
from integrations.models import Asset, Audience, Connection
from tenants.models import User
from tenants.signin.permissions import ADS, COMMERCE, ConsentResult, consent_compare
from tenants.workspaces.models import Workspace

Kind = Asset.Kind


def view_of(user: User, workspace: Workspace) -> dict[str, Any]:
    """The template's context. Calls Meta; what it does not answer is told in place of the lists."""
    connection = meta_of(workspace)
    granted = connection.config.get("granted") or () if connection else ()
    pasted = connection is not None and not connection.config.get(BY_CONSENT)
    commerce = consent_compare(COMMERCE, granted)
    context: dict[str, Any] = {
        "connection": connection,
        "pasted": pasted,
        "ads": consent_compare(ADS, granted),
        "ads_granted": ads_granted(connection),
        "commerce": commerce,
        "commerce_granted": pasted or commerce.has("catalog_management"),
        "workspace_name": workspace.name,
    }
    if connection is None:
        return context
    return context | _assets(connection, commerce, pasted)


def _assets(connection: Connection, commerce: ConsentResult, pasted: bool) -> dict[str, Any]:
    chosen: dict[str, list[Asset]] = {kind: [] for kind in Kind.values}
    for asset in connection.assets.order_by("name", "external_id"):
        chosen[asset.kind].append(asset)
    offers, problem = Offers(), ""
    try:
        offers = meta_offers(connection, catalogs=pasted or commerce.has("catalog_management"))
    except ArriwaError as error:
        problem = told(error)
    taken = {kind: {asset.external_id for asset in assets} for kind, assets in chosen.items()}
    pixels_taken = taken[Kind.GOOD_PIXEL] | taken[Kind.NOISE_PIXEL]
    return {
        "problem": problem,
        "refused": offers.refused,
        "accounts": [_account(asset) for asset in chosen[Kind.AD_ACCOUNT]],
        "account_offers": [
            (one, "" if one.is_active else STATUSES.get(one.status, "?"))
            for one in offers.ad_accounts
            if one.id not in taken[Kind.AD_ACCOUNT]
        ],
        "datasets": _datasets(connection, chosen[Kind.DATASET]),
        "pixel_kinds": [
            (Kind.GOOD_PIXEL, chosen[Kind.GOOD_PIXEL]),
            (Kind.NOISE_PIXEL, chosen[Kind.NOISE_PIXEL]),
        ],
        "pixel_offers": [one for one in offers.pixels if one.id not in pixels_taken],
        "catalogs": chosen[Kind.CATALOG],
        "catalog_offers": offers.catalogs,
        "numbers": number_accounts(connection),
    }


def _account(asset: Asset) -> dict[str, Any]:
    terms = asset.details.get(TERMS) or {}
    ready = Audience.objects.filter(connection=asset.connection_id, ad_account_id=asset.external_id).exclude(
        external_id=""
    )
    return {
        "asset": asset,
        "audiences": ready.count(),
        "terms_link": "" if terms.get("accepted", True) else terms.get("link", ""),
    }


def _datasets(connection: Connection, chosen: list[Asset]) -> list[dict[str, Any]]:
    """Each WhatsApp account of the workspace's numbers with its dataset, then datasets of others."""
    by_waba = {str(asset.details.get("waba_id") or asset.external_id): asset for asset in chosen}
    rows: list[dict[str, Any]] = [
        {"waba": one.waba_id, "numbers": ", ".join(one.numbers), "asset": by_waba.pop(one.waba_id, None)}
        for one in number_accounts(connection)
    ]
    return rows + [{"waba": waba, "numbers": "", "asset": asset} for waba, asset in by_waba.items()]
