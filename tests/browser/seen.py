"""What the platforms saw of a workspace: with which tokens, under which ids."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from integrations.models import Asset, Connection
from tenants.context import in_organization
from tenants.models import Organization
from tenants.workspaces.models import Workspace
from tests.browser.owner import Owner
from tests.support.sandbox import Sandbox


@dataclass(frozen=True)
class Accounts:
    """A workspace's accounts at every platform, as we keep them: ids, and what opens them."""

    #: kind of Asset -> external id; one of a kind
    assets: dict[str, str]
    #: platform -> account
    accounts: dict[str, str]
    #: platform -> every secret
    secrets: dict[str, set[str]]


def organization_of(owner: Owner) -> Organization:
    """The organization that came of his Page."""
    found: Organization = Organization.objects.get(page_id=owner.person.pages[0])
    return found


def accounts_of(owner: Owner, business: int = 0) -> Accounts:
    """The accounts of the workspace that came of a business; it fails where there are two of a kind."""
    with in_organization(organization_of(owner).schema_name):
        workspace = Workspace.objects.get(business_id=owner.person.businesses[business]["id"])
        rows = list(Connection.objects.filter(workspace=workspace, removed_at=None))
        assets = list(Asset.objects.filter(connection__in=rows).values_list("kind", "external_id"))
        accounts = {row.platform: row.account for row in rows}
        secrets = {row.platform: {str(one) for one in row.secrets().values()} for row in rows}
    assert len(accounts) == len(rows), "one connection for each platform"
    assert len(dict(assets)) == len(assets), f"one asset of each kind: {assets}"
    return Accounts(dict(assets), accounts, secrets)


def keys_seen(sandbox: Sandbox, platform: str, part: str, *, method: str = "POST") -> set[str]:
    """The tokens or keys of all requests whose path has `part`."""
    rows = sandbox.get(f"/_received?path={part}", platform=platform)
    return {_key(row) for row in rows if row["method"] == method}


def _key(row: dict[str, Any]) -> str:
    """What a request was opened with."""
    headers = {name.lower(): value for name, value in row["headers"].items()}
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if not value:
        return str(headers.get("token") or scheme)
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return str(value)


def events_of(sandbox: Sandbox, dataset: str) -> list[str]:
    """Names of the events in a dataset or pixel, in the order of their coming."""
    rows = sandbox.state("meta")["events"]
    return [row["event_name"] for row in rows if row["dataset_id"] == dataset]
