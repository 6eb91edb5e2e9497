"""A tenant whose number is live: what /credentials and all pages behind it start from."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import Any

from arriwa.common.schema import enter_public
from integrations.base.connect import connection_save
from integrations.models import Connection
from tenants.claims import claim_take
from tenants.context import in_organization
from tenants.models import AssetClaim, Organization, Role
from tenants.services import membership_create, organization_create, workspace_create
from tenants.workspaces.models import Workspace
from tests.support.facebook import FacebookPerson
from tests.support.sandbox import Sandbox
from tests.support.signin import Browser, signed_in

_numbers = itertools.count(random.randrange(10_000_000, 80_000_000))


@dataclass
class Tenant:
    """Somebody who is signed in, his organization, and a workspace for each of his businesses."""

    browser: Browser
    person: FacebookPerson
    organization: Organization
    workspaces: list[Workspace]
    #: WhatsApp accounts, as many as workspaces.
    wabas: list[str]

    @property
    def schema(self) -> str:
        """The organization's schema."""
        return str(self.organization.schema_name)

    def post(self, path: str, **fields: Any) -> Any:
        """Submits a form; our answer."""
        enter_public()
        return self.browser.client.post(path, fields)

    def page(self, path: str, status: int = 200) -> str:
        """A page's text."""
        enter_public()
        return self.browser.page(path, status)

    def consent(self, purpose: str = "ads", **answers: Any) -> Any:
        """Through Facebook's dialog from /credentials/meta and back; our answer."""
        answer = self.post("/credentials/meta/consent", purpose=purpose)
        assert answer.status_code == 302, answer.content.decode()
        back = self.browser.come_back(self.person.consent(answer["Location"], **answers))
        assert back.status_code == 302, back.content.decode()
        return self.browser.client.get(back["Location"])


def tenant(sandbox: Sandbox, **given: Any) -> Tenant:
    """A new tenant with a live number in each workspace; `given`: see make_person."""
    browser, person = signed_in(sandbox, **given)
    assert browser.user is not None
    organization = organization_create(name=person.name, page_id=person.pages[0])
    membership_create(user=browser.user, organization=organization, role=Role.OWNER)
    made = Tenant(browser, person, organization, [], [])
    for business in person.businesses:
        workspace = workspace_create(
            organization=organization, name=business["name"], business_id=business["id"]
        )
        made.workspaces.append(workspace)
        made.wabas.append(_number(sandbox, made, workspace))
    return made


def _number(sandbox: Sandbox, made: Tenant, workspace: Workspace) -> str:
    """A live number of the workspace and its WhatsApp account at Meta; that account's id."""
    number = str(next(_numbers))
    waba = f"1009{number}"
    told = {"waba_id": waba, "business_id": workspace.business_id, "name": "Chats"}
    sandbox.post("/facebook/_wabas", {**told, "numbers": [{"number": number, "number_id": f"90{number}"}]})
    for kind, external_id in ((AssetClaim.Kind.NUMBER, number), (AssetClaim.Kind.WABA, waba)):
        claim_take(kind=kind, external_id=external_id, organization=made.organization, workspace=workspace)
    with in_organization(made.schema):
        connection_save(
            workspace=workspace,
            platform="gupshup",
            account=f"app-{number}",
            config={"app_id": f"app-{number}", "number": number, "waba_id": waba},
            secrets={"token": "sk_none"},
        )
    return waba


def connection_of(made: Tenant, platform: str, place: int = 0) -> Connection:
    """The workspace's connection to a platform."""
    with in_organization(made.schema):
        return Connection.objects.select_related("workspace").get(
            workspace=made.workspaces[place].id, platform=platform, removed_at=None
        )
