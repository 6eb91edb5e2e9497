"""One organization with one workspace and all its connections, from a plain description.

Used by the demo, the tests and the bench; the browser's onboarding does the same steps one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django_tenants.utils import schema_context

from integrations.flowise.connect import flowise_connect
from integrations.gupshup.connect import gupshup_connect
from integrations.kommo.connect import kommo_connect
from integrations.meta.connect import meta_connect
from integrations.models import Connection
from integrations.stripe.connect import stripe_connect
from subscribers.playbook.load import default_document, parse
from subscribers.services.playbook import playbook_publish
from tenants.claims import claim_take
from tenants.models import AssetClaim, Organization
from tenants.services import organization_create, workspace_create
from tenants.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What was made."""

    organization: Organization
    workspace: Workspace
    connections: dict[str, Connection]


def provision(
    *, name: str, page_id: str, accounts: dict[str, Any], playbook: dict[str, Any] | None = None
) -> Provisioned:
    """Makes or renews the organization of a Page with the accounts of every platform.

    `accounts`: platform → ids and tokens, as in sandbox/accounts.json; `playbook`: what differs from
    the default document. Running it again reconnects.
    """
    organization = organization_create(name=name, page_id=page_id)
    meta = accounts["meta"]
    workspace = workspace_create(organization=organization, name=name, business_id=str(meta["business_id"]))
    document = default_document() | {"catalog_id": str(meta["catalog_id"])} | (playbook or {})
    parsed = parse(document)
    with schema_context(organization.schema_name):
        playbook_publish(workspace=workspace, document=document)
        connections = {
            "gupshup": _gupshup(organization, workspace, accounts["gupshup"]),
            "meta": meta_connect(
                workspace=workspace,
                accounts=meta,
                secrets={"token": meta["token"], "app_secret": meta["app_secret"]},
                playbook=parsed,
            ),
            "kommo": kommo_connect(
                workspace=workspace,
                subdomain=accounts["kommo"]["subdomain"],
                account_id=accounts["kommo"]["account_id"],
                token=accounts["kommo"]["token"],
                playbook=parsed,
            ),
            "stripe": stripe_connect(
                organization=organization,
                workspace=workspace,
                account=accounts["stripe"]["account"],
                key=accounts["stripe"]["key"],
            ),
            "flowise": flowise_connect(
                workspace=workspace,
                url=accounts["flowise"].get("url", ""),
                flow_id=accounts["flowise"]["flow_id"],
                key=accounts["flowise"]["key"],
            ),
        }
    return Provisioned(organization, workspace, connections)


def _gupshup(organization: Organization, workspace: Workspace, account: dict[str, Any]) -> Connection:
    config = {key: account[key] for key in ("app_id", "app_name", "number", "number_id", "waba_id")}
    claims = ((AssetClaim.Kind.NUMBER, config["number"]), (AssetClaim.Kind.WABA, config["waba_id"]))
    for kind, external_id in claims:
        claim_take(kind=kind, external_id=external_id, organization=organization, workspace=workspace)
    return gupshup_connect(
        organization=organization, workspace=workspace, config=config, token=account["token"]
    )
